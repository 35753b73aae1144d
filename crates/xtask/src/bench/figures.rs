//! The figures of a throughput table.

use std::time::Duration;

use crate::bench::load::Load;
use crate::bench::ms;

/// A run of (b).
pub(super) struct Durable {
    pub(super) load: Load,
    pub(super) counted: u64,
    pub(super) most_lag_ms: u64,
    pub(super) level_after: Duration,
    pub(super) peak_memory: u64,
    pub(super) journal_bytes: u64,
    pub(super) views_bytes: u64,
    /// Processor time of all nodes and of PostgreSQL, in seconds.
    pub(super) nodes_seconds: f64,
    pub(super) postgres_seconds: f64,
}

/// All runs of one load.
pub(super) struct Runs {
    pub(super) connections: u64,
    /// Reports of a request.
    pub(super) items: u64,
    pub(super) discard: Vec<Load>,
    pub(super) durable: Vec<Durable>,
}

/// A row for each figure, a column for each load.
pub(super) fn rows(columns: &[Runs]) -> Vec<Vec<String>> {
    let row = |(name, figure): &Figure| {
        let cells = columns.iter().map(figure);
        [(*name).to_owned()].into_iter().chain(cells).collect()
    };
    FIGURES.iter().map(row).collect()
}

/// Its name in the table, and how it is told.
type Figure = (&'static str, fn(&Runs) -> String);

const FIGURES: &[Figure] = &[
    ("reports of a request", |runs| runs.items.to_string()),
    ("connections", |runs| runs.connections.to_string()),
    ("(a) requests/s", |runs| whole(rate(runs.discard.iter()))),
    ("(b) requests/s", |runs| whole(rate(runs.durable()))),
    ("(a) reports/s", |runs| {
        whole(mean(
            runs.discard.iter().map(|load| load.reports_per_second),
        ))
    }),
    ("(b) reports/s", |runs| {
        whole(mean(runs.durable().map(|load| load.reports_per_second)))
    }),
    ("(b) of (a)", |runs| {
        let ratio = rate(runs.durable()) / rate(runs.discard.iter());
        format!("{:.1} %", 100.0 * ratio)
    }),
    ("(a) p50, mean", |runs| p50(runs.discard.iter())),
    ("(b) p50, mean", |runs| p50(runs.durable())),
    ("(a) p99, worst", |runs| p99(runs.discard.iter())),
    ("(b) p99, worst", |runs| p99(runs.durable())),
    ("journal bytes/report", |runs| {
        runs.bytes(|run| run.journal_bytes)
    }),
    ("views bytes/report", |runs| {
        runs.bytes(|run| run.views_bytes)
    }),
    ("nodes, µs of processor/report", |runs| {
        runs.micros(|run| run.nodes_seconds)
    }),
    ("PostgreSQL, µs of processor/report", |runs| {
        runs.micros(|run| run.postgres_seconds)
    }),
    ("most lag of a view", |runs| {
        format!("{} ms", runs.most(|run| run.most_lag_ms))
    }),
    ("level after the load", |runs| {
        let after = runs.durable.iter().map(|run| ms(run.level_after));
        format!("{:.0} ms", after.fold(0.0, f64::max))
    }),
    ("peak memory", |runs| {
        format!("{:.0} MB", runs.most(|run| run.peak_memory) as f64 / 1e6)
    }),
];

impl Runs {
    fn durable(&self) -> impl ExactSizeIterator<Item = &Load> {
        self.durable.iter().map(|run| &run.load)
    }

    fn most(&self, figure: impl Fn(&Durable) -> u64) -> u64 {
        self.durable.iter().map(figure).max().unwrap_or(0)
    }

    /// Of all runs together, a report.
    fn micros(&self, figure: impl Fn(&Durable) -> f64) -> String {
        let seconds: f64 = self.durable.iter().map(figure).sum();
        let reports: u64 = self.durable.iter().map(|run| run.counted).sum();
        format!("{:.2}", seconds * 1e6 / reports.max(1) as f64)
    }

    /// Of all runs together, a report.
    fn bytes(&self, figure: impl Fn(&Durable) -> u64) -> String {
        let bytes: u64 = self.durable.iter().map(figure).sum();
        let reports: u64 = self.durable.iter().map(|run| run.counted).sum();
        format!("{:.1}", bytes as f64 / reports.max(1) as f64)
    }
}

fn rate<'a>(loads: impl ExactSizeIterator<Item = &'a Load>) -> f64 {
    mean(loads.map(|load| load.requests_per_second))
}

fn p50<'a>(loads: impl ExactSizeIterator<Item = &'a Load>) -> String {
    format!("{:.2} ms", mean(loads.map(|load| load.p50_ms)))
}

fn p99<'a>(loads: impl Iterator<Item = &'a Load>) -> String {
    let worst = loads.map(|load| load.p99_ms).fold(0.0, f64::max);
    format!("{worst:.2} ms")
}

fn mean(figures: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = figures.len().max(1) as f64;
    figures.sum::<f64>() / count
}

fn whole(figure: f64) -> String {
    format!("{figure:.0}")
}
