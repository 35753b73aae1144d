//! What this room counts for the outside.

use prometheus_client::metrics::counter::Counter;
use reportd_platform::metrics::{Metrics, ProtocolMetrics};

/// What this room counts for the outside.
pub struct DialogueMetrics {
    /// Reports; refusals by their code.
    pub reports: ProtocolMetrics,
    pub(crate) repeats: Counter,
    pub(crate) judged: Counter,
}

impl DialogueMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self {
            reports: ProtocolMetrics::register(metrics, "dialogue"),
            repeats: Counter::default(),
            judged: Counter::default(),
        };
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("dialogue");
            let about = "Reports that were acknowledged and had been sent before";
            registry.register("repeats", about, new.repeats.clone());
            registry.register("judged", "Verdicts that were given", new.judged.clone());
        });
        new
    }
}
