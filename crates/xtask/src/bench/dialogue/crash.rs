//! `kill -9` in the middle of verdicts: what is lost, what comes twice, and how soon callbacks go on.

use std::net::TcpListener;
use std::thread::{scope, sleep};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;

use crate::bench::dialogue::ground::Ground;
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::clock::{Stopwatch, now_us};
use crate::command::BenchDialogue;

const RATE: u64 = 1_000;
const SECONDS: u64 = 12;
/// Behind the first delivery.
const KILLED_AFTER: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(120);

/// Kills once and prints what came of it.
pub(super) fn measure(reportd: &Reportd, options: &BenchDialogue) -> anyhow::Result<()> {
    println!("kill -9 beside {RATE} verdicts a second");
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let Ground { store, server } = Ground::start_at(reportd, options.store, &address)?;
    let ground = Ground { store, server };
    let log = ground.store.place().data.with_extension("verdicts");
    let flags = format!(
        "--verdicts --rate {RATE} --seconds {SECONDS} --connections 64 --seed 7 --log {}",
        log.display()
    );
    let line = ground.command(&flags);
    let Ground { store, server } = ground;
    let place = store.place();
    let (told, killed_us, started_us, server) = scope(|threads| {
        let load = threads.spawn(|| reportd.ask(&place, &line));
        wait_for_delivery(&store, &server)?;
        sleep(KILLED_AFTER);
        let killed_us = now_us();
        server.kill()?;
        let started_us = now_us();
        let flags = format!("--listen {address}");
        let server = Server::start_at(reportd, &place, &flags, &[])?;
        let told = load.join().map_err(|_| anyhow!("the load stopped"))??;
        anyhow::Ok((told, killed_us, started_us, server))
    })?;
    let log = std::fs::read_to_string(&log).context("the log of the load")?;
    let after = After::read(&log, killed_us, started_us).context("the log is not as expected")?;
    let count = |name: &str| told[name].as_u64().unwrap_or_default();
    println!(
        "  {} verdicts taken, lost {}, repeated {}, under a second id or of no verdict {}",
        count("verdicts"),
        count("lost"),
        count("repeated"),
        count("strange")
    );
    println!(
        "  ready {:.0} ms after the start, the first delivery {:.0} ms after it; {} verdicts sent before the kill were still \
         out, the last of them came {:.0} ms after the start\n",
        server.ready_after.as_secs_f64() * 1_000.0,
        after.first_ms,
        after.backlog,
        after.last_ms
    );
    if count("lost") > 0 || count("strange") > 0 {
        bail!("verdicts were lost or callbacks were made up: {told}");
    }
    server.stop()
}

fn wait_for_delivery(
    store: &crate::bench::store::Store<'_>,
    server: &Server,
) -> anyhow::Result<()> {
    let mut connection = store.connect(server)?;
    let watch = Stopwatch::start();
    while watch.elapsed() < PATIENCE {
        let page = connection.get("/api/tickets?state=delivered&limit=1")?;
        let page: Value = serde_json::from_str(&page)?;
        if page["tickets"]
            .as_array()
            .is_some_and(|rows| !rows.is_empty())
        {
            return Ok(());
        }
        sleep(POLL);
    }
    bail!("nothing is delivered")
}

/// What came after the restart.
#[derive(Debug, PartialEq)]
struct After {
    first_ms: f64,
    /// Verdicts that were sent before the kill and delivered after it.
    backlog: usize,
    last_ms: f64,
}

impl After {
    /// Reads lines of number and when a verdict was sent, taken and delivered, in µs.
    fn read(log: &str, killed_us: u64, started_us: u64) -> Option<Self> {
        let mut delivered = Vec::new();
        for line in log.lines() {
            let mut numbers = line.split(' ').map(str::parse::<u64>);
            let [_, sent, _, arrived] = [(); 4].map(|()| numbers.next()?.ok());
            delivered.push((sent?, arrived?));
        }
        let is_after = |(_, arrived): &&(u64, u64)| *arrived > started_us;
        let ms = |us: u64| (us - started_us) as f64 / 1_000.0;
        let first = delivered.iter().filter(is_after).map(|(_, at)| *at).min();
        let is_of_backlog = |pair: &&(u64, u64)| is_after(pair) && (1..killed_us).contains(&pair.0);
        let backlog: Vec<_> = delivered.iter().filter(is_of_backlog).collect();
        let last = backlog.iter().map(|(_, at)| *at).max();
        Some(Self {
            first_ms: first.map_or(0.0, ms),
            backlog: backlog.len(),
            last_ms: last.map_or(0.0, ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_is_what_was_sent_before_the_kill() {
        let log =
            "0 1000 1500 2000\n1 3000 3500 9000\n2 3900 0 8000\n3 6000 6500 7000\n4 6000 6500 0\n";
        let after = After::read(log, 4_000, 5_000).unwrap();
        let expected = After {
            first_ms: 2.0,
            backlog: 2,
            last_ms: 4.0,
        };
        assert_eq!(after, expected);
        assert_eq!(After::read("x", 1, 2), None);
    }
}
