//! What this room counts for the outside.

use prometheus_client::metrics::counter::Counter;
use reportd_platform::metrics::{Metrics, ProtocolMetrics};

/// What this room counts for the outside.
pub struct PushMetrics {
    /// The feeds; refusals by HTTP status.
    pub feeds: ProtocolMetrics,
    /// Calls under `/v2`; refusals by their code.
    pub(crate) calls: ProtocolMetrics,
    pub(crate) unknown_fields: Counter,
    pub(crate) unknown_actions: Counter,
}

impl PushMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self {
            feeds: ProtocolMetrics::register(metrics, "push"),
            calls: ProtocolMetrics::register(metrics, "push_v2"),
            unknown_fields: Counter::default(),
            unknown_actions: Counter::default(),
        };
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("push");
            registry.register(
                "unknown_fields",
                "Fields of feeds that the protocol does not know",
                new.unknown_fields.clone(),
            );
            let about =
                "Receipts with an actionId that the protocol does not know: kept as actions";
            registry.register("unknown_actions", about, new.unknown_actions.clone());
        });
        new
    }
}
