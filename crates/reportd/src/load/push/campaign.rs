//! Generated pushes: tasks that go out to all devices, some tasks at a time, each in an order of its own. Everything
//! follows from a number: the same lines for the same numbers, and other lines for others.

use std::borrow::Cow;

use reportd_client::protocol::push::{Channel, Cids, Event, RECEIPT_OK, Receipt, Stage};

use crate::cli::LoadPush;
use crate::traffic::mix;

/// Each reaches half the devices of the one before: gt has as many as all others.
const CHANNELS: [(Channel, &str); 4] = [
    (Channel::Gt, "0"),
    (Channel::Hw, "110000"),
    (Channel::Op, "140000"),
    (Channel::Vv, "150000"),
];
/// `actionId`s of receipts whose channel is named beside.
const DISPLAYED: &str = "60001";
const CLICKED: &str = "60002";
const BRANDS: [&str; 12] = [
    "honor", "huawei", "lenovo", "meizu", "nubia", "oneplus", "oppo", "realme", "samsung", "vivo",
    "xiaomi", "zte",
];
/// Stages that receipts tell of; what comes behind them was told before.
pub(super) const RECEIPT_ROUNDS: u64 = 3;
/// Stages that events tell of.
pub(super) const EVENT_ROUNDS: u64 = 5;
/// A registration and a presence.
pub(super) const DEVICE_ROUNDS: u64 = 2;
const DAY_MS: i64 = 86_400_000;

/// What is pushed to whom.
#[derive(Debug, Clone)]
pub(super) struct Campaign {
    seed: u64,
    tasks: u64,
    devices: u64,
    tasks_at_once: u64,
    /// How long ago it all happened.
    ago_ms: i64,
}

/// A device of a task, and how often all of them came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    task: u64,
    device: u64,
    round: u64,
}

impl Campaign {
    pub(super) fn new(asked: &LoadPush) -> Self {
        Self {
            seed: asked.run.seed,
            tasks: u64::from(asked.tasks),
            devices: u64::from(asked.devices),
            tasks_at_once: u64::from(asked.tasks_at_once.min(asked.tasks)),
            ago_ms: i64::from(asked.days_ago) * DAY_MS,
        }
    }

    /// How many pairs of a task and a device there are.
    pub(super) fn pairs(&self) -> u64 {
        self.tasks * self.devices
    }

    pub(super) fn devices(&self) -> u64 {
        self.devices
    }

    /// The id of a task, as long as the vendor's.
    pub(super) fn task_id(&self, task: u64) -> String {
        format!("RASL_{:04}_{:016x}{task:012}", self.seed, mix(self.seed))
    }

