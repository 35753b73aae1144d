//! Metrics in the Prometheus text format, a registry for all rooms, and those that every protocol has.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The registry of a process; every name starts with `reportd_`.
pub struct Metrics {
    registry: Mutex<Registry>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("reportd");
        registry.register_collector(Box::new(ProcessCollector));
        Self {
            registry: Mutex::new(registry),
        }
    }
}

impl Metrics {
    /// Registers metrics of a room.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All metrics as text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

/// A label set of one app.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AppLabel {
    /// The app's id.
    pub app: String,
}

/// A label set of one reason: only reasons that this program knows become labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CauseLabel {
    /// Why, as the protocol's own code.
    pub cause: i64,
}

/// What every protocol counts.
pub struct ProtocolMetrics {
    /// Requests that were answered.
    pub requests: Counter,
    /// Reports that were acknowledged.
    pub reports: Counter,
    /// Requests that were refused, by the protocol's code.
    pub rejections: Family<CauseLabel, Counter>,
    latency: Histogram,
}

impl ProtocolMetrics {
    /// Registers them under the protocol's name.
    #[must_use]
    pub fn register(metrics: &Metrics, protocol: &str) -> Self {
        let latency = Histogram::new(exponential_buckets(0.000_25, 2.0, 14));
        let new = Self {
            requests: Counter::default(),
            reports: Counter::default(),
            rejections: Family::default(),
            latency,
        };
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix(protocol);
            registry.register(
                "requests",
                "Requests that were answered",
                new.requests.clone(),
            );
            registry.register(
                "reports",
                "Reports that were acknowledged",
                new.reports.clone(),
            );
            registry.register(
                "rejections",
                "Requests that were refused, by code",
                new.rejections.clone(),
            );
            let about = "Time from the head of a request to its reply";
            registry.register_with_unit("latency", about, Unit::Seconds, new.latency.clone());
        });
        new
    }

    /// Counts a request that took `took` and ended with `reports` acknowledged or `cause` of refusal.
    pub fn answered(&self, took: Duration, outcome: Result<u64, i64>) {
        self.requests.inc();
        self.latency.observe(took.as_secs_f64());
        match outcome {
            Ok(reports) => {
                self.reports.inc_by(reports);
            }
            Err(cause) => {
                self.rejections.get_or_create(&CauseLabel { cause }).inc();
            }
        }
    }
}

/// Memory, processor time and file handles of this process, read when they are asked for.
#[derive(Debug)]
struct ProcessCollector;

/// Bytes of memory that this process holds, where the system tells.
#[must_use]
pub fn resident_bytes() -> Option<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<i64>().ok()? * 4096)
}

/// How many files this process may have open, where the system sets a limit and tells it.
#[must_use]
pub fn open_file_limit() -> Option<usize> {
    soft_open_file_limit(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The soft limit in a text such as `/proc/self/limits`.
fn soft_open_file_limit(limits: &str) -> Option<usize> {
    let fields = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    fields.split_whitespace().next()?.parse().ok()
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        if let Some(bytes) = resident_bytes() {
            let gauge = ConstGauge::new(bytes);
            let about = "Memory that the process holds";
            gauge.encode(encoder.encode_descriptor(
                "process_resident_memory",
                about,
                Some(&Unit::Bytes),
                gauge.metric_type(),
            )?)?;
        }
        if let Some(seconds) = processor_seconds() {
            let counter = ConstCounter::new(seconds);
            let about = "Processor time of the process";
            counter.encode(encoder.encode_descriptor(
                "process_cpu",
                about,
                Some(&Unit::Seconds),
                counter.metric_type(),
            )?)?;
        }
        if let Ok(handles) = std::fs::read_dir("/proc/self/fd") {
            let gauge = ConstGauge::new(i64::try_from(handles.count()).unwrap_or(0));
            let about = "File handles that are open";
            gauge.encode(encoder.encode_descriptor(
                "process_open_fds",
                about,
                None,
                gauge.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets, and may hold blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u32 = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some(f64::from(ticks) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let limits = |soft: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax processes  7  8  processes\n\
                 Max open files            {soft}                 524288               files\n"
            )
        };
        assert_eq!(soft_open_file_limit(&limits("1024")), Some(1024));
        assert_eq!(soft_open_file_limit(&limits("unlimited")), None);
        assert!(open_file_limit().is_none_or(|most| most > 0));
    }
}
