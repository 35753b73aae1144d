//! `reportd load playback`: heartbeats of players, or reads of what they add up to.

mod heartbeats;
mod reads;
mod viewers;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use self::heartbeats::Heartbeats;
use self::viewers::Viewers;
use super::Plan;
use super::sender::send_all;
use super::summary::LoadResult;
use crate::cli::LoadPlayback;

/// Sends or reads as asked, and prints what came of it.
pub(super) async fn load_playback(asked: &LoadPlayback) -> anyhow::Result<()> {
    let plan = Plan::new(&asked.run, asked.report.is_some())?;
    let viewers = Arc::new(Viewers::new(asked, plan.clock.now_ms())?);
    let next = Arc::new(AtomicU64::new(0));
    let (seen, plan) = if let Some(read) = asked.report {
        reads::check(&plan, read, &viewers).await?;
        // The time of the first look is none of the run.
        let plan = Plan::new(&asked.run, true)?;
        let reader = |_| reads::Reader::new(read, asked, &viewers, &next);
        (send_all(&plan, reader).await?, plan)
    } else {
        let player = |_| Heartbeats::new(asked, &viewers, &next);
        (send_all(&plan, player).await?, plan)
    };
    LoadResult::new(seen, plan.clock.monotonic()).print(asked.run.json)
}
