//! The devices of the app: when they registered, of which brand they are, and how often somebody looks at them.

use std::borrow::Cow;

use reportd_client::protocol::push::{Channel, Event};
use reportd_platform::clock::{DAY_MS, MINUTE_MS};

use super::{Lines, SEED};
use crate::demo::draw::{Draw, Shares, place, scaled};
use crate::demo::rhythm::PHONES;
use crate::demo::steps::Steps;
use crate::traffic::mix;

/// Devices at the end, and those that registered before the history.
pub(super) const DEVICES: u64 = 20_000;
const FIRST_DEVICES: u64 = 14_200;
const REGISTERED_DAYS: i64 = 60;
/// A device says that it is online so often, so that it counts at each point.
pub(super) const ONLINE_EVERY_MS: i64 = 10 * MINUTE_MS;
/// Times that somebody looks into the app on a usual day.
const SESSIONS_A_DAY: u64 = 3_900;
/// The sum of the weights of a usual day.
const USUAL_DAY: f64 = 136_800.0 * 3_600_000.0;

/// A brand, the channel of its own, and its share of the market in per mille.
struct Brand {
    name: &'static str,
    channel: Channel,
    share: u64,
}

const BRANDS: [Brand; 8] = [
    brand("huawei", Channel::Hw, 218),
    brand("apple", Channel::Ios, 204),
    brand("xiaomi", Channel::Xm, 166),
    brand("vivo", Channel::Vv, 142),
    brand("oppo", Channel::Op, 134),
    brand("honor", Channel::Ho, 92),
    brand("meizu", Channel::Mz, 16),
    brand("samsung", Channel::Gt, 28),
];

const fn brand(name: &'static str, channel: Channel, share: u64) -> Brand {
    Brand {
        name,
        channel,
        share,
    }
}

pub(super) fn cid(device: u64) -> String {
    format!("{:016x}{:016x}", mix(device), mix(device ^ SEED))
}

/// The brand of a device, and the channel of its vendor.
pub(super) fn brand_of(device: u64) -> (&'static str, Channel) {
    let at = Draw::of(SEED, device).weighted(BRANDS.iter().map(|brand| brand.share));
    (BRANDS[at].name, BRANDS[at].channel)
}

/// Who registered when.
pub(super) struct Devices {
    /// Devices before each step, and behind the last.
    registered: Vec<u64>,
    spans: Vec<(i64, i64)>,
    /// What is left over of a session from step to step, in thousandths.
    rest: u64,
}

impl Devices {
    pub(super) fn new(steps: &Steps) -> Self {
        let mut shares = Shares::new(DEVICES - FIRST_DEVICES, steps.weight(&PHONES));
        let mut count = FIRST_DEVICES;
        let mut registered = vec![0];
        for &(from_ms, to_ms) in steps.all() {
            count += shares.give(PHONES.at(from_ms) * (to_ms - from_ms).unsigned_abs());
            registered.push(count);
        }
        Self {
            registered,
            spans: steps.all().to_vec(),
            rest: 0,
        }
    }

    /// Devices that are there in a step.
    pub(super) fn count(&self, at: usize) -> u64 {
        self.registered.get(at + 1).copied().unwrap_or(DEVICES)
    }

    pub(super) fn count_at(&self, at_ms: i64) -> u64 {
        self.count(self.spans.partition_point(|(_, to_ms)| *to_ms <= at_ms))
    }

    /// Those who register in a step; in the first also all who did before.
    pub(super) fn register(&self, at: usize, lines: &mut Lines) {
        let (from_ms, to_ms) = self.spans[at];
        for device in self.registered[at]..self.registered[at + 1] {
            let mut draw = Draw::of(SEED ^ 1, device);
            let at_ms = if device < FIRST_DEVICES {
                // More each week: the app grows.
                let ago = draw.skewed((REGISTERED_DAYS * DAY_MS).unsigned_abs());
                from_ms - 1 - ago.cast_signed()
            } else {
                draw.between(from_ms, to_ms - 1)
            };
            lines.event(&Event::Device {
                cid: cid(device).into(),
                brand: Some(Cow::Borrowed(brand_of(device).0)),
                at_ms,
            });
        }
    }

    /// How many look into the app in a step of this weight and length.
    pub(super) fn sessions(&mut self, weight: u64, length_ms: i64) -> u64 {
        let share = weight as f64 * length_ms as f64 / USUAL_DAY;
        let due = self.rest + scaled(SESSIONS_A_DAY * 1_000, share);
        self.rest = due % 1_000;
        due / 1_000
    }

    /// One who looks into the app: half of all devices hardly ever do, and new ones often.
    pub(super) fn active(&self, draw: &mut Draw, at_ms: i64) -> u64 {
        let count = self.count_at(at_ms);
        if draw.happens(180) {
            return count - 1 - draw.skewed(1_500.min(count));
        }
        // The same ones again and again: scattered over all, not the oldest.
        let favourite = draw.skewed(count);
        let scattered = favourite.wrapping_mul(7_919) % count;
        scattered.min(count - 1)
    }

    /// So many devices, scattered, none twice.
    pub(super) fn some(&self, draw: &mut Draw, wanted: u64, at_ms: i64) -> Vec<u64> {
        let count = self.count_at(at_ms);
        let chance = (wanted * 1_000_000 / count.max(1)).min(1_000_000);
        let mut some: Vec<u64> = (0..count)
            .filter(|_| draw.below(1_000_000) < chance)
            .collect();
        some.truncate(place(wanted.max(1)));
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_thousand_devices_register_and_brands_have_their_shares() {
        let steps = Steps::of_days(30, 1_795_341_600_000);
        let devices = Devices::new(&steps);
        assert_eq!(devices.registered.last(), Some(&DEVICES));
        assert!(devices.registered.is_sorted());
        let apples = (0..DEVICES)
            .filter(|&device| brand_of(device).0 == "apple")
            .count();
        assert!((3_800..4_400).contains(&apples), "{apples}");
        let some = devices.some(&mut Draw::of(1, 1), 2_000, steps.ends_ms());
        assert!((1_800..=2_000).contains(&some.len()), "{}", some.len());
    }
}