    /// A receipt by its number.
    pub(super) fn receipt(&self, number: u64, now_ms: i64) -> Receipt<'static> {
        let Place {
            task,
            device,
            round,
        } = self.place(number);
        let (channel, received) = channel(device);
        let (action_id, channel) = match round % RECEIPT_ROUNDS {
            0 => (received, None),
            1 => (DISPLAYED, Some(channel)),
            _ => (CLICKED, Some(channel)),
        };
        Receipt {
            cid: cid(device).into(),
            task_id: self.task_id(task).into(),
            msg_id: format!("{:016x}{device:016x}", mix(task)).into(),
            code: RECEIPT_OK,
            desc: Cow::Borrowed("success"),
            action_id: Cow::Borrowed(action_id),
            at_ms: now_ms - self.ago_ms,
            channel,
        }
    }

    /// An event of a push by its number.
    pub(super) fn event(&self, number: u64, now_ms: i64) -> Event<'static> {
        let Place {
            task,
            device,
            round,
        } = self.place(number);
        let task_id = self.task_id(task).into();
        let cids = Cids::One(cid(device).into());
        let at_ms = now_ms - self.ago_ms;
        let stage = match round % EVENT_ROUNDS {
            0 => {
                return Event::Sendable {
                    task_id,
                    cids,
                    at_ms,
                };
            }
            1 => Stage::Sent,
            2 => Stage::Received,
            3 => Stage::Displayed,
            _ => Stage::Clicked,
        };
        Event::Reached {
            stage,
            task_id,
            cids,
            channel: channel(device).0,
            brand: Some(Cow::Borrowed(pick(&BRANDS, mix(device) >> 32))),
            quota: None,
            at_ms,
        }
    }

    /// An event of a device by its number: first all register, then each was online at some time of the two days before.
    pub(super) fn device_event(&self, number: u64, now_ms: i64) -> Event<'static> {
        let (round, device) = (number / self.devices, number % self.devices);
        let cid = cid(device).into();
        if round.is_multiple_of(DEVICE_ROUNDS) {
            return Event::Device {
                cid,
                brand: Some(Cow::Borrowed(pick(&BRANDS, mix(device) >> 32))),
                at_ms: now_ms - self.ago_ms,
            };
        }
        let two_days_ms = 2 * DAY_MS;
        let before_ms = mix(device ^ round).cast_signed().rem_euclid(two_days_ms);
        Event::Presence {
            is_online: true,
            cid,
            at_ms: now_ms - before_ms,
        }
    }

    fn place(&self, number: u64) -> Place {
        let (round, number) = (number / self.pairs(), number % self.pairs());
        let block = self.tasks_at_once * self.devices;
        let (first, number) = (number / block * self.tasks_at_once, number % block);
        let width = self.tasks_at_once.min(self.tasks - first);
        let (task, turn) = (first + number % width, number / width);
        Place {
            task,
            device: self.device_at(task, turn),
            round,
        }
    }

    /// The device at a place of a task's own order. A step that shares no factor with their number meets all of them.
    fn device_at(&self, task: u64, turn: u64) -> u64 {
        let wild = mix(self.seed ^ mix(task));
        let mut step = wild % self.devices + 1;
        while greatest_common_divisor(step, self.devices) != 1 {
            step += 1;
        }
        ((wild >> 40) + turn * step) % self.devices
    }
}

/// The id of a device, as long as the vendor's.
fn cid(device: u64) -> String {
    format!("{:016x}{:016x}", mix(device), mix(!device))
}

fn channel(device: u64) -> (Channel, &'static str) {
    match mix(device) % 8 {
        5 => CHANNELS[1],
        6 => CHANNELS[2],
        7 => CHANNELS[3],
        _ => CHANNELS[0],
    }
}

fn pick(names: &[&'static str], number: u64) -> &'static str {
    let place = number % names.len() as u64;
    usize::try_from(place).map_or("", |place| names[place])
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn campaign(tasks: u64, devices: u64, tasks_at_once: u64) -> Campaign {
        Campaign {
            seed: 1,
            tasks,
            devices,
            tasks_at_once,
            ago_ms: 0,
        }
    }

    #[test]
    fn a_round_meets_every_pair_once() {
        for (tasks, devices, tasks_at_once) in [(7, 60, 3), (5, 1, 5), (1, 256, 1), (20, 35, 10)] {
            let campaign = campaign(tasks, devices, tasks_at_once);
            let places: HashSet<_> = (0..campaign.pairs() * 2)
                .map(|number| campaign.place(number))
                .collect();
            assert_eq!(places.len() as u64, campaign.pairs() * 2);
            assert!(
                places
                    .iter()
                    .all(|place| place.task < tasks && place.device < devices && place.round < 2)
            );
        }
    }

    #[test]
    fn tasks_go_out_some_at_a_time() {
        let campaign = campaign(6, 10, 2);
        let tasks: HashSet<_> = (20..40).map(|number| campaign.place(number).task).collect();
        assert_eq!(tasks, HashSet::from([2, 3]));
    }

    #[test]
    fn the_stages_of_a_device_are_on_one_channel() {
        let campaign = campaign(1, 100, 1);
        let channels = |round: u64| {
            (0..100).map(move |number| {
                let receipt = campaign.receipt(round * 100 + number, 1);
                receipt.meaning()
            })
        };
        let [received, displayed] = [0, 1].map(|round| channels.clone()(round));
        for (received, displayed) in received.zip(displayed) {
            use reportd_client::protocol::push::ReceiptMeaning::Reached;
            let (Reached(first, one), Reached(second, other)) = (received, displayed) else {
                panic!("a receipt that reaches no stage");
            };
            assert_eq!((first, second), (Stage::Received, Stage::Displayed));
            assert_eq!(one, other);
        }
    }
}
