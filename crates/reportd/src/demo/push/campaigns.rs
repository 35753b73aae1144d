//! Pushes and their funnels: to whom they went, who was lost where and why, and when the others saw and opened them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use reportd_client::protocol::push::{
    Channel, Event, Phase, Quota, RECEIPT_OK, Reason, Receipt, Stage, TaskKind,
};
use reportd_platform::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use reportd_platform::zones::day_text;

use super::devices::{Devices, brand_of, cid};
use super::{app_task, list_task, many};
use crate::demo::draw::Draw;
use crate::demo::rhythm::{day, start_of, weekday};
use crate::demo::steps::Steps;

/// Pushes of the history.
const CAMPAIGNS: usize = 120;
/// Times of a day, the group of the push, how many devices it goes to, and how many of a thousand who see it open it.
const SLOTS: [(i64, &str, u64, u64); 4] = [
    (8 * 60, "morning news", 1_650, 74),
    (12 * 60 + 30, "lunch offers", 1_100, 52),
    (18 * 60, "reading list", 1_250, 96),
    (20 * 60 + 30, "evening show", 2_600, 118),
];
/// What goes to the whole app, on Wednesdays and Saturdays in the evening.
const TO_ALL: (&str, u64) = ("weekly highlights", 66);
/// A push that went wrong, so many days before the last: its link was no link.
const BROKEN_DAYS_AGO: i64 = 6;
/// Messages are tried for a day.
const VALID_MS: i64 = DAY_MS;

/// A push.
#[derive(Clone)]
pub(super) struct Campaign {
    pub(super) at_ms: i64,
    task: String,
    kind: TaskKind,
    group: &'static str,
    devices: u64,
    opened_per_mille: u64,
    is_broken: bool,
}

/// All pushes of the history, the oldest first.
pub(super) fn all(steps: &Steps) -> Vec<Campaign> {
    let last = day(steps.ends_ms());
    let mut all: Vec<Campaign> = (0..)
        .flat_map(|days_ago| {
            let day = last - days_ago;
            (0..SLOTS.len())
                .rev()
                .map(move |slot| (day, slot, days_ago))
        })
        .map(|(day, slot, days_ago)| Campaign::of(day, slot, days_ago))
        .filter(|campaign| campaign.at_ms < steps.ends_ms() - MINUTE_MS)
        .take(CAMPAIGNS)
        .filter(|campaign| campaign.at_ms > steps.begins_ms() - DAY_MS)
        .collect();
    all.reverse();
    all
}

impl Campaign {
    fn of(day: i64, slot: usize, days_ago: i64) -> Self {
        let (minute, group, devices, opened_per_mille) = SLOTS[slot];
        let at_ms = start_of(day) + minute * MINUTE_MS;
        let is_to_all = slot == 3 && matches!(weekday(day), 2 | 5);
        let mut draw = Draw::of(super::SEED ^ 2, day.unsigned_abs() * 8 + slot as u64);
        let date = day_text(day).replace('-', "");
        let (task, kind) = match (slot, is_to_all) {
            (_, true) => (app_task(day), TaskKind::App),
            (0, _) => (list_task(day), TaskKind::List),
            (1, _) => (format!("RASL_demo_{date}_noon"), TaskKind::List),
            (2, _) => (format!("RASL_demo_{date}_six"), TaskKind::List),
            _ => (format!("RASL_demo_{date}_evening"), TaskKind::List),
        };
        let (group, opened_per_mille) = if is_to_all {
            TO_ALL
        } else {
            (group, opened_per_mille)
        };
        Self {
            at_ms: at_ms + draw.between(0, 90) * SECOND_MS,
            task,
            kind,
            group,
            devices: if is_to_all {
                u64::MAX
            } else {
                devices * draw.between(72, 134).unsigned_abs() / 100
            },
            // Some headlines are better than others.
            opened_per_mille: opened_per_mille * draw.between(60, 165).unsigned_abs() / 100,
            is_broken: days_ago == BROKEN_DAYS_AGO && slot == 1,
        }
    }

