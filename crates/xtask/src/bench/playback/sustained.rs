//! Heartbeats at a set rate, of as many viewers as send every 15 seconds: whether the server keeps up, and what it takes.

use crate::bench::playback::ground::{Beats, Ground};
use crate::bench::reportd::Reportd;
use crate::bench::throughput::processor_seconds;
use crate::clock::Stopwatch;
use crate::command::BenchPlayback;
use crate::text_table::{grouped, text_table};

/// Between two beats of a player.
const CADENCE_SECONDS: u64 = 15;

/// Sends for a while and prints one table.
pub(super) fn measure(reportd: &Reportd, options: &BenchPlayback) -> anyhow::Result<()> {
    let viewers = options.rate * CADENCE_SECONDS;
    println!(
        "sustained: {:?} store, {} beats/s for {} s, of {} viewers every {CADENCE_SECONDS} s",
        options.store,
        grouped(options.rate),
        options.sustained_seconds,
        grouped(viewers)
    );
    let mut ground = Ground::create(reportd, options.store)?;
    let server = ground.store.serve("")?;
    let first = Beats {
        viewers,
        requests: viewers,
        ..Beats::default()
    };
    ground.fill(&server, &first, "the first beat of each viewer")?;
    let beats = Beats {
        viewers,
        turn: 1,
        rate: options.rate,
        seconds: options.sustained_seconds,
        ..Beats::default()
    };
    let servers = std::slice::from_ref(&server);
    let (before, watch) = (
        processor_seconds(&ground.store, servers)?,
        Stopwatch::start(),
    );
    let (load, most_lag_ms, level_after) = ground.store_beats(&server, &beats)?;
    let (after, took) = (processor_seconds(&ground.store, servers)?, watch.elapsed());
    let peak_memory = server.peak_memory()?;
    server.stop()?;
    let requests = load.requests.max(1) as f64;
    let processor = |seconds: f64| {
        let cores = seconds / took.as_secs_f64();
        format!(
            "{cores:.2} cores, {:.1} µs a beat",
            seconds * 1e6 / requests
        )
    };
    let rows = [
        ("acknowledged/s", format!("{:.0}", load.requests_per_second)),
        ("failed", grouped(load.errors)),
        ("p50", format!("{:.2} ms", load.p50_ms)),
        ("p99", format!("{:.2} ms", load.p99_ms)),
        ("most lag of a view", format!("{most_lag_ms} ms")),
        (
            "level after the load",
            format!("{:.0} ms", level_after.as_secs_f64() * 1e3),
        ),
        ("server", processor(after.0 - before.0)),
        ("PostgreSQL", processor(after.1 - before.1)),
        ("peak memory", format!("{:.0} MB", peak_memory as f64 / 1e6)),
    ];
    let rows = rows.map(|(name, figure)| vec![name.to_owned(), figure]);
    println!("\n{}\n", text_table(&rows));
    Ok(())
}
