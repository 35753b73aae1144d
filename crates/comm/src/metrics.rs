//! What this room counts for the outside.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use reportd_platform::metrics::{AppLabel, Metrics, ProtocolMetrics};

/// What this room counts for the outside.
pub struct CommMetrics {
    /// What every protocol counts.
    pub protocol: ProtocolMetrics,
    pub(crate) unknown_fields: Counter,
    pub(crate) rejections_dropped: Counter,
    pub(crate) repeats: Family<AppLabel, Counter>,
    pub(crate) wide_dimensions: Gauge,
}

impl CommMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self {
            protocol: ProtocolMetrics::register(metrics, "comm"),
            unknown_fields: Counter::default(),
            rejections_dropped: Counter::default(),
            repeats: Family::default(),
            wide_dimensions: Gauge::default(),
        };
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("comm");
            registry.register(
                "unknown_fields",
                "Fields that the protocol does not know",
                new.unknown_fields.clone(),
            );
            let about =
                "Rejected requests that were not kept: the queue was full, or the body too large";
            registry.register("rejections_dropped", about, new.rejections_dropped.clone());
            registry.register(
                "repeats",
                "Requests that were dropped as repeats",
                new.repeats.clone(),
            );
            let about = "Dimensions with over 100,000 values a day";
            registry.register("wide_dimensions", about, new.wide_dimensions.clone());
        });
        new
    }
}