    pub(super) fn announcement(&self) -> Event<'static> {
        Event::Task {
            task_id: self.task.clone().into(),
            kind: self.kind,
            group_name: Some(Cow::Borrowed(self.group)),
            created_at_ms: self.at_ms,
        }
    }

    /// What becomes of it on each device.
    pub(super) fn fates(&self, devices: &Devices, draw: &mut Draw) -> Vec<Fate> {
        let count = devices.count_at(self.at_ms);
        let meant = if self.devices >= count {
            (0..count).collect()
        } else {
            devices.some(draw, self.devices, self.at_ms)
        };
        meant
            .into_iter()
            .map(|device| self.fate(device, draw))
            .collect()
    }

    fn fate(&self, device: u64, draw: &mut Draw) -> Fate {
        let (brand, vendor) = brand_of(device);
        // Where the app runs the gateway's own connection is there.
        let channel = if vendor != Channel::Ios && draw.happens(230) {
            Channel::Gt
        } else {
            vendor
        };
        let mut fate = Fate {
            device,
            brand,
            channel,
            stages: Vec::with_capacity(3),
            lost: None,
            is_app: self.kind == TaskKind::App,
        };
        let known = device % 53;
        if known == 7 || self.is_broken && draw.happens(640) {
            let reason = if self.is_broken {
                2002
            } else {
                [5, 13_001, 14_002][draw.weighted([6, 3, 1].into_iter())]
            };
            fate.lose(Phase::Ts, reason, self.at_ms);
            return fate;
        }
        if device % 11 == 3 && draw.happens(620) {
            fate.lose(Phase::Ts, 14_006, self.at_ms);
            return fate;
        }
        fate.go(self, draw);
        fate
    }
}

/// What became of a push on a device.
pub(super) struct Fate {
    device: u64,
    brand: &'static str,
    channel: Channel,
    /// Behind `sent`: what was reached, and when.
    pub(super) stages: Vec<(Stage, i64)>,
    lost: Option<(Phase, Reason, i64)>,
    is_app: bool,
}

impl Fate {
    fn lose(&mut self, phase: Phase, reason: i64, at_ms: i64) {
        self.lost = Reason::from_code(reason).map(|reason| (phase, reason, at_ms));
    }

    /// From sendable on.
    fn go(&mut self, campaign: &Campaign, draw: &mut Draw) {
        let at_ms = campaign.at_ms;
        if draw.happens(if self.channel == Channel::Gt { 96 } else { 34 }) {
            let reason = match self.channel {
                Channel::Gt => [12, 14_005, 14_001][draw.weighted([8, 2, 1].into_iter())],
                Channel::Ios => 11_999,
                _ => [6001, 6002, 8002, 11_002][draw.weighted([3, 4, 2, 2].into_iter())],
            };
            self.lose(Phase::Rs, reason, at_ms);
            return;
        }
        if draw.happens(148) {
            let reason = [12, 5, 11_001, 10][draw.weighted([9, 4, 2, 3].into_iter())];
            let later_ms = if reason == 12 {
                VALID_MS
            } else {
                draw.wait(20 * MINUTE_MS)
            };
            self.lose(Phase::Sf, reason, at_ms + later_ms);
            return;
        }
        // Most phones are there at once; some are switched on in the morning.
        let waits_ms = if draw.happens(790) {
            45 * SECOND_MS
        } else {
            3 * HOUR_MS
        };
        let received_ms = at_ms + 2 * SECOND_MS + draw.wait(waits_ms);
        self.stages.push((Stage::Received, received_ms));
        if draw.happens(if self.channel == Channel::Ios {
            300
        } else {
            345
        }) {
            if draw.happens(160) {
                let reason = [10, 14_006, 11_003][draw.weighted([6, 3, 1].into_iter())];
                self.lose(Phase::Fd, reason, received_ms + SECOND_MS);
            }
            return;
        }
        let displayed_ms = received_ms + draw.wait(8 * SECOND_MS);
        self.stages.push((Stage::Displayed, displayed_ms));
        // Who looks into the app often opens more.
        let eager = 60 + (self.device.wrapping_mul(7_919) % 97);
        if draw.happens(campaign.opened_per_mille * eager / 108) {
            let waits_ms = if draw.happens(600) {
                4 * MINUTE_MS
            } else {
                70 * MINUTE_MS
            };
            self.stages.push((
                Stage::Clicked,
                displayed_ms + SECOND_MS + draw.wait(waits_ms),
            ));
        }
    }

    fn is_sendable(&self) -> bool {
        !matches!(self.lost, Some((Phase::Ts, ..)))
    }

    fn is_sent(&self) -> bool {
        !matches!(self.lost, Some((Phase::Ts | Phase::Rs, ..)))
    }

    fn quota(&self) -> Option<Quota> {
        match self.channel {
            Channel::Gt if self.is_app => Some(Quota::App),
            Channel::Gt => Some(Quota::List),
            Channel::Xm | Channel::Op | Channel::Vv => Some(Quota::General),
            _ => None,
        }
    }

