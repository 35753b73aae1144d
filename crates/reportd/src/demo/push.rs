//! Push reports of the demo: an app with twenty thousand devices, four pushes a day, what became of each, and who was
//! online.
//!
//! The feeds carry it: what happened in a step is posted as NDJSON, the receipts of one vendor signed line by line.

mod campaigns;
mod devices;
mod live;

use axum::http::Method;
use reportd_client::Bytes;
use reportd_client::protocol::push::{Cids, Event, Receipt, Stage};
use reportd_platform::zones::day_text;
use serde_json::json;
use tokio::task::JoinSet;

use self::campaigns::{Campaign, Fate};
use self::devices::Devices;
use super::APP;
use super::draw::Draw;
use super::past::Caller;
use super::rhythm::PHONES;
use super::steps::Steps;

pub(super) use self::live::send_live;

/// Most bytes and events of a request; what the feed takes is twice as much.
const MOST_BYTES: usize = 4 << 20;
const MOST_EVENTS: u32 = 9_000;
const SEED: u64 = 0x7075_7368;

/// The task of a day that went to a list of devices.
pub(super) fn list_task(day: i64) -> String {
    task("RASL", day)
}

/// The task of a day that went to the whole app.
pub(super) fn app_task(day: i64) -> String {
    task("RASA", day)
}

fn task(prefix: &str, day: i64) -> String {
    format!("{prefix}_demo_{}", day_text(day).replace('-', ""))
}

/// What the app has set: how many messages a day each vendor lets it send.
pub(super) fn settings() -> String {
    json!({
        "quotas": {
            "gt": {"list": 12_000, "app": 20_000}, "xm": {"general": 8_000}, "op": {"general": 6_000},
            "vv": {"general": 5_000, "special": 2_000},
        },
        "channels_without_display": ["mz"],
    })
    .to_string()
}

/// Lines of one step, in requests that the feed takes.
#[derive(Default)]
struct Lines {
    full: Vec<Bytes>,
    open: Vec<u8>,
    count: u32,
}

impl Lines {
    fn add(&mut self, count: u32, write: impl FnOnce(&mut Vec<u8>)) {
        if self.count + count > MOST_EVENTS || self.open.len() > MOST_BYTES {
            self.end();
        }
        write(&mut self.open);
        self.open.push(b'\n');
        self.count += count;
    }

    fn event(&mut self, event: &Event<'_>) {
        self.add(event.count(), |out| event.write(out));
    }

    fn end(&mut self) {
        if !self.open.is_empty() {
            self.full.push(Bytes::from(std::mem::take(&mut self.open)));
            self.count = 0;
        }
    }
}

/// The gateway in the history.
pub(super) struct Gateway {
    caller: Caller,
    authorization: String,
    master_secret: String,
    devices: Devices,
    campaigns: Vec<Campaign>,
    next_campaign: usize,
    /// By step: what will come back then of pushes that were sent before, and who will be online.
    events: Vec<Lines>,
    receipts: Vec<Lines>,
    /// The last step knows what its index is.
    at: usize,
    ends_ms: i64,
    draw: Draw,
}

impl Gateway {
    pub(super) fn new(
        caller: Caller,
        (authorization, master_secret): (&str, &str),
        steps: &Steps,
    ) -> Self {
        let count = steps.all().len();
        Self {
            caller,
            authorization: authorization.to_owned(),
            master_secret: master_secret.to_owned(),
            devices: Devices::new(steps),
            campaigns: campaigns::all(steps),
            next_campaign: 0,
            events: std::iter::repeat_with(Lines::default).take(count).collect(),
            receipts: std::iter::repeat_with(Lines::default).take(count).collect(),
            at: 0,
            ends_ms: steps.ends_ms(),
            draw: Draw::of(SEED, 1),
        }
    }

