//! The figures as metrics. What is folded moves the counters of the node that folded it: over all nodes they add up.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use reportd_platform::AppNo;
use reportd_platform::clock::SECOND_MS;
use reportd_platform::directory::Snapshot;
use reportd_platform::metrics::{AppLabel, Metrics};

use super::figure::{Counts, Figure};
use super::report::Waiting;
use super::spread::longest;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabel {
    app: String,
    cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    app: String,
    step: &'static str,
}

type ByApp = Family<AppLabel, Counter>;
type BySteps = Family<StepLabel, Histogram, fn() -> Histogram>;

/// From a millisecond to 19 hours.
fn latencies() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 14))
}

pub(super) struct MonitorMetrics {
    received: ByApp,
    rejected: Family<RefusalLabel, Counter>,
    judged: ByApp,
    delivered: ByApp,
    failed: ByApp,
    waiting: Family<AppLabel, Gauge>,
    oldest: Family<AppLabel, Gauge>,
    latency: BySteps,
}

impl MonitorMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let new = Self {
            received: Family::default(),
            rejected: Family::default(),
            judged: Family::default(),
            delivered: Family::default(),
            failed: Family::default(),
            waiting: Family::default(),
            oldest: Family::default(),
            latency: BySteps::new_with_constructor(latencies),
        };
        metrics.register(|registry| new.register_in(registry));
        new
    }

    fn register_in(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("dialogue_app");
        for (name, about, family) in [
            ("received", "Reports that were stored", &self.received),
            ("judged", "Verdicts that were given", &self.judged),
            ("delivered", "Callbacks that arrived", &self.delivered),
            ("failed", "Callbacks that were given up", &self.failed),
        ] {
            registry.register(name, about, family.clone());
        }
        let about = "Reports that were refused, by code";
        registry.register("rejected", about, self.rejected.clone());
        let about = "Tickets that nobody has judged";
        registry.register("waiting", about, self.waiting.clone());
        let about = "Age of the oldest ticket that nobody has judged";
        registry.register("oldest_waiting_seconds", about, self.oldest.clone());
        let about =
            "Time from a report to its claim and to its verdict, and from a verdict to its arrival";
        registry.register_with_unit("step_latency", about, Unit::Seconds, self.latency.clone());
    }

    /// Moves the counters of known apps.
    pub(super) fn count(&self, directory: &Snapshot, counts: &Counts) {
        for ((no, _, figure, part), number) in counts {
            let no = AppNo::try_from(*no).ok();
            let Some(app) = no.and_then(|no| directory.app_of_no(no)) else {
                continue;
            };
            let app = app.id.clone();
            let number = u64::try_from(*number).unwrap_or(0);
            if let Some(step) = step(*figure) {
                let latency = self.latency.get_or_create(&StepLabel { app, step });
                let ms = part.parse().map_or(0, longest);
                let seconds = Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64();
                (0..number).for_each(|_| latency.observe(seconds));
                continue;
            }
            let family = match figure {
                Figure::Received => &self.received,
                Figure::Judged => &self.judged,
                Figure::Delivered => &self.delivered,
                Figure::Failed => &self.failed,
                Figure::Rejected => {
                    let cause = part.clone();
                    let label = RefusalLabel { app, cause };
                    self.rejected.get_or_create(&label).inc_by(number);
                    continue;
                }
                _ => continue,
            };
            family.get_or_create(&AppLabel { app }).inc_by(number);
        }
    }

    /// Sets what waits.
    pub(super) fn set_waiting(&self, app: &str, waiting: &Waiting, now_ms: i64) {
        let label = AppLabel {
            app: app.to_owned(),
        };
        self.waiting.get_or_create(&label).set(waiting.tickets);
        let oldest_ms = waiting.oldest_ms.unwrap_or(now_ms);
        let seconds = (now_ms - oldest_ms).max(0) / SECOND_MS;
        self.oldest.get_or_create(&label).set(seconds);
    }
}

fn step(figure: Figure) -> Option<&'static str> {
    match figure {
        Figure::ClaimLatency => Some("claim"),
        Figure::VerdictLatency => Some("verdict"),
        Figure::DeliveryLatency => Some("delivery"),
        _ => None,
    }
}
