//! What a day's series costs to read, with few and with many reports behind it.
//!
//! Both servers run at once and are asked in turns, so that the machine is the same for both.

use std::time::Duration;

use crate::bench::http::Connection;
use crate::bench::level::wait_until_level;
use crate::bench::load::{Asked, Load, load};
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::store::{MESSAGES, Store, StoreKind, series_path};
use crate::bench::traffic::Traffic;
use crate::bench::{ITEMS, median, ms};
use crate::clock::{Stopwatch, days_around_now};
use crate::text_table::grouped;

const FEW_REPORTS: u64 = 100_000;
/// Seconds in which they are sent.
const FEW_SECONDS: u64 = 4;
const READS: usize = 200;
/// Reads that are not counted: caches fill.
const WARM_UP: usize = 20;

/// Fills two stores, then reads them in turns.
pub(super) fn measure(reportd: &Reportd, history: u64) -> anyhow::Result<()> {
    let (few_store, many_store) = (
        Store::create(reportd, StoreKind::Embedded)?,
        Store::create(reportd, StoreKind::Embedded)?,
    );
    let (few_server, many_server) = (few_store.serve("")?, many_store.serve("")?);
    let few = load_few(&few_store, &few_server)?;
    let many = many_store.fill(&many_server, history)?;
    for (store, server, load) in [
        (&few_store, &few_server, &few),
        (&many_store, &many_server, &many),
    ] {
        wait_until_level(store, server)?;
        Traffic::Comm.check_count(store, server, load)?;
    }
    println!(
        "a day's series, median of {READS} reads: A with {} reports behind it, B with {}",
        grouped(few.reports),
        grouped(many.reports)
    );
    let [_, today, _] = days_around_now();
    let mut connections = [
        few_store.connect(&few_server)?,
        many_store.connect(&many_server)?,
    ];
    for (name, by) in [("in all", ""), ("by group", "&by=gid")] {
        let path = series_path(MESSAGES[0], &today, &today) + by;
        let [few, many] = read_in_turns(&mut connections, &path)?;
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!(
            "  {name}: A {:.3} ms, B {:.3} ms, B/A {ratio:.2}",
            ms(few),
            ms(many)
        );
    }
    few_server.stop()?;
    many_server.stop()
}

/// Sends at a set rate, so that there are about as many as are wanted and not as many as the server can take.
fn load_few(store: &Store<'_>, server: &Server) -> anyhow::Result<Load> {
    let asked = Asked {
        traffic: Traffic::Comm,
        items: ITEMS,
        connections: 64,
        rate: FEW_REPORTS / ITEMS / FEW_SECONDS,
        seconds: FEW_SECONDS,
        seed: 1,
    };
    load(store, server, &asked)
}

/// The median time of a read of each.
fn read_in_turns(connections: &mut [Connection; 2], path: &str) -> anyhow::Result<[Duration; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for read in 0..WARM_UP + READS {
        for (connection, times) in connections.iter_mut().zip(&mut times) {
            let watch = Stopwatch::start();
            connection.get(path)?;
            if read >= WARM_UP {
                times.push(watch.elapsed());
            }
        }
    }
    Ok(times.map(median))
}
