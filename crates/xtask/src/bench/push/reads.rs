//! What reports cost to read, with few and with many receipts behind them.
//!
//! Both servers run at once and are read in turns, at a set rate, so that the machine is the same for both.

use crate::bench::load::{Load, middle, run};
use crate::bench::push::history::{History, TASKS};
use crate::bench::reportd::Reportd;
use crate::bench::store::StoreKind;
use crate::clock::days_around_now;
use crate::text_table::{grouped, text_table};

/// Receipts behind the smaller store, at most.
const MOST_FEW: u64 = 1_000_000;
const ROUNDS: u64 = 3;
const SECONDS: u64 = 5;
/// A first read that is not counted: caches fill.
const WARM_UP_SECONDS: u64 = 1;
const CONNECTIONS: u64 = 8;

/// A report and what it may cost.
struct Report {
    name: &'static str,
    /// Flags of `reportd load push` that read it.
    flags: &'static str,
    rate: u64,
    /// What 99 of 100 reads should stay below.
    goal_p99_ms: f64,
}

const REPORTS: [Report; 5] = [
    Report {
        name: "200 tasks",
        flags: "--report task",
        rate: 100,
        goal_p99_ms: 5.0,
    },
    Report {
        name: "200 tasks, detail",
        flags: "--report detail",
        rate: 100,
        goal_p99_ms: 5.0,
    },
    Report {
        name: "day",
        flags: "--report day",
        rate: 200,
        goal_p99_ms: 2.0,
    },
    Report {
        name: "users of a day",
        flags: "--report user",
        rate: 200,
        goal_p99_ms: 2.0,
    },
    Report {
        name: "online",
        flags: "--report online",
        rate: 200,
        goal_p99_ms: 2.0,
    },
];

/// Fills two stores, then reads them in turns and prints one table.
pub(super) fn measure(reportd: &Reportd, kind: StoreKind, history: u64) -> anyhow::Result<()> {
    println!("{kind:?} store, {TASKS} tasks of yesterday");
    let few = History::make(reportd, kind, MOST_FEW.min(history / 10))?;
    let many = History::make(reportd, kind, history)?;
    println!(
        "reads at a set rate, {ROUNDS} times {SECONDS} s in turns: A with {} receipts behind it, B with {}",
        grouped(few.receipts),
        grouped(many.receipts)
    );
    let head = [
        "report",
        "requests/s",
        "A p50",
        "B p50",
        "B/A",
        "A p99",
        "B p99",
        "B/A",
        "goal",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for report in &REPORTS {
        rows.push(row(report, read_in_turns(report, [&few, &many])?));
    }
    println!("\n{}\n", text_table(&rows));
    few.server.stop()?;
    many.server.stop()
}

/// The latencies of each, of all rounds.
fn read_in_turns(report: &Report, histories: [&History<'_>; 2]) -> anyhow::Result<[Vec<Load>; 2]> {
    let mut reads = [Vec::new(), Vec::new()];
    for history in histories {
        read(report, history, WARM_UP_SECONDS)?;
    }
    for _ in 0..ROUNDS {
        for (history, reads) in histories.into_iter().zip(&mut reads) {
            reads.push(read(report, history, SECONDS)?);
        }
    }
    Ok(reads)
}

fn read(report: &Report, history: &History<'_>, seconds: u64) -> anyhow::Result<Load> {
    let [yesterday, ..] = days_around_now();
    let store = &history.store;
    let line = format!(
        "load push --url http://{} --app bench --appkey {} --master-secret {} {} --tasks {TASKS} --day {yesterday} --rate {} \
         --connections {CONNECTIONS} --seconds {seconds} --json",
        history.server.address, store.appkey, store.master_secret, report.flags, report.rate
    );
    run(store, &line)
}

fn row(report: &Report, reads: [Vec<Load>; 2]) -> Vec<String> {
    let [p50, p99] = [|load: &Load| load.p50_ms, |load: &Load| load.p99_ms].map(|figure| {
        reads
            .each_ref()
            .map(|loads| middle(loads.iter().map(figure)))
    });
    let told = |[few, many]: [f64; 2]| {
        let ratio = format!("{:.2}", many / few);
        [format!("{few:.2} ms"), format!("{many:.2} ms"), ratio]
    };
    let mut row = vec![report.name.to_owned(), report.rate.to_string()];
    row.extend(told(p50));
    row.extend(told(p99));
    row.push(format!("{:.0} ms", report.goal_p99_ms));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_the_middle_round_and_ratios() {
        let loads = |p50_ms: [f64; 3]| {
            let load = |p50_ms| Load {
                p50_ms,
                p99_ms: 2.0 * p50_ms,
                ..Load::default()
            };
            p50_ms.map(load).to_vec()
        };
        let row = row(
            &REPORTS[0],
            [loads([9.0, 1.0, 2.0]), loads([3.0, 1.0, 8.0])],
        );
        let expected = [
            "200 tasks",
            "100",
            "2.00 ms",
            "3.00 ms",
            "1.50",
            "4.00 ms",
            "6.00 ms",
            "1.50",
            "5 ms",
        ];
        assert_eq!(row, expected);
    }
}
