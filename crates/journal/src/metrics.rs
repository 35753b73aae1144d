//! What the journal and the projector count.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Unit;
use reportd_platform::metrics::Metrics;

/// A label set of one view.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ViewLabel {
    /// Name of the view.
    pub(crate) view: String,
}

/// Metrics of the journal.
#[derive(Debug, Clone)]
pub struct JournalMetrics {
    pub(crate) commits: Counter,
    pub(crate) failed_commits: Counter,
    pub(crate) entries: Counter,
    pub(crate) bytes: Counter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) view_lag_ms: Family<ViewLabel, Gauge>,
    pub(crate) folded: Family<ViewLabel, Counter>,
}

impl Default for JournalMetrics {
    fn default() -> Self {
        Self {
            commits: Counter::default(),
            failed_commits: Counter::default(),
            entries: Counter::default(),
            bytes: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            view_lag_ms: Family::default(),
            folded: Family::default(),
        }
    }
}

impl JournalMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self::default();
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("journal");
            registry.register("commits", "Blocks that became durable", new.commits.clone());
            registry.register(
                "failed_commits",
                "Blocks that the store refused",
                new.failed_commits.clone(),
            );
            registry.register(
                "entries",
                "Entries that became durable",
                new.entries.clone(),
            );
            registry.register(
                "written_bytes",
                "Bytes of the blocks, compressed",
                new.bytes.clone(),
            );
            let about = "Time to write and sync a block";
            registry.register_with_unit("commit", about, Unit::Seconds, new.commit_seconds.clone());
        });
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("view");
            let about = "How far a view lags behind what was acknowledged, in ms";
            registry.register("lag_ms", about, new.view_lag_ms.clone());
            registry.register(
                "folded_entries",
                "Entries that a view has folded",
                new.folded.clone(),
            );
        });
        new
    }
}