    /// What the gateway fed in a step; returns how many events and receipts.
    pub(super) async fn step(&mut self, steps: &Steps, at: usize) -> anyhow::Result<u64> {
        let (from_ms, to_ms) = steps.all()[at];
        self.at = at;
        self.devices.register(at, &mut self.events[at]);
        self.go_online(steps, from_ms, to_ms);
        while let Some(campaign) = self.campaigns.get(self.next_campaign) {
            if campaign.at_ms >= to_ms {
                break;
            }
            let campaign = campaign.clone();
            self.next_campaign += 1;
            self.push(steps, &campaign);
        }
        self.send(at).await
    }

    /// Devices look into the app twice or so a day, each time for a quarter of an hour.
    fn go_online(&mut self, steps: &Steps, from_ms: i64, to_ms: i64) {
        let sessions = self.devices.sessions(PHONES.at(from_ms), to_ms - from_ms);
        for _ in 0..sessions {
            let at_ms = self.draw.between(from_ms, to_ms - 1);
            let device = self.devices.active(&mut self.draw, at_ms);
            for again in 0..2 {
                let at_ms = at_ms + again * devices::ONLINE_EVERY_MS;
                if at_ms < self.ends_ms {
                    let cid = devices::cid(device).into();
                    let event = Event::Presence {
                        is_online: true,
                        cid,
                        at_ms,
                    };
                    self.events[steps.of(at_ms)].event(&event);
                }
            }
        }
    }

    /// A push goes out, and what comes back of it is put where it will come.
    fn push(&mut self, steps: &Steps, campaign: &Campaign) {
        let mut draw = Draw::of(SEED, campaign.at_ms.unsigned_abs());
        let at = steps.of(campaign.at_ms);
        self.events[at].event(&campaign.announcement());
        let fates = campaign.fates(&self.devices, &mut draw);
        for (event, fates) in campaigns::bulk(campaign, &fates) {
            debug_assert!(!fates.is_empty());
            self.events[at.max(self.at)].event(&event);
        }
        for fate in &fates {
            self.come_back(steps, campaign, fate);
        }
    }

    fn come_back(&mut self, steps: &Steps, campaign: &Campaign, fate: &Fate) {
        for &(stage, at_ms) in &fate.stages {
            if at_ms >= self.ends_ms {
                return;
            }
            let place = steps.of(at_ms).max(self.at);
            if let Some(receipt) = fate.receipt(campaign, stage, at_ms) {
                let secret = &self.master_secret;
                let write = |out: &mut Vec<u8>| Receipt::write(&receipt, APP, secret, out);
                self.receipts[place].add(1, write);
                continue;
            }
            self.events[place].event(&fate.reached(campaign, stage, at_ms));
            if stage == Stage::Clicked
                && let Some(action) = fate.action(campaign, at_ms)
            {
                self.events[place].event(&action);
            }
        }
        if let Some((event, at_ms)) = fate.lost_later(campaign)
            && at_ms < self.ends_ms
        {
            self.events[steps.of(at_ms).max(self.at)].event(&event);
        }
    }

    async fn send(&mut self, at: usize) -> anyhow::Result<u64> {
        let mut sending = JoinSet::new();
        for (feed, lines, authorization) in [
            ("events", &mut self.events[at], self.authorization.as_str()),
            ("receipts", &mut self.receipts[at], ""),
        ] {
            lines.end();
            for body in lines.full.drain(..) {
                let (caller, authorization) = (self.caller.clone(), authorization.to_owned());
                sending.spawn(async move {
                    let path = format!("/api/apps/{APP}/push/{feed}");
                    let asked = caller.ask((Method::POST, &path), (&authorization, ""), body);
                    asked
                        .await
                        .map(|told| told["accepted"].as_u64().unwrap_or(0))
                });
            }
        }
        let mut accepted = 0;
        while let Some(sent) = sending.join_next().await {
            accepted += sent??;
        }
        Ok(accepted)
    }
}

/// A list of devices as a feed takes it.
fn many(devices: &[u64]) -> Cids<'static> {
    let cids: Vec<String> = devices.iter().map(|&device| devices::cid(device)).collect();
    Cids::many(cids.iter().map(String::as_str))
}
