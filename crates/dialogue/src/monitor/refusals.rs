//! Refused reports of known apps. They leave no row, so each node adds them up until the next fold: what a node that is
//! killed had not written yet, a second of them, is lost.

use std::sync::{Mutex, PoisonError};

use reportd_platform::AppNo;
use reportd_protocol::dialogue::Code;

use super::figure::{Counts, Figure, count};

/// Counts that are not written yet: at most a code a day an app.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Counts>);

impl Refusals {
    pub(super) fn add(&self, app: AppNo, day: i64, code: Code) {
        let key = (
            i64::from(app),
            day,
            Figure::Rejected,
            code.code().to_string(),
        );
        count(
            &mut self.0.lock().unwrap_or_else(PoisonError::into_inner),
            key,
        );
    }

    /// All of them, to be written.
    pub(super) fn take(&self) -> Counts {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings back what could not be written.
    pub(super) fn put_back(&self, counts: Counts) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, number) in counts {
            *waiting.entry(key).or_default() += number;
        }
    }

    /// Those of an app on days of a range.
    pub(super) fn of(&self, app: AppNo, days: (i64, i64)) -> Counts {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(app_no, day, ..): &(i64, i64, Figure, String)| {
            *app_no == i64::from(app) && (days.0..=days.1).contains(day)
        };
        let found = waiting.iter().filter(|(key, _)| of(key));
        found.map(|(key, number)| (key.clone(), *number)).collect()
    }
}
