//! How callbacks are sent.

use std::time::Duration;

use crate::callback::breaker::BreakerOptions;
use crate::callback::schedule::default_schedule;

/// How callbacks are sent.
#[derive(Debug, Clone)]
pub struct Options {
    /// The waits behind failed attempts; behind the last of them a delivery is dead.
    pub schedule: Vec<Duration>,
    /// How long an attempt may take, from the look-up of the name to the end of the response.
    pub timeout: Duration,
    /// How long a node that is not heard of keeps a delivery from the others. Longer than an attempt.
    pub lease: Duration,
    /// Attempts at a time for one host.
    pub per_host: usize,
    /// Attempts at a time in all.
    pub in_all: usize,
    /// Deliveries that wait in memory for one host; others wait in the store.
    pub queue_per_host: usize,
    /// Deliveries that wait in memory in all.
    pub queue_in_all: usize,
    /// Deliveries of one host that are read from the store at a time.
    pub batch: usize,
    /// How often the store is asked for what is due.
    pub look: Duration,
    /// When attempts for a host are in vain.
    pub breaker: BreakerOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schedule: default_schedule(),
            timeout: Duration::from_secs(15),
            lease: Duration::from_secs(60),
            per_host: 32,
            in_all: 2048,
            queue_per_host: 2048,
            queue_in_all: 16_384,
            batch: 256,
            look: Duration::from_millis(500),
            breaker: BreakerOptions::default(),
        }
    }
}
