//! What the dispatcher counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Unit;
use reportd_platform::metrics::Metrics;

/// Attempts of callbacks, and what they gave.
#[derive(Debug)]
pub struct CallbackMetrics {
    /// Attempts that were made.
    pub attempts: Counter,
    /// Deliveries that the receiver took.
    pub delivered: Counter,
    /// Attempts that failed and are made again.
    pub failed: Counter,
    /// Deliveries that were given up.
    pub dead: Counter,
    /// Breakers that opened.
    pub breakers_opened: Counter,
    /// Attempts that run.
    pub running: Gauge,
    /// From the verdict to its delivery, in seconds.
    pub delay: Histogram,
    /// Time of an attempt, in seconds.
    pub took: Histogram,
}

impl Default for CallbackMetrics {
    fn default() -> Self {
        Self {
            attempts: Counter::default(),
            delivered: Counter::default(),
            failed: Counter::default(),
            dead: Counter::default(),
            breakers_opened: Counter::default(),
            running: Gauge::default(),
            delay: Histogram::new(exponential_buckets(0.001, 4.0, 14)),
            took: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
        }
    }
}

impl CallbackMetrics {
    /// Registers them as `reportd_callback_…`.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self::default();
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("callback");
            let mut count = |name: &str, about: &str, counter: &Counter| {
                registry.register(name, about, counter.clone());
            };
            count("attempts", "Attempts that were made", &new.attempts);
            count("delivered", "Callbacks that were taken", &new.delivered);
            count(
                "failed",
                "Attempts that failed and are made again",
                &new.failed,
            );
            count("dead", "Callbacks that were given up", &new.dead);
            count(
                "breakers_opened",
                "Breakers that opened",
                &new.breakers_opened,
            );
            registry.register("running", "Attempts that run", new.running.clone());
            let about = "Time from a verdict to its delivery";
            registry.register_with_unit("delay", about, Unit::Seconds, new.delay.clone());
            let about = "Time of an attempt";
            registry.register_with_unit("attempt", about, Unit::Seconds, new.took.clone());
        });
        new
    }
}