    pub(super) fn reached(&self, campaign: &Campaign, stage: Stage, at_ms: i64) -> Event<'static> {
        let counts = stage == Stage::Received;
        Event::Reached {
            stage,
            task_id: campaign.task.clone().into(),
            cids: reportd_client::protocol::push::Cids::One(cid(self.device).into()),
            channel: self.channel,
            brand: Some(Cow::Borrowed(self.brand)),
            quota: self.quota().filter(|_| counts),
            at_ms,
        }
    }

    /// One vendor tells by receipts what arrived.
    pub(super) fn receipt(
        &self,
        campaign: &Campaign,
        stage: Stage,
        at_ms: i64,
    ) -> Option<Receipt<'static>> {
        let is_told = self.channel == Channel::Hw && stage == Stage::Received;
        is_told.then(|| Receipt {
            cid: cid(self.device).into(),
            task_id: campaign.task.clone().into(),
            msg_id: format!("{}-{}", campaign.at_ms / SECOND_MS, self.device).into(),
            code: RECEIPT_OK,
            desc: Cow::Borrowed("success"),
            action_id: Cow::Borrowed("110000"),
            at_ms,
            channel: None,
        })
    }

    /// What some do who opened it.
    pub(super) fn action(&self, campaign: &Campaign, at_ms: i64) -> Option<Event<'static>> {
        let action = ["", "90001", "90001", "90002", ""]
            [usize::from(self.device % 5 == 1) + usize::try_from(self.device % 4).unwrap_or(0)];
        (!action.is_empty()).then(|| Event::Action {
            task_id: campaign.task.clone().into(),
            cid: cid(self.device).into(),
            action_id: Cow::Borrowed(action),
            at_ms: at_ms + SECOND_MS,
        })
    }

    /// A loss that shows itself behind the sending.
    pub(super) fn lost_later(&self, campaign: &Campaign) -> Option<(Event<'static>, i64)> {
        let (phase, reason, at_ms) = self
            .lost
            .filter(|(phase, ..)| matches!(phase, Phase::Sf | Phase::Fd))?;
        let event = lost(
            campaign,
            (self.channel, phase, reason),
            &[self.device],
            at_ms,
        );
        Some((event, at_ms))
    }
}

fn lost(
    campaign: &Campaign,
    (channel, phase, reason): (Channel, Phase, Reason),
    devices: &[u64],
    at_ms: i64,
) -> Event<'static> {
    Event::Lost {
        task_id: campaign.task.clone().into(),
        cids: many(devices),
        channel,
        phase,
        reason,
        at_ms,
    }
}

/// What happens at once, to many devices each: sendable, sent, and lost before.
pub(super) fn bulk(campaign: &Campaign, fates: &[Fate]) -> Vec<(Event<'static>, Vec<u64>)> {
    let mut all = Vec::new();
    let task_id = || Cow::Owned(campaign.task.clone());
    let at_ms = campaign.at_ms + SECOND_MS;
    let sendable: Vec<u64> = (fates.iter().filter(|fate| fate.is_sendable()))
        .map(|fate| fate.device)
        .collect();
    for devices in sendable.chunks(4_000) {
        let cids = many(devices);
        all.push((
            Event::Sendable {
                task_id: task_id(),
                cids,
                at_ms,
            },
            devices.to_vec(),
        ));
    }
    let mut sent = BTreeMap::<_, Vec<u64>>::new();
    let mut losses = BTreeMap::<_, Vec<u64>>::new();
    for fate in fates {
        if fate.is_sent() {
            let key = (fate.channel, fate.brand, fate.quota());
            sent.entry(key).or_default().push(fate.device);
        } else if let Some((phase, reason, _)) = fate.lost {
            let key = (fate.channel, phase, reason);
            losses.entry(key).or_default().push(fate.device);
        }
    }
    for ((channel, brand, quota), devices) in sent {
        let event = Event::Reached {
            stage: Stage::Sent,
            task_id: task_id(),
            cids: many(&devices),
            channel,
            brand: Some(Cow::Borrowed(brand)),
            quota,
            at_ms: at_ms + SECOND_MS,
        };
        all.push((event, devices));
    }
    for (key, devices) in losses {
        all.push((lost(campaign, key, &devices, at_ms), devices));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_and_twenty_pushes_have_funnels() {
        let steps = Steps::of_days(30, 1_795_341_600_000);
        let (all, devices) = (all(&steps), Devices::new(&steps));
        assert!(all.is_sorted_by_key(|campaign| campaign.at_ms));
        assert_eq!(all.len(), CAMPAIGNS);
        let tasks: std::collections::HashSet<_> =
            all.iter().map(|campaign| &campaign.task).collect();
        assert_eq!(tasks.len(), CAMPAIGNS, "each has a name of its own");
        let (mut sent, mut counts) = (0, [0; 3]);
        for campaign in &all {
            for fate in campaign.fates(&devices, &mut Draw::of(1, 1)) {
                sent += usize::from(fate.is_sent());
                for (count, _) in counts.iter_mut().zip(&fate.stages) {
                    *count += 1;
                }
                assert!(fate.stages.is_sorted_by_key(|(_, at_ms)| *at_ms));
            }
        }
        assert!((150_000..400_000).contains(&sent), "{sent}");
        assert!(
            sent > counts[0] && counts[0] > counts[1] && counts[1] > 8 * counts[2],
            "{sent} {counts:?}"
        );
        assert!(counts[2] > 4_000);
    }
}
