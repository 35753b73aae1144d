//! When a connection sends.
//!
//! With a rate the sending times are set beforehand, and latency counts from the set time: a server that stalls is
//! charged for the requests that should have been sent meanwhile. Without a rate each connection sends its next request
//! when the last one is answered.

use std::time::Duration;

/// When one connection of many sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) first: Duration,
    /// Between two requests; zero sends as fast as the server answers.
    pub(super) interval: Duration,
}

impl Schedule {
    /// `rate` is that of all connections together, `number` that of this one.
    pub(super) fn new(rate: u32, connections: u32, number: u32) -> Self {
        let Some(between) = Duration::from_secs(1).checked_div(rate) else {
            return Self {
                first: Duration::ZERO,
                interval: Duration::ZERO,
            };
        };
        Self {
            first: between * number,
            interval: between * connections,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_take_turns_at_a_rate() {
        let first_ms = |number| Schedule::new(100, 4, number).first.as_millis();
        assert_eq!([0, 1, 3].map(first_ms), [0, 10, 30]);
        assert_eq!(Schedule::new(100, 4, 0).interval.as_millis(), 40);
        assert!(Schedule::new(0, 4, 3).first.is_zero());
    }
}
