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
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
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

/// The id of a group by its place.
pub(crate) fn gid(group: u64) -> i64 {
    FIRST_GROUP + group.cast_signed() * 7
}
