//! Trials: attempts for hosts that have not taken anything yet. All of them, and those of one app, get a part of the places,
//! and who finds none waits here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use reportd_platform::AppNo;

/// Attempts that run for hosts that had not taken anything when they began, and hosts that wait for a place.
pub(super) struct Trials {
    most: usize,
    most_of_app: usize,
    running: usize,
    by_app: HashMap<AppNo, OfApp>,
    /// Apps that have a place of their own and somebody who waits, each once.
    ready: VecDeque<AppNo>,
}

#[derive(Default)]
struct OfApp {
    running: usize,
    /// Hosts whose next delivery is of this app.
    waiting: VecDeque<Arc<str>>,
    is_ready: bool,
}

impl Trials {
    pub(super) fn new(most: usize, most_of_app: usize) -> Self {
        Self {
            most,
            most_of_app,
            running: 0,
            by_app: HashMap::new(),
            ready: VecDeque::new(),
        }
    }

    pub(super) fn have_room(&self, app: AppNo) -> bool {
        let of_app = self.by_app.get(&app).map_or(0, |of_app| of_app.running);
        self.running < self.most && of_app < self.most_of_app
    }

    pub(super) fn begin(&mut self, app: AppNo) {
        self.running += 1;
        self.by_app.entry(app).or_default().running += 1;
    }

    pub(super) fn end(&mut self, app: AppNo) {
        self.running -= 1;
        if let Some(of_app) = self.by_app.get_mut(&app) {
            of_app.running -= 1;
        }
        self.see_to(app);
    }

    /// Lets a host wait until there is a place for a trial of this app.
    pub(super) fn wait(&mut self, app: AppNo, host: Arc<str>) {
        let of_app = self.by_app.entry(app).or_default();
        of_app.waiting.push_back(host);
        self.see_to(app);
    }

    /// Somebody who waits may find a place.
    pub(super) fn may_go_on(&self) -> bool {
        self.running < self.most && !self.ready.is_empty()
    }

    /// Takes out a host that waits and finds a place: of the apps in turn, whoever has waited longest.
    pub(super) fn next(&mut self) -> Option<Arc<str>> {
        while self.running < self.most {
            let app = self.ready.pop_front()?;
            let of_app = self.by_app.get_mut(&app)?;
            of_app.is_ready = false;
            if of_app.running < self.most_of_app
                && let Some(host) = of_app.waiting.pop_front()
            {
                self.see_to(app);
                return Some(host);
            }
        }
        None
    }

    /// Notes where an app stands: it may be ready, or have nothing left.
    fn see_to(&mut self, app: AppNo) {
        let Some(of_app) = self.by_app.get_mut(&app) else {
            return;
        };
        if of_app.waiting.is_empty() {
            if of_app.running == 0 {
                self.by_app.remove(&app);
            }
        } else if of_app.running < self.most_of_app && !of_app.is_ready {
            of_app.is_ready = true;
            self.ready.push_back(app);
        }
    }
}
