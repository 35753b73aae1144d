//! What this room counts for the outside.

use prometheus_client::metrics::counter::Counter;
use reportd_platform::metrics::{Metrics, ProtocolMetrics};

/// What this room counts for the outside.
pub struct PlaybackMetrics {
    /// All calls under `/x/`; refusals by their code. Reports are beats that were acknowledged.
    pub calls: ProtocolMetrics,
    pub(crate) ignored_values: Counter,
}

impl PlaybackMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self {
            calls: ProtocolMetrics::register(metrics, "playback"),
            ignored_values: Counter::default(),
        };
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("playback");
            let about = "Values of reports that the protocol does not know, and ignores";
            registry.register("ignored_values", about, new.ignored_values.clone());
        });
        new
    }
}
