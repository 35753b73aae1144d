//! Heartbeats a second, one a request: (a) parsed and thrown away, against (b) durable with all views on.
//!
//! All runs are on one store, whose viewers have all sent a beat before: a viewer's number is drawn once in a life, and
//! is no part of a burst. The two ways take turns, a, b, a, b.

use crate::bench::figures::{Durable, Runs, rows};
use crate::bench::load::Load;
use crate::bench::playback::ground::{Beats, CONNECTIONS, Ground};
use crate::bench::reportd::Reportd;
use crate::bench::throughput::processor_seconds;
use crate::command::BenchPlayback;
use crate::text_table::{grouped, text_table};

const ROUNDS: u64 = 2;

/// Runs all and prints one table.
pub(super) fn measure(reportd: &Reportd, options: &BenchPlayback) -> anyhow::Result<()> {
    println!(
        "burst: {:?} store, {} viewers with signed sessions, {ROUNDS} runs of {} s each way",
        options.store,
        grouped(options.viewers),
        options.seconds
    );
    let mut ground = Ground::create(reportd, options.store)?;
    let server = ground.store.serve("")?;
    let first = Beats {
        viewers: options.viewers,
        requests: options.viewers,
        ..Beats::default()
    };
    ground.fill(&server, &first, "the first beat of each viewer")?;
    server.stop()?;
    let mut runs = Runs {
        connections: CONNECTIONS,
        items: 1,
        discard: Vec::new(),
        durable: Vec::new(),
    };
    let mut turn = 1;
    for _ in 1..=ROUNDS {
        let beats = Beats {
            viewers: options.viewers,
            seconds: options.seconds,
            turn,
            ..Beats::default()
        };
        let discard = run_discard(&ground, &beats)?;
        println!("  (a) discard: {:.0} beats/s", discard.requests_per_second);
        runs.discard.push(discard);
        let durable = run_durable(&mut ground, &beats)?;
        println!(
            "  (b) durable: {:.0} beats/s, {} acknowledged and there",
            durable.load.requests_per_second,
            grouped(durable.counted)
        );
        turn += durable.counted / options.viewers + 1;
        runs.durable.push(durable);
    }
    println!("\n{}\n", text_table(&rows(&[runs])));
    Ok(())
}

fn run_discard(ground: &Ground<'_>, beats: &Beats) -> anyhow::Result<Load> {
    let server = ground.store.serve("--discard")?;
    let load = ground.send(&server, beats)?;
    server.stop()?;
    Ok(load)
}

fn run_durable(ground: &mut Ground<'_>, beats: &Beats) -> anyhow::Result<Durable> {
    let bytes_before = ground.store.disk_bytes()?;
    let server = ground.store.serve("")?;
    let servers = std::slice::from_ref(&server);
    let before = processor_seconds(&ground.store, servers)?;
    let (load, most_lag_ms, level_after) = ground.store_beats(&server, beats)?;
    let after = processor_seconds(&ground.store, servers)?;
    let peak_memory = server.peak_memory()?;
    server.stop()?;
    let bytes_after = ground.store.disk_bytes()?;
    Ok(Durable {
        counted: load.requests,
        load,
        most_lag_ms,
        level_after,
        peak_memory,
        journal_bytes: bytes_after.0.saturating_sub(bytes_before.0),
        views_bytes: bytes_after.1.saturating_sub(bytes_before.1),
        nodes_seconds: after.0 - before.0,
        postgres_seconds: after.1 - before.1,
    })
}
