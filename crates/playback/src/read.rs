//! What the read endpoints answer.
//!
//! A read of a viewer first waits for all that was acknowledged of that viewer; how many are viewing now is as new as the
//! last fold, and is not waited for. What the catalogue says is joined when it is read: a title that changes is changed in
//! every history.

mod history;
mod player;

pub(crate) use self::history::entry_facts;

/// The body of a success.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// How far what it shows lags, in ms: 0 where it is fresh. It goes into the header `reportd-lag-ms`.
    pub(crate) lag_ms: i64,
}
