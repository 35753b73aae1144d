//! What is sent, and how it is counted: the part of a measurement that differs from protocol to protocol.

use anyhow::{Context, bail};
use serde_json::Value;

use crate::bench::load::{Asked, Load};
use crate::bench::server::Server;
use crate::bench::store::{MESSAGES, Store, series_path};
use crate::clock::days_around_now;

/// What a load sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Bot event reports.
    Comm,
    /// Signed receipts of pushes, some of them twice.
    Receipts,
}

impl Traffic {
    /// The command of reportd that sends it.
    pub(super) fn command(self, store: &Store<'_>, server: &Server, asked: &Asked) -> String {
        let what = match self {
            Self::Comm => format!("comm --token {}", store.token),
            Self::Receipts => format!("push --app bench --master-secret {}", store.master_secret),
        };
        format!(
            "load {what} --url http://{} --connections {} --rate {} --seconds {} --seed {} --items {} --json",
            server.address, asked.connections, asked.rate, asked.seconds, asked.seed, asked.items
        )
    }

    /// How many are counted; fails where these are not those that were acknowledged.
    pub(super) fn check_count(
        self,
        store: &Store<'_>,
        server: &Server,
        load: &Load,
    ) -> anyhow::Result<u64> {
        let counted = match self {
            Self::Comm => count_comm(store, server)?,
            Self::Receipts => count_receipts(store, server)?,
        };
        if !agrees(counted, load) {
            bail!(
                "{counted} reports are counted, and {} were acknowledged",
                load.distinct
            );
        }
        Ok(counted)
    }
}

fn count_comm(store: &Store<'_>, server: &Server) -> anyhow::Result<u64> {
    let [yesterday, _, tomorrow] = days_around_now();
    let mut connection = store.connect(server)?;
    let mut counted = 0;
    for oper_id in MESSAGES {
        let path = series_path(oper_id, &yesterday, &tomorrow);
        let reply: Value = serde_json::from_str(&connection.get(&path)?)?;
        counted += reply["total"].as_u64().context("no total in a series")?;
    }
    Ok(counted)
}

/// Over all tasks and stages: a device of the load has each stage of a task on one channel.
fn count_receipts(store: &Store<'_>, server: &Server) -> anyhow::Result<u64> {
    let mut connection = store.connect(server)?;
    let mut path = "/api/apps/bench/push/tasks?limit=200".to_owned();
    let mut counted = 0;
    loop {
        let page: Value = serde_json::from_str(&connection.get(&path)?)?;
        counted += count_page(&page).context("a page of tasks is not as expected")?;
        let Some(cursor) = page["next_cursor"].as_str() else {
            return Ok(counted);
        };
        path = format!("/api/apps/bench/push/tasks?limit=200&cursor={cursor}");
    }
}

fn count_page(page: &Value) -> Option<u64> {
    let mut counted = 0;
    for task in page["tasks"].as_array()? {
        let stages = [
            "msg_num",
            "target_num",
            "receive_num",
            "display_num",
            "click_num",
        ];
        for stage in stages {
            counted += task["total"][stage].as_u64()?;
        }
    }
    Some(counted)
}

/// True where each acknowledged report is counted once. A request that failed for its sender may be counted as well.
fn agrees(counted: u64, load: &Load) -> bool {
    counted == load.distinct || (load.errors > 0 && counted > load.distinct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_is_lost_or_counted_twice_does_not_agree() {
        let load = |errors| Load {
            reports: 12,
            distinct: 10,
            errors,
            ..Load::default()
        };
        assert!(agrees(10, &load(0)) && agrees(20, &load(1)));
        assert!(!agrees(9, &load(0)) && !agrees(11, &load(0)) && !agrees(9, &load(1)));
    }

    #[test]
    fn all_stages_of_a_page_are_counted() {
        let total = serde_json::json!({
            "msg_num": 1, "target_num": 2, "receive_num": 3, "display_num": 4, "click_num": 5,
        });
        let page = serde_json::json!({"tasks": [{"total": total}, {"total": total}]});
        assert_eq!(count_page(&page), Some(30));
        assert_eq!(count_page(&serde_json::json!({})), None);
    }
}
