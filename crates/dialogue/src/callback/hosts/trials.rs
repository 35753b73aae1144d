//! Trials: attempts for hosts that have not taken anything yet. All of them, and those of one app, get a part of the places.

use std::collections::HashMap;

use reportd_platform::AppNo;

use super::Bounds;

/// Attempts that run for hosts that had not taken anything when they began.
#[derive(Default)]
pub(super) struct Trials {
    running: usize,
    by_app: HashMap<AppNo, usize>,
}

impl Trials {
    pub(super) fn have_room(&self, app: AppNo, bounds: &Bounds) -> bool {
        let of_app = self.by_app.get(&app).copied().unwrap_or(0);
        self.running < bounds.trials && of_app < bounds.trials_of_app
    }

    pub(super) fn begin(&mut self, app: AppNo) {
        self.running += 1;
        *self.by_app.entry(app).or_default() += 1;
    }

    pub(super) fn end(&mut self, app: AppNo) {
        self.running -= 1;
        if let Some(of_app) = self.by_app.get_mut(&app) {
            *of_app -= 1;
            if *of_app == 0 {
                self.by_app.remove(&app);
            }
        }
    }
}
