//! Refused reports of known apps. They leave no row, so each node adds them up until the next fold: what a node that is
//! killed had not written yet, a second of them, is lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reportd_platform::AppNo;
use reportd_platform::directory::Snapshot;
use reportd_protocol::dialogue::Code;

use super::figure::{Counts, Figure};
use super::gather::day_of;

/// Counts by app and `ec` that are not written yet.
pub(super) type Refused = BTreeMap<(AppNo, i64), i64>;

/// What is not written yet.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Refused>);

impl Refusals {
    pub(super) fn add(&self, app: AppNo, code: Code) {
        self.put_back(Refused::from([((app, code.code()), 1)]));
    }

    /// All of them, to be written.
    pub(super) fn take(&self) -> Refused {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings back what could not be written.
    pub(super) fn put_back(&self, refused: Refused) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, number) in refused {
            *waiting.entry(key).or_default() += number;
        }
    }

    /// Those of an app.
    pub(super) fn of(&self, app: AppNo) -> Refused {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.range((app, i64::MIN)..=(app, i64::MAX));
        found.map(|(key, number)| (*key, *number)).collect()
    }
}

/// As counts of today: they are a second old at most.
pub(super) fn counts_of(refused: &Refused, directory: &Snapshot, now_ms: i64) -> Counts {
    let count = |(&(app, ec), number): (&(AppNo, i64), &i64)| {
        let app = i64::from(app);
        let day = day_of(directory, app, now_ms);
        ((app, day, Figure::Rejected, ec.to_string()), *number)
    };
    refused.iter().map(count).collect()
}
