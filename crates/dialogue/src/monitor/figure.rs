//! What is counted.

use std::collections::BTreeMap;

/// A figure. Its number stands in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Figure {
    /// Reports that were stored.
    Received = 1,
    /// Reports that were refused, by `ec`.
    Rejected = 2,
    /// Verdicts that were given, by moderator.
    Judged = 3,
    /// Verdicts that were taken back, by moderator.
    Undone = 4,
    /// Tickets that were opened again, by moderator.
    Reopened = 5,
    /// Callbacks that arrived.
    Delivered = 6,
    /// Callbacks that were given up.
    Failed = 7,
    /// Claims, by moderator.
    Claimed = 8,
    /// From the first report of a ticket to its first claim, by bucket.
    ClaimLatency = 20,
    /// From the first report of a ticket to its first verdict, by bucket.
    VerdictLatency = 21,
    /// From a verdict to the arrival of a callback, by bucket.
    DeliveryLatency = 22,
}

impl Figure {
    /// All of them.
    pub(super) const ALL: [Self; 11] = [
        Self::Received,
        Self::Rejected,
        Self::Judged,
        Self::Undone,
        Self::Reopened,
        Self::Delivered,
        Self::Failed,
        Self::Claimed,
        Self::ClaimLatency,
        Self::VerdictLatency,
        Self::DeliveryLatency,
    ];

    /// Its number in the store.
    pub(super) const fn number(self) -> i64 {
        self as i64
    }

    /// The one of that number.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|figure| figure.number() == number)
    }
}

/// What a count is of: app, day, figure, part.
pub(super) type CountKey = (i64, i64, Figure, String);

/// Counts, in key order.
pub(super) type Counts = BTreeMap<CountKey, i64>;

/// Adds one.
pub(super) fn count(counts: &mut Counts, key: CountKey) {
    *counts.entry(key).or_default() += 1;
}
