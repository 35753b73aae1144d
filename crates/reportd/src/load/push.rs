//! `reportd load push`: feeds of gateways, or reads of reports.

mod campaign;
mod feed;
mod reports;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use self::campaign::Campaign;
use self::feed::Feed;
use super::Plan;
use super::sender::send_all;
use super::summary::LoadResult;
use crate::cli::LoadPush;

/// Sends or reads as asked, and prints what came of it.
pub(super) async fn load_push(asked: LoadPush) -> anyhow::Result<()> {
    let plan = Plan::new(&asked.run, asked.report.is_some())?;
    let as_json = asked.run.json;
    let result = if let Some(report) = asked.report {
        let reader = reports::open(&plan, report, &asked).await?;
        // The time that opening took is none of the run.
        let plan = Plan::new(&asked.run, true)?;
        let seen = send_all(&plan, |_| reader.clone()).await?;
        LoadResult::new(seen, plan.clock.monotonic())
    } else {
        let campaign = Arc::new(Campaign::new(&asked));
        let sender = feed::Sends::new(&asked)?;
        let next = Arc::new(AtomicU64::new(0));
        let feed = |_| Feed::new(&asked, &campaign, &sender, &next);
        let seen = send_all(&plan, feed).await?;
        LoadResult::with_distinct(seen, plan.clock.monotonic())
    };
    result.print(as_json)
}
