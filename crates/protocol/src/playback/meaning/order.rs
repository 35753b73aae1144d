//! The order of reports, and what the newest of them says.

/// Which of two reports is newer: one order for all nodes and for every fold, whatever came first.
/// No two entries of the journal have the same key (`spec playback-report`, What a report means).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// When it was received, in ms since 1970; it never runs back within a stream.
    pub received_at_ms: i64,
    /// The journal's stream.
    pub stream: u64,
    /// The place in the stream.
    pub sequence: u64,
}

/// A register: what the newest report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Newest<T> {
    /// Of the report that said it.
    pub key: OrderKey,
    /// What it said.
    pub value: T,
}

impl<T> Newest<T> {
    /// Takes what `other` says if it is newer.
    pub fn merge(&mut self, other: Self) {
        if other.key > self.key {
            *self = other;
        }
    }

    /// As [`merge`](Self::merge), into a register that may be empty.
    pub fn merge_into(slot: &mut Option<Self>, other: Self) {
        match slot {
            Some(register) => register.merge(other),
            None => *slot = Some(other),
        }
    }
}
