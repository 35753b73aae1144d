//! Requests a second: (a) parsed and thrown away, against (b) durable with all views on.
//!
//! The two ways take turns, a, b, a, b, each on a fresh store and for half of the seconds, so that a machine that gets
//! slower or faster meanwhile does so for both.

use std::time::Duration;

use anyhow::bail;
use reportd_testbed::Postgres;

use crate::bench::level::{wait_until_level, watch_lag};
use crate::bench::load::{Asked, Load, load_nodes};
use crate::bench::processor::family_seconds;
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::store::Store;
use crate::bench::{ITEMS, ms};
use crate::clock::Stopwatch;
use crate::command::BenchComm;
use crate::text_table::{grouped, text_table};

const ROUNDS: u64 = 2;

/// A run of (b).
struct Durable {
    load: Load,
    counted: u64,
    most_lag_ms: u64,
    level_after: Duration,
    peak_memory: u64,
    journal_bytes: u64,
    views_bytes: u64,
    /// Processor time of all nodes and of PostgreSQL, in seconds.
    nodes_seconds: f64,
    postgres_seconds: f64,
}

/// All runs with one number of connections.
struct Runs {
    connections: u64,
    discard: Vec<Load>,
    durable: Vec<Durable>,
}

/// Runs all and prints one table.
pub(super) fn measure(reportd: &Reportd, options: &BenchComm) -> anyhow::Result<()> {
    let seconds = (options.seconds / ROUNDS).max(1);
    println!(
        "{:?} store, {} node(s), requests of {ITEMS} reports, {ROUNDS} runs of {seconds} s each way",
        options.store, options.nodes
    );
    let mut columns = Vec::new();
    for &connections in &options.connections {
        let mut runs = Runs {
            connections,
            discard: Vec::new(),
            durable: Vec::new(),
        };
        for round in 1..=ROUNDS {
            let asked = Asked {
                connections,
                rate: 0,
                seconds,
                seed: round,
            };
            let discard = run_discard(reportd, options, &asked)?;
            tell(connections, "(a) discard", &discard);
            runs.discard.push(discard);
            let durable = run_durable(reportd, options, &asked)?;
            tell(connections, "(b) durable", &durable.load);
            let (counted, acknowledged) = (durable.counted, durable.load.reports);
            println!(
                "  acknowledged {}, counted {}",
                grouped(acknowledged),
                grouped(counted)
            );
            runs.durable.push(durable);
        }
        columns.push(runs);
    }
    println!("\n{}\n", text_table(&rows(&columns)));
    Ok(())
}

fn tell(connections: u64, way: &str, load: &Load) {
    println!(
        "  {connections} connections, {way}: {:.0} requests/s",
        load.requests_per_second
    );
}

fn run_discard(reportd: &Reportd, options: &BenchComm, asked: &Asked) -> anyhow::Result<Load> {
    let store = Store::create(reportd, options.store)?;
    let servers = store.serve_nodes(options.nodes, "--discard")?;
    let load = load_nodes(&store, &servers, asked)?;
    servers.into_iter().try_for_each(Server::stop)?;
    Ok(load)
}

fn run_durable(reportd: &Reportd, options: &BenchComm, asked: &Asked) -> anyhow::Result<Durable> {
    let store = Store::create(reportd, options.store)?;
    let servers = store.serve_nodes(options.nodes, "")?;
    let Some(first) = servers.first() else {
        bail!("no node");
    };
    let before = processor_seconds(&store, &servers)?;
    let (load, most_lag_ms) = watch_lag(&store, first, || load_nodes(&store, &servers, asked))?;
    let watch = Stopwatch::start();
    for server in &servers {
        wait_until_level(&store, server)?;
    }
    let level_after = watch.elapsed();
    let after = processor_seconds(&store, &servers)?;
    let counted = store.check_count(first, &load)?;
    let peak_memory = first.peak_memory()?;
    servers.into_iter().try_for_each(Server::stop)?;
    let (journal_bytes, views_bytes) = store.disk_bytes()?;
    Ok(Durable {
        load,
        counted,
        most_lag_ms,
        level_after,
        peak_memory,
        journal_bytes,
        views_bytes,
        nodes_seconds: after.0 - before.0,
        postgres_seconds: after.1 - before.1,
    })
}

/// Processor time so far of all nodes, and of PostgreSQL.
fn processor_seconds(store: &Store<'_>, servers: &[Server]) -> anyhow::Result<(f64, f64)> {
    let mut nodes = 0.0;
    for server in servers {
        nodes += server.processor_seconds()?;
    }
    let pid = store.postgres.as_ref().and_then(Postgres::pid);
    Ok((nodes, pid.map_or(Ok(0.0), family_seconds)?))
}

/// A row for each figure, a column for each number of connections.
fn rows(columns: &[Runs]) -> Vec<Vec<String>> {
    let row = |(name, figure): &Figure| {
        let cells = columns.iter().map(figure);
        [(*name).to_owned()].into_iter().chain(cells).collect()
    };
    FIGURES.iter().map(row).collect()
}

/// Its name in the table, and how it is told.
type Figure = (&'static str, fn(&Runs) -> String);

const FIGURES: &[Figure] = &[
    ("connections", |runs| runs.connections.to_string()),
    ("(a) requests/s", |runs| whole(rate(runs.discard.iter()))),
    ("(b) requests/s", |runs| whole(rate(runs.durable()))),
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
