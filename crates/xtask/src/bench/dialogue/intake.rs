//! Reports a second: (a) opened, checked and thrown away, against (b) durable, as tickets. The two take turns.

use crate::bench::dialogue::ground::Ground;
use crate::bench::load::Load;
use crate::bench::reportd::Reportd;
use crate::command::BenchDialogue;
use crate::text_table::text_table;

const ROUNDS: u64 = 2;

/// Measures and prints one table.
pub(super) fn measure(reportd: &Reportd, options: &BenchDialogue) -> anyhow::Result<()> {
    let seconds = (options.seconds / ROUNDS).max(1);
    println!("intake, reports of 20 messages, {ROUNDS} runs of {seconds} s each way");
    let mut ways = [Vec::new(), Vec::new()];
    for seed in 1..=ROUNDS {
        for (flags, runs) in ["--discard", ""].into_iter().zip(&mut ways) {
            let ground = Ground::start(reportd, options.store, flags)?;
            let load = ground.file_for(seconds, seed)?;
            println!(
                "  {:<9} {:.0} reports/s, p50 {:.2} ms, p99 {:.2} ms, {} errors",
                if flags.is_empty() {
                    "durable"
                } else {
                    "discard"
                },
                load.requests_per_second,
                load.p50_ms,
                load.p99_ms,
                load.errors
            );
            runs.push(load);
            ground.server.stop()?;
        }
    }
    let mean = |runs: &[Load], figure: fn(&Load) -> f64| {
        runs.iter().map(figure).sum::<f64>() / runs.len() as f64
    };
    let rates = ways
        .each_ref()
        .map(|runs| mean(runs, |load| load.requests_per_second));
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let latency = |name: &str, figure: fn(&Load) -> f64| {
        let [discard, durable] = ways.each_ref().map(|runs| mean(runs, figure));
        row(name, format!("{discard:.2} / {durable:.2} ms"))
    };
    let rows = [
        row("(a) reports/s", format!("{:.0}", rates[0])),
        row("(b) reports/s", format!("{:.0}", rates[1])),
        row(
            "(b) of (a)",
            format!("{:.1} %", 100.0 * rates[1] / rates[0]),
        ),
        latency("p50 (a) / (b)", |load| load.p50_ms),
        latency("p99 (a) / (b)", |load| load.p99_ms),
    ];
    println!("\n{}\n", text_table(&rows));
    Ok(())
}
