//! Generated reports, as a fleet of bots sends them: for `load` and `demo`.

use reportd_client::protocol::comm::{OutgoingItem, OutgoingReport};

/// Groups that the bots are in.
pub(crate) const GROUPS: u64 = 1_000;
/// Channels of a group.
const CHANNELS: u64 = 5;
/// Uploaders that groups subscribe to.
const UPLOADERS: u64 = 500;
/// People in a group.
const PEOPLE: u64 = 200;
const FIRST_GROUP: i64 = 3_216_540_000;
const FIRST_CHANNEL: u64 = 7_310_000_000;
const FIRST_PERSON: i64 = 884_000_000;

const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that looks like none of its neighbours' (splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(GOLDEN_RATIO);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Makes reports; the same ones for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    state: u64,
}

impl Traffic {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number of a splitmix64 sequence.
    fn next(&mut self) -> u64 {
        let state = self.state;
        self.state = state.wrapping_add(GOLDEN_RATIO);
        mix(state)
    }

    /// A number from 0 to `below`, small ones more often: groups and uploaders are not equally busy.
    pub(crate) fn skewed(&mut self, below: u64) -> u64 {
        let (a, b) = (self.next() % below, self.next() % below);
        a.min(b)
    }

    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    pub(crate) fn nonce(&mut self) -> String {
        format!("{:016x}", self.next())
    }

    /// A message that a bot sent: two of three by itself, one in answer.
    pub(crate) fn message(&mut self) -> OutgoingItem {
        let group = self.skewed(GROUPS);
        let channel = (FIRST_CHANNEL + group * 16 + self.skewed(CHANNELS)).to_string();
        let uploader = format!("UP主{:03}", self.skewed(UPLOADERS));
        if self.below(3) > 0 {
            return OutgoingItem::active_message(gid(group), channel, uploader);
        }
        let person = FIRST_PERSON + (group * PEOPLE + self.below(PEOPLE)).cast_signed();
        OutgoingItem::passive_message(gid(group), channel, person, uploader)
    }

    /// A request of `items` messages.
    pub(crate) fn report(&mut self, ts: i64, items: u32) -> OutgoingReport {
        let report = OutgoingReport::new(ts, self.nonce());
        (0..items).fold(report, |report, _| report.item(self.message()))
    }
}

/// Requests that were written beforehand; each is sent with a time and a nonce of its own, so that a generator costs
/// little next to the server that it measures.
pub(crate) struct Templates {
    bodies: Vec<Vec<u8>>,
    next: usize,
}

impl Templates {
    /// Writes `count` requests of `items` messages.
    pub(crate) fn new(traffic: &mut Traffic, count: usize, items: u32) -> Self {
        let bodies = (0..count)
            .map(|_| traffic.report(TEMPLATE_TS, items).to_json())
            .collect();
        Self { bodies, next: 0 }
    }

    /// The next request, at `ts` seconds.
    pub(crate) fn next(&mut self, traffic: &mut Traffic, ts: i64) -> Vec<u8> {
        self.next = (self.next + 1) % self.bodies.len();
        let mut body = self.bodies[self.next].clone();
        let head = format!("{{\"ts\":{ts},\"nonce\":\"{}\"", traffic.nonce());
        body[..head.len()].copy_from_slice(head.as_bytes());
        body
    }
}

/// Ten digits, as every time that will take its place has.
const TEMPLATE_TS: i64 = 1_700_000_000;

/// The id of a group by its place.
pub(crate) fn gid(group: u64) -> i64 {
    FIRST_GROUP + group.cast_signed() * 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_its_time_and_nonce() {
        let mut traffic = Traffic::new(1);
        let mut templates = Templates::new(&mut traffic, 2, 10);
        let bodies: Vec<_> = (0..4)
            .map(|_| templates.next(&mut traffic, 1_800_000_000))
            .collect();
        let reports: Vec<_> = bodies
            .iter()
            .map(|body| reportd_client::protocol::comm::parse(body).unwrap())
            .collect();
        assert!(
            reports
                .iter()
                .all(|report| report.ts_ms == 1_800_000_000_000 && report.items.len() == 10)
        );
        assert_eq!(reports[0].items, reports[2].items);
        assert_ne!(reports[0].nonce, reports[2].nonce);
    }
}
