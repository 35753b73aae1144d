//! A store with a history: 200 tasks of yesterday, each received by all devices, and devices that registered and were
//! online.

use std::time::Duration;

use crate::bench::level::{wait_until_level, watch_lag};
use crate::bench::load::{Load, run};
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::store::{Store, StoreKind};
use crate::bench::traffic::Traffic;
use crate::clock::Stopwatch;
use crate::text_table::grouped;

/// Tasks of a history: as many as a report can show.
pub(super) const TASKS: u64 = 200;
const ITEMS: u64 = 1_000;
const CONNECTIONS: u64 = 8;
/// No load may take longer.
const MOST_SECONDS: u64 = 6 * 3_600;

/// A store with all its reports folded, at rest.
pub(super) struct History<'a> {
    pub(super) store: Store<'a>,
    pub(super) receipts: u64,
}

impl<'a> History<'a> {
    /// Makes one with at least `receipts`, as fast as the server takes them.
    pub(super) fn make(
        reportd: &'a Reportd,
        kind: StoreKind,
        receipts: u64,
    ) -> anyhow::Result<Self> {
        let store = Store::create(reportd, kind)?;
        let server = store.serve("")?;
        let devices = receipts.div_ceil(TASKS);
        let watch = Stopwatch::start();
        let (load, most_lag_ms) = watch_lag(&store, &server, || {
            feed(&store, &server, devices, TASKS * devices, "receipts")
        })?;
        let took = watch.elapsed();
        let level_after = wait_until_level(&store, &server)?;
        let counted = Traffic::Receipts.check_count(&store, &server, &load)?;
        let (_, views_bytes) = store.disk_bytes()?;
        tell(counted, took, level_after, most_lag_ms, views_bytes);
        feed(&store, &server, devices, 2 * devices, "devices")?;
        wait_until_level(&store, &server)?;
        server.stop()?;
        if let Some(postgres) = &store.postgres {
            postgres.settle()?;
        }
        Ok(Self {
            store,
            receipts: counted,
        })
    }
}

/// Sends that many lines of a feed.
fn feed(
    store: &Store<'_>,
    server: &Server,
    devices: u64,
    lines: u64,
    feed: &str,
) -> anyhow::Result<Load> {
    // Whole requests of equal size, so that the last one begins no second round.
    let items = (1..=ITEMS.min(lines))
        .rev()
        .find(|&items| lines.is_multiple_of(items));
    let items = items.unwrap_or(1);
    let line = format!(
        "load push --url http://{} --app bench --key {} --master-secret {} --feed {feed} --tasks {TASKS} --devices {devices} \
         --days-ago 1 --items {items} --requests {} --connections {CONNECTIONS} --seconds {MOST_SECONDS} --json",
        server.address,
        store.key,
        store.master_secret,
        lines / items
    );
    run(store, &line)
}

fn tell(counted: u64, took: Duration, level_after: Duration, most_lag_ms: u64, views_bytes: u64) {
    let seconds = took.as_secs_f64();
    println!(
        "  {} receipts in {seconds:.1} s, {:.0} a second, most lag {:.1} s, level {:.1} s after; counted right; {:.1} bytes of \
         views a receipt",
        grouped(counted),
        counted as f64 / seconds,
        most_lag_ms as f64 / 1_000.0,
        level_after.as_secs_f64(),
        views_bytes as f64 / counted.max(1) as f64,
    );
}
