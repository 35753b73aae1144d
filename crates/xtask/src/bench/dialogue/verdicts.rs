//! Verdict to delivered: from the moment a verdict is sent to the moment its callback is with a receiver of this machine.

use anyhow::bail;

use crate::bench::dialogue::ground::{Ground, Judged};
use crate::bench::reportd::Reportd;
use crate::command::BenchDialogue;
use crate::text_table::text_table;

/// Verdicts a second that are measured in any case.
const RATES: [u64; 3] = [50, 200, 1_000];
/// Then more and more, until it is too much.
const MORE: [u64; 10] = [
    1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 6_000, 8_000, 10_000,
];
/// How long each of these is tried.
const MORE_SECONDS: u64 = 8;
const CONNECTIONS: u64 = 64;

/// Measures and prints one table.
pub(super) fn measure(reportd: &Reportd, options: &BenchDialogue) -> anyhow::Result<()> {
    println!("verdict to delivered, undo_seconds 0");
    let ground = Ground::start(reportd, options.store, "")?;
    let head = [
        "verdicts/s",
        "kept up",
        "p50",
        "p95",
        "p99",
        "longest",
        "taken p95",
        "next p99",
        "lost",
        "repeated",
        "errors",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut seed = 100;
    let mut run = |rate: u64, seconds: u64, flags: &str| -> anyhow::Result<Judged> {
        seed += 1;
        let flags = format!("--connections {CONNECTIONS} --seed {seed} {flags}");
        let judged = ground.judge(rate, seconds, &flags)?;
        if judged.lost > 0 || judged.strange > 0 || judged.delivered < judged.verdicts {
            bail!("verdicts were lost or callbacks were made up: {judged:?}");
        }
        Ok(judged)
    };
    // What is slow at first is no figure.
    run(100, 2, "")?;
    for rate in RATES {
        rows.push(row(rate, "", &run(rate, options.seconds, "")?));
    }
    for rate in RATES {
        rows.push(row(
            rate,
            " with next",
            &run(rate, options.seconds / 2, "--next")?,
        ));
    }
    let mut highest = 0;
    for rate in MORE {
        let judged = run(rate, MORE_SECONDS, "")?;
        rows.push(row(rate, "", &judged));
        if !judged.kept_up(rate) {
            break;
        }
        highest = rate;
    }
    println!(
        "\n{}\n\nthe highest rate kept up: {highest}/s\n",
        text_table(&rows)
    );
    ground.server.stop()
}

fn row(rate: u64, how: &str, judged: &Judged) -> Vec<String> {
    let ms = |figure: f64| format!("{figure:.2} ms");
    let mut row = vec![format!("{rate}{how}")];
    row.push(if judged.kept_up(rate) {
        "yes".to_owned()
    } else {
        format!("{:.0}/s", judged.per_second)
    });
    row.extend(judged.delivered_ms.map(ms));
    row.push(ms(judged.taken_ms[1]));
    row.push(judged.next_ms.map_or_else(String::new, |next| ms(next[2])));
    row.extend([judged.lost, judged.repeated, judged.errors].map(|count| count.to_string()));
    row
}
