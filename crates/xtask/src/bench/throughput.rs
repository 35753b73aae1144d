//! Requests a second: (a) parsed and thrown away, against (b) durable with all views on.
//!
//! The two ways take turns, a, b, a, b, each on a fresh store and for half of the seconds, so that a machine that gets
//! slower or faster meanwhile does so for both.

use anyhow::bail;
use reportd_testbed::Postgres;

use crate::bench::figures::{Durable, Runs, rows};
use crate::bench::level::{wait_until_level, watch_lag};
use crate::bench::load::{Asked, Load, load_nodes};
use crate::bench::processor::family_seconds;
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::store::{Store, StoreKind};
use crate::bench::traffic::Traffic;
use crate::clock::Stopwatch;
use crate::text_table::{grouped, text_table};

const ROUNDS: u64 = 2;

/// What to measure.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) store: StoreKind,
    /// Servers on that store.
    pub(super) nodes: u64,
    /// For each load and each way.
    pub(super) seconds: u64,
    pub(super) traffic: Traffic,
    /// Connections, and reports of a request, of each load.
    pub(super) loads: Vec<(u64, u64)>,
}

/// Runs all and prints one table.
pub(super) fn measure(reportd: &Reportd, plan: &Plan) -> anyhow::Result<()> {
    let seconds = (plan.seconds / ROUNDS).max(1);
    println!(
        "{:?} store, {} node(s), {ROUNDS} runs of {seconds} s each way",
        plan.store, plan.nodes
    );
    let mut columns = Vec::new();
    for &(connections, items) in &plan.loads {
        let asked = Asked {
            traffic: plan.traffic,
            connections,
            items,
            rate: 0,
            seconds,
            seed: 0,
        };
        columns.push(run_load(reportd, plan, asked)?);
    }
    println!("\n{}\n", text_table(&rows(&columns)));
    Ok(())
}

fn run_load(reportd: &Reportd, plan: &Plan, asked: Asked) -> anyhow::Result<Runs> {
    let mut runs = Runs {
        connections: asked.connections,
        items: asked.items,
        discard: Vec::new(),
        durable: Vec::new(),
    };
    for seed in 1..=ROUNDS {
        let asked = Asked { seed, ..asked };
        let discard = run_discard(reportd, plan, &asked)?;
        tell(&asked, "(a) discard", &discard);
        runs.discard.push(discard);
        let durable = run_durable(reportd, plan, &asked)?;
        tell(&asked, "(b) durable", &durable.load);
        println!(
            "  acknowledged {}, of them distinct {}, counted {}",
            grouped(durable.load.reports),
            grouped(durable.load.distinct),
            grouped(durable.counted)
        );
        runs.durable.push(durable);
    }
    Ok(runs)
}

fn tell(asked: &Asked, way: &str, load: &Load) {
    println!(
        "  {} connections, requests of {}, {way}: {:.0} requests/s",
        asked.connections, asked.items, load.requests_per_second
    );
}

fn run_discard(reportd: &Reportd, plan: &Plan, asked: &Asked) -> anyhow::Result<Load> {
    let store = Store::create(reportd, plan.store)?;
    let servers = store.serve_nodes(plan.nodes, "--discard")?;
    let load = load_nodes(&store, &servers, asked)?;
    servers.into_iter().try_for_each(Server::stop)?;
    Ok(load)
}

fn run_durable(reportd: &Reportd, plan: &Plan, asked: &Asked) -> anyhow::Result<Durable> {
    let store = Store::create(reportd, plan.store)?;
    let servers = store.serve_nodes(plan.nodes, "")?;
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
    let counted = plan.traffic.check_count(&store, first, &load)?;
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
pub(super) fn processor_seconds(
    store: &Store<'_>,
    servers: &[Server],
) -> anyhow::Result<(f64, f64)> {
    let mut nodes = 0.0;
    for server in servers {
        nodes += server.processor_seconds()?;
    }
    let pid = store.postgres.as_ref().and_then(Postgres::pid);
    Ok((nodes, pid.map_or(Ok(0.0), family_seconds)?))
}
