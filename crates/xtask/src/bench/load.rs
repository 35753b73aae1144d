//! `reportd load`: the load of every measurement.

use std::thread::scope;

use anyhow::{Context, anyhow};
use serde_json::Value;

use crate::bench::server::Server;
use crate::bench::store::Store;
use crate::bench::traffic::Traffic;

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) traffic: Traffic,
    pub(super) connections: u64,
    /// Reports of a request.
    pub(super) items: u64,
    /// Requests a second; 0 is as fast as the server answers.
    pub(super) rate: u64,
    pub(super) seconds: u64,
    /// Other seeds send other reports.
    pub(super) seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Load {
    /// Requests that were acknowledged.
    pub(super) requests: u64,
    /// Reports that were acknowledged.
    pub(super) reports: u64,
    /// Of them, those that were not acknowledged before.
    pub(super) distinct: u64,
    /// Requests that failed for their sender.
    pub(super) errors: u64,
    pub(super) requests_per_second: f64,
    pub(super) reports_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Load {
    /// Counts another load on the same store; of rates and latencies the newer ones stand.
    pub(super) fn add(&mut self, other: &Self) {
        *self = Self {
            requests: self.requests + other.requests,
            reports: self.reports + other.reports,
            distinct: self.distinct + other.distinct,
            errors: self.errors + other.errors,
            ..other.clone()
        };
    }

    fn from_json(told: &Value) -> Option<Self> {
        let errors = told["errors"].as_object()?;
        let reports = told["reports"].as_u64()?;
        Some(Self {
            requests: told["requests"].as_u64()?,
            reports,
            distinct: told["distinct"].as_u64().unwrap_or(reports),
            errors: errors.values().filter_map(Value::as_u64).sum(),
            requests_per_second: told["requests_per_second"].as_f64()?,
            reports_per_second: told["reports_per_second"].as_f64()?,
            p50_ms: told["p50_ms"].as_f64()?,
            p99_ms: told["p99_ms"].as_f64()?,
        })
    }
}

/// Sends, and waits until all is answered.
pub(super) fn load(store: &Store<'_>, server: &Server, asked: &Asked) -> anyhow::Result<Load> {
    run(store, &asked.traffic.command(store, server, asked))
}

/// Runs a command of `reportd load`.
pub(super) fn run(store: &Store<'_>, line: &str) -> anyhow::Result<Load> {
    let told = store.reportd.ask(&store.place(), line)?;
    if let Some(errors) = told["errors"]
        .as_object()
        .filter(|errors| !errors.is_empty())
    {
        println!("  errors of the load: {errors:?}");
    }
    Load::from_json(&told).context("the answer of reportd load lacks a figure")
}

/// The middle figure of some rounds: one round may have met something else on the machine.
pub(super) fn middle(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Sends to all servers at once, each its share of the connections and reports of its own.
pub(super) fn load_nodes(
    store: &Store<'_>,
    servers: &[Server],
    asked: &Asked,
) -> anyhow::Result<Load> {
    let share = |number: usize| Asked {
        connections: (asked.connections / servers.len() as u64).max(1),
        seed: asked.seed + 1_000 * number as u64,
        ..*asked
    };
    let loads = scope(|threads| {
        let start = |(number, server)| {
            let share = share(number);
            threads.spawn(move || load(store, server, &share))
        };
        let running: Vec<_> = servers.iter().enumerate().map(start).collect();
        let ended = running.into_iter().map(|load| load.join());
        ended.collect::<Vec<_>>()
    });
    let mut all = Load::default();
    for load in loads {
        let load = load.map_err(|_| anyhow!("a load stopped"))??;
        all = Load {
            requests: all.requests + load.requests,
            reports: all.reports + load.reports,
            distinct: all.distinct + load.distinct,
            errors: all.errors + load.errors,
            requests_per_second: all.requests_per_second + load.requests_per_second,
            reports_per_second: all.reports_per_second + load.reports_per_second,
            p50_ms: all.p50_ms.max(load.p50_ms),
            p99_ms: all.p99_ms.max(load.p99_ms),
        };
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_added_up() {
        let told = serde_json::json!({
            "requests": 3, "reports": 30, "errors": {"a": 1, "b": 2}, "requests_per_second": 1.5,
            "reports_per_second": 15.0, "p50_ms": 0.5, "p90_ms": 0.75, "p99_ms": 1.0,
        });
        let load = Load::from_json(&told).unwrap();
        assert_eq!((load.requests, load.reports, load.errors), (3, 30, 3));
        assert_eq!(load.distinct, 30);
        assert_eq!(Load::from_json(&serde_json::json!({})), None);
    }
}
