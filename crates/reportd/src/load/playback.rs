//! `reportd load playback`: heartbeats of players, or reads of what they add up to.

mod heartbeats;
mod reads;
mod viewers;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reportd_platform::clock::{Clock, SystemClock};

use self::heartbeats::Heartbeats;
use self::viewers::Viewers;
use super::sender::send_all;
use super::summary::LoadResult;
use super::{Plan, plain_address};
use crate::cli::LoadPlayback;

/// Sends or reads as asked, and prints what came of it.
pub(super) async fn load_playback(asked: &LoadPlayback) -> anyhow::Result<()> {
    let clock = SystemClock::start();
    let viewers = Arc::new(Viewers::new(asked, clock.now_ms())?);
    let next = Arc::new(AtomicU64::new(0));
    let plan = |clock| -> anyhow::Result<Plan> {
        Ok(Plan {
            address: plain_address(&asked.url)?,
            connections: asked.connections,
            rate: asked.rate,
            seconds: asked.seconds,
            counts_from_wake: asked.report.is_some(),
            clock: Arc::new(clock),
        })
    };
    let (seen, plan) = if let Some(read) = asked.report {
        reads::check(&plan(clock)?, read, &viewers).await?;
        // The time of the first look is none of the run.
        let plan = plan(SystemClock::start())?;
        let reader = |_| reads::Reader::new(read, asked, &viewers, &next);
        (send_all(&plan, reader).await?, plan)
    } else {
        let plan = plan(clock)?;
        let player = |_| Heartbeats::new(asked, &viewers, &next);
        (send_all(&plan, player).await?, plan)
    };
    LoadResult::new(seen, plan.clock.monotonic()).print(asked.json)
}
