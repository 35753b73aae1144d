//! What `tickets/next` costs with few and with many tickets stored, beside what a sync costs on that disk.
//!
//! Both servers run at once and are asked in turns, so that the machine is the same for both.

use std::fs::File;
use std::io::Write;

use crate::bench::dialogue::ground::Ground;
use crate::bench::load::{Load, middle, run};
use crate::bench::reportd::Reportd;
use crate::bench::stolen::Readings;
use crate::bench::turns;
use crate::clock::Stopwatch;
use crate::command::{BenchDialogue, FEW_TICKETS};
use crate::text_table::{grouped, text_table};

const ROUNDS: u64 = 4;
const SECONDS: u64 = 5;
/// Tickets that are taken, and released again, a second.
const RATE: u64 = 100;
const CONNECTIONS: u64 = 4;
const SYNCS: usize = 300;

/// Measures and prints one table.
pub(super) fn measure(reportd: &Reportd, options: &BenchDialogue) -> anyhow::Result<()> {
    let counts = [FEW_TICKETS, options.tickets];
    let grounds = [
        Ground::start(reportd, options.store, "")?,
        Ground::start(reportd, options.store, "")?,
    ];
    for (ground, count) in grounds.iter().zip(counts) {
        let load = ground.file_many(count, 1)?;
        println!(
            "  {} tickets filed, {:.0} a second",
            grouped(load.requests),
            load.requests_per_second
        );
    }
    let mut taken = [Vec::new(), Vec::new()];
    let mut syncs = Vec::new();
    let mut readings = Readings::default();
    for round in 0..ROUNDS {
        for place in turns::order(round) {
            taken[place].push(readings.take(|| take(&grounds[place]))?);
        }
        syncs.extend(sync_ms(reportd)?);
    }
    syncs.sort_by(f64::total_cmp);
    let at = |share: usize| format!("{:.2} ms", syncs[syncs.len() * share / 100]);
    let mut rows = vec![
        ["tickets/next", "p50", "p99", "errors"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (count, loads) in counts.into_iter().zip(&taken) {
        let middle_ms =
            |figure: fn(&Load) -> f64| format!("{:.2} ms", middle(loads.iter().map(figure)));
        let errors: u64 = loads.iter().map(|load| load.errors).sum();
        rows.push(vec![
            format!("of {}", grouped(count)),
            middle_ms(|load| load.p50_ms),
            middle_ms(|load| load.p99_ms),
            errors.to_string(),
        ]);
    }
    rows.push(vec![
        "one fdatasync".to_owned(),
        at(50),
        at(99),
        String::new(),
    ]);
    println!("\n{}\n{readings}\n", text_table(&rows));
    grounds
        .into_iter()
        .try_for_each(|ground| ground.server.stop())
}

fn take(ground: &Ground<'_>) -> anyhow::Result<Load> {
    let flags = format!("--take --rate {RATE} --seconds {SECONDS} --connections {CONNECTIONS}");
    run(&ground.store, &ground.command(&flags))
}

/// How long it takes to write a page to the disk that is measured on.
fn sync_ms(reportd: &Reportd) -> anyhow::Result<Vec<f64>> {
    let folder = tempfile::TempDir::new_in(reportd.bench_folder()?)?;
    let mut file = File::create(folder.path().join("syncs"))?;
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        let watch = Stopwatch::start();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(watch.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(times)
}
