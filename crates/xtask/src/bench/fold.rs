//! Folding again: the views of a full journal are deleted, and made anew by the next start.

use anyhow::bail;
use serde_json::Value;

use crate::bench::level::wait_until_level;
use crate::bench::ms;
use crate::bench::reportd::Reportd;
use crate::bench::store::{Store, StoreKind};
use crate::bench::traffic::Traffic;
use crate::text_table::grouped;

/// Fills a store with at least `reports`, deletes its views and times the fold.
pub(super) fn measure(reportd: &Reportd, reports: u64) -> anyhow::Result<()> {
    let store = Store::create(reportd, StoreKind::Embedded)?;
    let server = store.serve("")?;
    let load = store.fill(&server, reports)?;
    server.stop()?;
    store.delete_views()?;
    let server = store.serve("")?;
    let took = wait_until_level(&store, &server)?.as_secs_f64();
    let status = reportd.ask(&store.place(), "status --json")?;
    if !is_level(&status) {
        bail!(
            "the views are told to be level, and are not: {}",
            status["views"]
        );
    }
    let counted = Traffic::Comm.check_count(&store, &server, &load)?;
    println!(
        "folded again: {} reports in {took:.2} s, {:.2} s a million; the server was ready after {:.0} ms",
        grouped(counted),
        took * 1e6 / counted as f64,
        ms(server.ready_after),
    );
    server.stop()
}

fn is_level(status: &Value) -> bool {
    status["views"].as_array().is_some_and(|views| {
        !views.is_empty() && views.iter().all(|view| view["entries_behind"] == 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_must_be_level() {
        let status = |behind: [u64; 2]| {
            let views = behind.map(|count| serde_json::json!({"entries_behind": count}));
            serde_json::json!({ "views": views })
        };
        assert!(is_level(&status([0, 0])));
        assert!(!is_level(&status([0, 1])));
        assert!(!is_level(&serde_json::json!({})));
    }
}
