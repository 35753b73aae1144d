//! A breaker for each host: where attempt after attempt fails it ends them for a while, and then lets one through to see.

use std::time::Duration;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Failures in a row, of so many different deliveries.
    pub failures: usize,
    /// How long nothing is attempted.
    pub open: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failures: 10,
            open: Duration::from_secs(30),
        }
    }
}

/// The breaker of a host. Times are those of a monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Deliveries that failed in a row, each once: one that fails again and again says nothing about the others.
    failed: Vec<i64>,
    /// Until when it is open; what comes after is a probe.
    open_until: Option<Duration>,
    /// A probe is on its way.
    is_probing: bool,
}

impl Breaker {
    /// Whether attempts are in vain now.
    pub(super) fn is_open(&self, now: Duration) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// How many attempts may run at a time where `most` may otherwise.
    pub(super) fn room(&self, most: usize, now: Duration) -> usize {
        match self.open_until {
            None => most,
            Some(until) if now < until => 0,
            Some(_) => 1,
        }
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self) {
        self.is_probing = self.open_until.is_some();
    }

    /// The receiver took a delivery.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// An attempt of this delivery failed. True where the breaker opens by it.
    pub(super) fn failed(
        &mut self,
        delivery: i64,
        now: Duration,
        options: &BreakerOptions,
    ) -> bool {
        if self.is_open(now) {
            // It began before the breaker opened.
            return false;
        }
        if !self.failed.contains(&delivery) {
            self.failed.push(delivery);
        }
        if !self.is_probing && self.failed.len() < options.failures {
            return false;
        }
        *self = Self {
            failed: Vec::new(),
            open_until: Some(now + options.open),
            is_probing: false,
        };
        true
    }

    /// Nothing is known of this host that a new breaker would not know.
    pub(super) fn is_new(&self) -> bool {
        self.failed.is_empty() && self.open_until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: BreakerOptions = BreakerOptions {
        failures: 3,
        open: Duration::from_secs(30),
    };
    const S: fn(u64) -> Duration = Duration::from_secs;

    fn open_at(now: Duration) -> Breaker {
        let mut breaker = Breaker::default();
        for delivery in 1..=3 {
            breaker.begin();
            assert_eq!(breaker.failed(delivery, now, &OPTIONS), delivery == 3);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_of_different_deliveries_open_it() {
        let mut breaker = Breaker::default();
        for delivery in [1, 1, 1, 2, 1, 2] {
            assert!(!breaker.failed(delivery, S(0), &OPTIONS));
        }
        breaker.succeeded();
        for delivery in [1, 2] {
            assert!(!breaker.failed(delivery, S(0), &OPTIONS));
        }
        assert_eq!(breaker.room(32, S(0)), 32);
        assert!(breaker.failed(3, S(0), &OPTIONS));
        assert!(breaker.is_open(S(29)));
        assert_eq!(breaker.room(32, S(29)), 0);
    }

    #[test]
    fn a_probe_closes_it_or_opens_it_again() {
        let mut breaker = open_at(S(0));
        assert_eq!(breaker.room(32, S(30)), 1);
        breaker.begin();
        assert!(breaker.failed(4, S(31), &OPTIONS));
        assert!(breaker.is_open(S(60)));
        assert_eq!(breaker.room(32, S(61)), 1);
        breaker.begin();
        breaker.succeeded();
        assert_eq!(breaker.room(32, S(62)), 32);
        assert!(breaker.is_new());
    }

    #[test]
    fn what_began_before_it_opened_does_not_lengthen_it() {
        let mut breaker = open_at(S(0));
        assert!(!breaker.failed(9, S(20), &OPTIONS));
        assert_eq!(breaker.room(32, S(30)), 1);
    }
}
