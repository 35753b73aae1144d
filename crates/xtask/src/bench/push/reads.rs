//! What reports cost to read, with few and with many receipts behind them.
//!
//! Both are read in turns, at a set rate, so that the machine is the same for both; only the server that is read runs.

use crate::bench::cores::Cores;
use crate::bench::floor;
use crate::bench::load::{Load, run};
use crate::bench::push::history::{History, TASKS};
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::stolen::Readings;
use crate::bench::store::StoreKind;
use crate::bench::turns;
use crate::clock::days_around_now;
use crate::text_table::{grouped, text_table};

/// Receipts behind the smaller store, at most.
const MOST_FEW: u64 = 1_000_000;
const ROUNDS: u64 = 3;
const SECONDS: u64 = 5;
/// A first read that is not counted: caches fill.
const WARM_UP_SECONDS: u64 = 1;
const CONNECTIONS: u64 = 8;

/// What is read, and what it may cost.
struct Read {
    name: &'static str,
    /// Flags of `reportd load push` that read it; without them it is the floor.
    flags: Option<&'static str>,
    rate: u64,
    /// What 99 of 100 reads should stay below.
    goal_p99_ms: Option<f64>,
}

const fn report(name: &'static str, flags: &'static str, rate: u64, goal_p99_ms: f64) -> Read {
    Read {
        name,
        flags: Some(flags),
        rate,
        goal_p99_ms: Some(goal_p99_ms),
    }
}

const READS: [Read; 6] = [
    Read {
        name: "floor: is it ready",
        flags: None,
        rate: 200,
        goal_p99_ms: None,
    },
    report("200 tasks", "--report task", 100, 5.0),
    report("200 tasks, detail", "--report detail", 100, 5.0),
    report("day", "--report day", 200, 2.0),
    report("users of a day", "--report user", 200, 2.0),
    report("online", "--report online", 200, 2.0),
];

/// Fills two stores, then reads them in turns and prints one table.
pub(super) fn measure(
    reportd: &Reportd,
    kind: StoreKind,
    history: u64,
    cores: Cores,
) -> anyhow::Result<()> {
    // What cannot be is told before stores are filled.
    let kept = cores.keep()?;
    println!("{kind:?} store, {TASKS} tasks of yesterday");
    let few = History::make(reportd, kind, MOST_FEW.min(history / 10))?;
    let many = History::make(reportd, kind, history)?;
    println!(
        "reads at a set rate, cores {cores:?}, {ROUNDS} times {SECONDS} s in turns: A with {} receipts behind it, \
         B with {}",
        grouped(few.receipts),
        grouped(many.receipts)
    );
    let mut readings = Readings::default();
    let reads = read_in_turns([&few, &many], &mut readings)?;
    drop(kept);
    let head = [&["read", "requests/s"][..], &turns::HEAD].concat();
    let mut rows = vec![head.into_iter().map(str::to_owned).collect()];
    rows.extend(
        READS
            .iter()
            .zip(&reads)
            .map(|(read, loads)| row(read, loads)),
    );
    println!("\n{}\n{readings}\n", text_table(&rows));
    Ok(())
}

/// The latencies of each, of all rounds.
type Loads = [Vec<Load>; 2];

fn read_in_turns(
    histories: [&History<'_>; 2],
    readings: &mut Readings,
) -> anyhow::Result<[Loads; READS.len()]> {
    let mut reads = READS.map(|_| Loads::default());
    for round in 0..ROUNDS {
        for place in turns::order(round) {
            let history = histories[place];
            let server = history.store.serve("")?;
            for (read, loads) in READS.iter().zip(&mut reads) {
                once(read, history, &server, WARM_UP_SECONDS)?;
                let load = readings.take(|| once(read, history, &server, SECONDS))?;
                loads[place].push(load);
            }
            server.stop()?;
        }
    }
    Ok(reads)
}

fn once(read: &Read, history: &History<'_>, server: &Server, seconds: u64) -> anyhow::Result<Load> {
    let Some(flags) = read.flags else {
        return floor::read(server, read.rate, seconds);
    };
    let [yesterday, ..] = days_around_now();
    let store = &history.store;
    let line = format!(
        "load push --url http://{} --app bench --appkey {} --master-secret {} {flags} --tasks {TASKS} --day {yesterday} --rate {} \
         --connections {CONNECTIONS} --seconds {seconds} --json",
        server.address, store.appkey, store.master_secret, read.rate
    );
    run(store, &line)
}

fn row(read: &Read, loads: &Loads) -> Vec<String> {
    let mut row = vec![read.name.to_owned(), read.rate.to_string()];
    row.extend(turns::columns(loads, read.goal_p99_ms));
    row
}
