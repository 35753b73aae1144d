//! What a history and a resume point cost to read, of a viewer with a short history and of one with a long one. Both are
//! viewers of one server and are read in turns, at a set rate.

use crate::bench::load::Load;
use crate::bench::playback::ground::{Beats, Ground};
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::stolen::Readings;
use crate::bench::turns;
use crate::command::BenchPlayback;
use crate::text_table::{grouped, text_table};

/// Entries of the viewer with the short history.
const FEW: u64 = 1_000;
const FIRST_MIDS: [u64; 2] = [1, 2];
const ROUNDS: u64 = 3;
const SECONDS: u64 = 5;
/// A first read that is not counted: caches fill.
const WARM_UP_SECONDS: u64 = 1;
const CONNECTIONS: u64 = 8;
const RATE: u64 = 200;
/// Lines of a request of the catalogue.
const CATALOGUE_LINES: usize = 1_000;

/// A read and what it may cost.
struct Read {
    name: &'static str,
    report: &'static str,
    /// What 99 of 100 reads should stay below.
    goal_p99_ms: Option<f64>,
}

const READS: [Read; 3] = [
    Read {
        name: "page of the history",
        report: "history",
        goal_p99_ms: Some(3.0),
    },
    Read {
        name: "resume point",
        report: "player",
        goal_p99_ms: Some(1.0),
    },
    // It reads no store: what the machine and the connection cost of the others.
    Read {
        name: "viewers now",
        report: "online",
        goal_p99_ms: None,
    },
];

/// Fills both histories, then reads them in turns and prints one table.
pub(super) fn measure(reportd: &Reportd, options: &BenchPlayback) -> anyhow::Result<()> {
    println!(
        "reads: {:?} store, at {RATE} requests/s, cores {:?}, {ROUNDS} times {SECONDS} s in turns: A with {} entries, \
         B with {}",
        options.store,
        options.cores,
        grouped(FEW),
        grouped(options.history)
    );
    // What cannot be is told before the store is filled.
    let kept = options.cores.keep()?;
    let mut ground = Ground::create(reportd, options.store)?;
    let server = ground.store.serve("")?;
    upload_catalogue(&ground, &server, options.history)?;
    let entries = [FEW, options.history];
    for (first_mid, entries) in FIRST_MIDS.into_iter().zip(entries) {
        let beats = Beats {
            connections: 64,
            first_mid,
            videos: entries,
            beats: 1,
            requests: entries,
            ..Beats::default()
        };
        ground.fill(&server, &beats, "a history")?;
    }
    let head = [&["read"][..], &turns::HEAD].concat();
    let mut rows = vec![head.into_iter().map(str::to_owned).collect()];
    let mut readings = Readings::default();
    for read in &READS {
        let loads = read_in_turns(&ground, &server, read, entries, &mut readings)?;
        rows.push(row(read, &loads));
    }
    drop(kept);
    println!("\n{}\n{readings}\n", text_table(&rows));
    server.stop()
}

/// The latencies of each, of all rounds.
fn read_in_turns(
    ground: &Ground<'_>,
    server: &Server,
    read: &Read,
    entries: [u64; 2],
    readings: &mut Readings,
) -> anyhow::Result<[Vec<Load>; 2]> {
    let once = |viewer: usize, seconds: u64| {
        let flags = format!(
            "--report {} --viewers 1 --first-mid {} --videos {} --beats 1 --rate {RATE} --connections {CONNECTIONS} \
             --seconds {seconds}",
            read.report, FIRST_MIDS[viewer], entries[viewer]
        );
        ground.read(server, &flags)
    };
    let mut reads = [Vec::new(), Vec::new()];
    for viewer in 0..2 {
        once(viewer, WARM_UP_SECONDS)?;
    }
    for round in 0..ROUNDS {
        for viewer in turns::order(round) {
            reads[viewer].push(readings.take(|| once(viewer, SECONDS))?);
        }
    }
    Ok(reads)
}

fn row(read: &Read, reads: &[Vec<Load>; 2]) -> Vec<String> {
    let mut row = vec![read.name.to_owned()];
    row.extend(turns::columns(reads, read.goal_p99_ms));
    row
}

/// Titles for every video of the histories, as a site has them.
fn upload_catalogue(ground: &Ground<'_>, server: &Server, videos: u64) -> anyhow::Result<()> {
    let mut connection = ground.store.connect(server)?;
    for first in (0..videos).step_by(CATALOGUE_LINES) {
        let numbers = first..videos.min(first + CATALOGUE_LINES as u64);
        let lines: String = numbers.map(catalogue_line).collect();
        connection.put("/api/apps/bench/playback/catalogue", &lines)?;
    }
    Ok(())
}

/// The aids and cids are those of `reportd load playback`.
fn catalogue_line(number: u64) -> String {
    let (aid, cid) = (170_000_000 + number, 1_260_000_000 + number);
    format!(
        "{{\"aid\":{aid},\"cid\":{cid},\"title\":\"Video {number}\",\"cover\":\"https://covers.example/{aid}.jpg\",\
         \"duration\":22,\"author_name\":\"Author {}\"}}\n",
        number % 500
    )
}
