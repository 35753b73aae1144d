//! What a kind of reports is opened on: the settings, and the parts of the server that all kinds share.

use std::fmt::Display;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use reportd_journal::{FreshViews, Kind};
use reportd_platform::clock::Clock;
use reportd_platform::limiter::{Buckets, Limiter};
use reportd_platform::rate_limit::Rate;
use reportd_platform::web::{Api, BodyLimits};

use crate::running::Running;
use crate::settings::Settings;

/// Addresses and apps whose rate is remembered at once.
const MOST_LIMITED_KEYS: usize = 65_536;

/// What a kind of reports is opened on.
pub(crate) struct Ground<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) running: &'a Running,
    /// Where limiters count.
    pub(crate) buckets: &'a Buckets,
    /// This node's name among all on the store, the same each time it starts.
    pub(crate) node: Arc<str>,
    /// No other node is on the store.
    pub(crate) is_alone: bool,
    /// Reports are acknowledged and thrown away: to measure.
    pub(crate) discards: bool,
}

impl Ground<'_> {
    /// What all calls of an API share.
    pub(crate) fn api(&self) -> Api {
        Api {
            directory: Arc::clone(&self.running.directory),
            body_limits: self.body_limits(self.settings.api.body_bytes),
        }
    }

    /// What is read of a kind.
    pub(crate) fn fresh_views(&self, kind: Kind) -> FreshViews {
        FreshViews::new(&self.running.journal, &self.running.served.db, kind)
    }

    /// Limits of bodies of at most `max_bytes`.
    pub(crate) fn body_limits(&self, max_bytes: usize) -> BodyLimits {
        BodyLimits {
            max_bytes,
            timeout: Duration::from_millis(self.settings.server.body_timeout_ms),
        }
    }

    /// A limiter; `name` tells what it counts from what others count.
    pub(crate) fn limiter<K: Hash + Eq + Clone + Display>(&self, name: &'static str) -> Limiter<K> {
        limiter(name, self.buckets, &self.running.clock)
    }
}

/// A limiter of a server.
pub(crate) fn limiter<K: Hash + Eq + Clone + Display>(
    name: &'static str,
    buckets: &Buckets,
    clock: &Arc<dyn Clock>,
) -> Limiter<K> {
    Limiter::new(name, MOST_LIMITED_KEYS, buckets, Arc::clone(clock))
}

/// The rate of a setting, where 0 is no limit.
pub(crate) fn rate(per_minute: u32) -> Option<Rate> {
    (per_minute > 0).then_some(Rate { per_minute })
}
