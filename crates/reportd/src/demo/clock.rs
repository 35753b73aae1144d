//! The clock of the demo's history: it stands where it is set, and goes on with the system's once it is let go.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};

/// Told in place of a time of the past.
const PRESENT: i64 = 0;

/// A clock that can stand in the past. Lengths of time are the system's: nothing waits longer because of it.
pub(super) struct PastClock {
    at_ms: AtomicI64,
    system: SystemClock,
}

impl PastClock {
    pub(super) fn at(at_ms: i64) -> Self {
        Self {
            at_ms: AtomicI64::new(at_ms),
            system: SystemClock::start(),
        }
    }

    /// A clock that tells the present.
    pub(super) fn present() -> Self {
        Self::at(PRESENT)
    }

    /// Moves on to a time; never back.
    pub(super) fn advance_to(&self, at_ms: i64) {
        self.at_ms.fetch_max(at_ms, Ordering::SeqCst);
    }

    /// True while it stands in the past.
    pub(super) fn is_past(&self) -> bool {
        self.at_ms.load(Ordering::SeqCst) != PRESENT
    }

    /// Tells the present from now on.
    pub(super) fn let_go(&self) {
        self.at_ms.store(PRESENT, Ordering::SeqCst);
    }
}

impl Clock for PastClock {
    fn now_ms(&self) -> i64 {
        match self.at_ms.load(Ordering::SeqCst) {
            PRESENT => self.system.now_ms(),
            at_ms => at_ms,
        }
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}
