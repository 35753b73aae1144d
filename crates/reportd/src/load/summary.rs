//! What a run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;

use super::sender::Seen;
use crate::output::print_line;
use crate::text_table::text_table;

/// What a run came to.
#[derive(Debug, Serialize)]
pub(super) struct LoadResult {
    seconds: f64,
    /// Requests that were acknowledged.
    requests: u64,
    /// Reports that were acknowledged.
    reports: u64,
    /// Of them, those that were not acknowledged before; of a load that repeats some.
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<u64>,
    requests_per_second: f64,
    reports_per_second: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// Requests that were not acknowledged, by what was told.
    errors: BTreeMap<String, u64>,
}

impl LoadResult {
    pub(super) fn new(mut seen: Seen, took: Duration) -> Self {
        seen.latencies_us.sort_unstable();
        let at = |share| at_share(&seen.latencies_us, share);
        let count = seen.latencies_us.len() as u64;
        let reports = seen.acknowledged.reports;
        let as_float = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let seconds = took.as_secs_f64();
        Self {
            seconds,
            requests: count,
            reports,
            distinct: None,
            requests_per_second: as_float(count) / seconds,
            reports_per_second: as_float(reports) / seconds,
            p50_ms: at(500),
            p90_ms: at(900),
            p99_ms: at(990),
            max_ms: at(1000),
            errors: seen.errors,
        }
    }

    /// The same for a load that repeats some of its reports.
    pub(super) fn with_distinct(seen: Seen, took: Duration) -> Self {
        let distinct = Some(seen.acknowledged.distinct);
        Self {
            distinct,
            ..Self::new(seen, took)
        }
    }

    /// Prints it; a run that brought nothing is an error.
    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            print_line(serde_json::to_string(self)?)?;
        } else {
            print_line(text_table(["acknowledged", ""], &self.rows()))?;
        }
        if self.requests == 0 {
            Err(anyhow!("no request was acknowledged"))
        } else {
            Ok(())
        }
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let count = |name: &str, count: u64| [name.to_owned(), count.to_string()];
        let rate = |name: &str, rate: f64| [name.to_owned(), format!("{rate:.0}")];
        let latency = |name: &str, ms: f64| [name.to_owned(), format!("{ms:.2} ms")];
        let distinct = self.distinct.map(|number| count("distinct", number));
        let mut rows = vec![
            count("requests", self.requests),
            count("reports", self.reports),
        ];
        rows.extend(distinct);
        rows.extend([
            rate("requests/s", self.requests_per_second),
            rate("reports/s", self.reports_per_second),
            latency("p50", self.p50_ms),
            latency("p90", self.p90_ms),
            latency("p99", self.p99_ms),
            latency("max", self.max_ms),
        ]);
        rows.extend(
            self.errors
                .iter()
                .map(|(error, times)| count(error, *times)),
        );
        rows
    }
}

/// The latency in ms below which that many of a thousand are, of latencies in order.
pub(super) fn at_share(latencies_us: &[u32], share: usize) -> f64 {
    let index = (latencies_us.len() * share / 1000).min(latencies_us.len().saturating_sub(1));
    latencies_us
        .get(index)
        .map_or(0.0, |&us| f64::from(us) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_read_at_their_share() {
        let latencies_us: Vec<u32> = (1..=1000).map(|number| number * 1000).collect();
        assert_eq!(at_share(&latencies_us, 500).round(), 501.0);
        assert_eq!(at_share(&latencies_us, 1000).round(), 1000.0);
        assert_eq!(at_share(&[], 990).round(), 0.0);
    }
}
