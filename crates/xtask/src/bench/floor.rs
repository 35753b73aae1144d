//! What the least read costs on this machine, now: is the server ready, for which it reads one row of its store. What a
//! report takes above that is its own.

use std::thread::sleep;
use std::time::Duration;

use crate::bench::http::Connection;
use crate::bench::load::Load;
use crate::bench::server::Server;
use crate::bench::{ms, percentile};
use crate::clock::Stopwatch;

/// Asks at a set rate, on one connection. As in `reportd load` time runs from when this thread woke for a request, and where
/// the one before took too long from when it was due.
pub(super) fn read(server: &Server, rate: u64, seconds: u64) -> anyhow::Result<Load> {
    let mut connection = Connection::browse(&server.address)?;
    let interval = Duration::from_secs(1) / u32::try_from(rate)?;
    let began = Stopwatch::start();
    let mut due = Duration::ZERO;
    let mut times = Vec::new();
    while due < Duration::from_secs(seconds) {
        let started = match due.checked_sub(began.elapsed()) {
            Some(early) => {
                sleep(early);
                began.elapsed()
            }
            None => due,
        };
        connection.get("/readyz")?;
        times.push(began.elapsed().saturating_sub(started));
        due += interval;
    }
    Ok(Load {
        requests: times.len() as u64,
        p50_ms: ms(percentile(&times, 50)),
        p99_ms: ms(percentile(&times, 99)),
        ..Load::default()
    })
}
