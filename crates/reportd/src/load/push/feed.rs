//! The feed of a connection. A request that failed is sent again until it is acknowledged, and some that were are sent
//! once more, as gateways do: what is counted must be what is distinct.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use reportd_client::{Bytes, ClientError, Connection};
use reportd_platform::secret::Secret;

use super::campaign::{Campaign, DEVICE_ROUNDS, EVENT_ROUNDS, RECEIPT_ROUNDS};
use crate::cli::{LoadPush, PushFeed};
use crate::load::sender::{Acknowledged, Exchange};

/// Of so many requests of a connection one is the last one again.
const REPEAT_EVERY: u64 = 20;

/// What is sent, and by what right.
#[derive(Clone)]
pub(super) enum Sends {
    Receipts { master_secret: Secret },
    Events { key: Secret },
    Devices { key: Secret },
}

impl Sends {
    pub(super) fn new(asked: &LoadPush) -> anyhow::Result<Self> {
        let key = || asked.key.clone().context("--key: events need an API key");
        Ok(match asked.feed {
            PushFeed::Receipts => Self::Receipts {
                master_secret: asked
                    .master_secret
                    .clone()
                    .context("--master-secret: receipts are signed with it")?,
            },
            PushFeed::Events => Self::Events { key: key()? },
            PushFeed::Devices => Self::Devices { key: key()? },
        })
    }

    /// How many lines there are that tell something new.
    fn distinct(&self, campaign: &Campaign) -> u64 {
        match self {
            Self::Receipts { .. } => campaign.pairs() * RECEIPT_ROUNDS,
            Self::Events { .. } => campaign.pairs() * EVENT_ROUNDS,
            Self::Devices { .. } => campaign.devices() * DEVICE_ROUNDS,
        }
    }
}

/// The feed of one connection; the numbers of requests are shared by all.
pub(super) struct Feed {
    app: String,
    items: u64,
    most_requests: u64,
    campaign: Arc<Campaign>,
    sends: Sends,
    next: Arc<AtomicU64>,
    /// What is sent, or must be sent again.
    pending: Option<Written>,
    /// What was acknowledged last.
    last: Bytes,
    acknowledged: u64,
}

struct Written {
    body: Bytes,
    /// Lines that were not in an acknowledged request before.
    distinct: u64,
}

impl Feed {
    pub(super) fn new(
        asked: &LoadPush,
        campaign: &Arc<Campaign>,
        sends: &Sends,
        next: &Arc<AtomicU64>,
    ) -> Self {
        Self {
            app: asked.app.clone(),
            items: u64::from(asked.items),
            most_requests: asked.requests.unwrap_or(u64::MAX),
            campaign: Arc::clone(campaign),
            sends: sends.clone(),
            next: Arc::clone(next),
            pending: None,
            last: Bytes::new(),
            acknowledged: 0,
        }
    }

    fn write(&self, number: u64, now_ms: i64) -> Written {
        let first = number * self.items;
        let mut body = Vec::new();
        for number in first..first + self.items {
            match &self.sends {
                Sends::Receipts { master_secret } => {
                    let receipt = self.campaign.receipt(number, now_ms);
                    receipt.write(&self.app, master_secret.reveal(), &mut body);
                }
                Sends::Events { .. } => self.campaign.event(number, now_ms).write(&mut body),
                Sends::Devices { .. } => {
                    self.campaign.device_event(number, now_ms).write(&mut body)
                }
            }
            body.push(b'\n');
        }
        let new = self.sends.distinct(&self.campaign).saturating_sub(first);
        Written {
            body: body.into(),
            distinct: new.min(self.items),
        }
    }
}

impl Exchange for Feed {
    fn prepare(&mut self, now_ms: i64) -> bool {
        if self.pending.is_some() {
            return true;
        }
        let is_repeat = self.acknowledged % REPEAT_EVERY == REPEAT_EVERY - 1;
        self.pending = if is_repeat {
            let body = self.last.clone();
            Some(Written { body, distinct: 0 })
        } else {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            (number < self.most_requests).then(|| self.write(number, now_ms))
        };
        self.pending.is_some()
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        let Some(Written { body, distinct }) = &self.pending else {
            return Ok(Acknowledged::default());
        };
        let (app, body) = (&self.app, body.clone());
        let reports = match &self.sends {
            Sends::Receipts { .. } => connection.post_receipts(app, body.clone()).await?,
            Sends::Events { key } | Sends::Devices { key } => {
                let key = key.reveal();
                connection.post_events(app, key, body.clone()).await?
            }
        };
        let distinct = *distinct;
        self.pending = None;
        self.last = body;
        self.acknowledged += 1;
        Ok(Acknowledged { reports, distinct })
    }
}
