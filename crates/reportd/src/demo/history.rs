//! Thirty days of history, written through the journal and the views by rooms whose clock passes through these days.

use std::sync::Arc;

use axum::http::Method;
use reportd_platform::clock::SECOND_MS;
use tokio::try_join;

use super::clock::PastClock;
use super::comm::{self, Bots};
use super::dialogue::Desk;
use super::past::Past;
use super::playback::{Site, upload_catalogue};
use super::push::{self, Gateway};
use super::receiver::Receiver;
use super::steps::Steps;
use super::{APP, Credentials, HISTORY_DAYS};
use crate::progress::{Progress, Stop, Unit};
use crate::settings::Settings;

/// So many reports of all kinds, about.
const REPORTS: u64 = 1_450_000;

/// When the history begins.
pub(super) fn begins_ms(now_ms: i64) -> i64 {
    Steps::of_days(HISTORY_DAYS, now_ms).begins_ms()
}

/// Makes the history of a demo, by the clocks of the rooms and of the receiver.
pub(super) async fn make(
    settings: &Settings,
    credentials: &Credentials,
    receiver: &Receiver,
    desk_clock: Arc<PastClock>,
) -> anyhow::Result<()> {
    let stop = Stop::default();
    let steps = Steps::of_days(HISTORY_DAYS, credentials.made_at_ms);
    let clock = Arc::new(PastClock::at(steps.begins_ms()));
    let past = Past::open(settings, clock).await?;
    desk_clock.advance_to(steps.begins_ms());
    let desk = past.beside(desk_clock).await?;
    let authorization = format!("Bearer {}", credentials.api_key);
    let desk_authorization = format!("Bearer {}", credentials.desk_key);
    let with = (authorization.as_str(), credentials.aes_key.as_str());
    let desk = Desk::new(
        desk,
        (&authorization, &desk_authorization, with.1),
        receiver,
        &steps,
    )?;
    let progress = Progress::start("history", Unit::Reports, REPORTS, &stop);
    try_join!(
        pass(&past, credentials, &authorization, &steps, &progress),
        desk.run(),
    )?;
    drop(progress);
    let progress = Progress::start("views", Unit::Entries, 0, &stop);
    past.level(&progress).await?;
    drop(progress);
    past.close().await
}

/// Lets the days pass, step by step, for all kinds that are journalled.
async fn pass(
    past: &Past,
    credentials: &Credentials,
    authorization: &str,
    steps: &Steps,
    progress: &Progress,
) -> anyhow::Result<()> {
    let caller = past.caller();
    let path = format!("/api/apps/{APP}/push/settings");
    let settings = push::settings();
    caller
        .ask((Method::PUT, &path), (authorization, ""), settings)
        .await?;
    upload_catalogue(&caller, authorization).await?;
    comm::register(&caller, authorization).await?;
    let mut bots = Bots::new(caller.clone(), &credentials.comm_token, steps);
    let secrets = (authorization, credentials.master_secret.as_str());
    let mut gateway = Gateway::new(caller, secrets, steps);
    let mut site = Site::new(past, steps)?;
    let mut done = 0;
    for (at, &(from_ms, to_ms)) in steps.all().iter().enumerate() {
        // What arrives arrives right behind what it tells of.
        past.clock.advance_to(to_ms + SECOND_MS);
        let (of_bots, of_gateway, of_site) = try_join!(
            bots.step((from_ms, to_ms)),
            gateway.step(steps, at),
            site.step(at),
        )?;
        done += of_bots + of_gateway + of_site;
        progress.reach(done, REPORTS.max(done));
    }
    Ok(())
}
