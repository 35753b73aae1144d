//! Push events while the demo runs: who is online, and what comes back of today's pushes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use reportd_client::PushFeedClient;
use reportd_client::protocol::push::{
    Channel, Cids, Event, Phase, Quota, RECEIPT_OK, Reason, Receipt, Stage, TaskKind,
};
use reportd_platform::clock::{Clock, SystemClock};

use super::devices::{DEVICES, ONLINE_EVERY_MS, brand_of, cid};
use super::{SEED, app_task, list_task};
use crate::demo::draw::Draw;
use crate::demo::rhythm::{PHONES, day, start_of};

/// Between two live requests.
const LIVE_INTERVAL: Duration = Duration::from_secs(3);
/// Live requests until each device that stays online is told again.
const TURNS: u64 = ONLINE_EVERY_MS.unsigned_abs() / 3_000;
/// Messages of a usual day beside the campaigns.
const LIVE_MESSAGES: u64 = 6_000;

/// Presence of some devices and a few events of today's tasks, again and again, until it is aborted.
pub(in crate::demo) async fn send_live(client: PushFeedClient, clock: Arc<SystemClock>) {
    let mut draw = Draw::of(SEED ^ 3, clock.now_ms().unsigned_abs());
    let mut announced_day = None;
    for turn in 0_u64.. {
        let now_ms = clock.now_ms();
        let today = day(now_ms);
        let mut told = Told {
            at_ms: now_ms,
            events: Vec::new(),
            receipts: Vec::new(),
        };
        if announced_day != Some(today) {
            told.announce(&list_task(today), TaskKind::List, "morning news");
            told.announce(&app_task(today), TaskKind::App, "weekly highlights");
        }
        told.online(turn, PHONES.at(now_ms));
        if draw.happens(PHONES.per_mille(now_ms, LIVE_MESSAGES, LIVE_INTERVAL)) {
            let task = if draw.happens(700) {
                list_task(today)
            } else {
                app_task(today)
            };
            told.message(&task, &mut draw);
        }
        let sent = match client.send_events(&told.events).await {
            Ok(_) => client.send_receipts(&told.receipts).await,
            error => error,
        };
        match sent {
            Ok(_) => announced_day = Some(today),
            Err(error) => tracing::warn!(%error, "live events were not taken"),
        }
        tokio::time::sleep(LIVE_INTERVAL).await;
    }
}

/// What is told with one request.
struct Told {
    at_ms: i64,
    events: Vec<Event<'static>>,
    receipts: Vec<Receipt<'static>>,
}

impl Told {
    fn announce(&mut self, task: &str, kind: TaskKind, group: &'static str) {
        self.events.push(Event::Task {
            task_id: task.to_owned().into(),
            kind,
            group_name: Some(Cow::Borrowed(group)),
            // What was announced when it went out keeps its time: of two announcements the later time holds.
            created_at_ms: start_of(day(self.at_ms)),
        });
    }

    /// A share of all who are online now, each in its turn.
    fn online(&mut self, turn: u64, weight: u64) {
        let online = weight / 105 + 5;
        for number in (0..online).filter(|number| number % TURNS == turn % TURNS) {
            let device = number.wrapping_mul(7_919) % DEVICES;
            self.events.push(Event::Presence {
                is_online: true,
                cid: cid(device).into(),
                at_ms: self.at_ms,
            });
        }
    }

    /// A message on its way to one device, as far as it gets.
    fn message(&mut self, task: &str, draw: &mut Draw) {
        let device = draw.below(DEVICES);
        let (brand, channel) = brand_of(device);
        let (at_ms, task_id) = (self.at_ms, || Cow::Owned(task.to_owned()));
        let one = || Cids::One(cid(device).into());
        self.events.push(Event::Sendable {
            task_id: task_id(),
            cids: one(),
            at_ms,
        });
        if draw.happens(50) {
            self.events
                .extend(Reason::from_code(12).map(|reason| Event::Lost {
                    task_id: task_id(),
                    cids: one(),
                    channel,
                    phase: Phase::Rs,
                    reason,
                    at_ms,
                }));
            return;
        }
        for (stage, per_mille) in [
            (Stage::Sent, 1_000),
            (Stage::Received, 850),
            (Stage::Displayed, 660),
            (Stage::Clicked, 110),
        ] {
            if !draw.happens(per_mille) {
                return;
            }
            if stage == Stage::Received && channel == Channel::Hw {
                self.receipts.push(Receipt {
                    cid: cid(device).into(),
                    task_id: task_id(),
                    msg_id: format!("{at_ms}-{device}").into(),
                    code: RECEIPT_OK,
                    desc: Cow::Borrowed("success"),
                    action_id: Cow::Borrowed("110000"),
                    at_ms,
                    channel: None,
                });
                continue;
            }
            let is_limited = stage == Stage::Sent && channel == Channel::Xm;
            self.events.push(Event::Reached {
                stage,
                task_id: task_id(),
                cids: one(),
                channel,
                brand: Some(Cow::Borrowed(brand)),
                quota: is_limited.then_some(Quota::General),
                at_ms,
            });
        }
    }
}
