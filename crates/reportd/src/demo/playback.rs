//! Playback reports of the demo: a site with two thousand videos, whose viewers come back, leave early or see it all, and
//! one video of which everybody spoke on one day.
//!
//! The live beats go through the real endpoint. No request can be of the past, so those of the history are imported; they
//! go into the journal like any other.

mod catalogue;
mod live;
mod plays;

use std::sync::Arc;

use axum::http::Method;
use reportd_platform::apps;
use reportd_platform::random::SystemRandom;
use reportd_playback::Importer;
use tokio::task::JoinSet;

use self::catalogue::{VIDEOS, catalogue_line};
use self::plays::{TimedBeat, plays};
use super::APP;
use super::past::{Caller, Past};
use super::steps::Steps;

pub(super) use self::live::{first_session, open_sessions, send_live};

/// The first viewer, video and part: those that the printed lines name.
pub(super) const FIRST_MID: i64 = 10_086;
pub(super) const FIRST_AID: i64 = 170_001;
pub(super) const FIRST_CID: i64 = 279_786;

const SEED: u64 = 0x706c_6179;
/// Videos in one request of the catalogue.
const CATALOGUE_LINES: u64 = 250;

/// The site in the history.
pub(super) struct Site {
    importer: Arc<Importer>,
    /// By step: what viewers' players told then.
    beats: Vec<Vec<TimedBeat>>,
}

impl Site {
    pub(super) fn new(past: &Past, steps: &Steps) -> anyhow::Result<Self> {
        let running = past.running();
        let app = running.state.try_read(|tx| apps::find(tx, APP))?;
        let journal = Arc::clone(&running.journal);
        let importer = Importer::new(app, &running.state, journal, Arc::new(SystemRandom))?;
        let mut beats: Vec<Vec<TimedBeat>> = steps.all().iter().map(|_| Vec::new()).collect();
        for play in plays(steps) {
            for beat in play.beats() {
                if beat.at_ms < steps.ends_ms() {
                    beats[steps.of(beat.at_ms)].push(beat);
                }
            }
        }
        Ok(Self {
            importer: Arc::new(importer),
            beats,
        })
    }

    /// Imports what players told in a step; returns how many beats.
    pub(super) async fn step(&mut self, at: usize) -> anyhow::Result<u64> {
        let beats = std::mem::take(&mut self.beats[at]);
        let count = beats.len() as u64;
        let mut importing = JoinSet::new();
        // All at once, so that they share their commits: what a beat means does not depend on which comes first.
        for beat in beats {
            let importer = Arc::clone(&self.importer);
            importing.spawn(async move {
                let TimedBeat { mid, at_ms, beat } = beat;
                importer.import(mid, at_ms, beat).await
            });
        }
        while let Some(imported) = importing.join_next().await {
            imported??;
        }
        Ok(count)
    }
}

/// Uploads titles, lengths and authors.
pub(super) async fn upload_catalogue(caller: &Caller, authorization: &str) -> anyhow::Result<()> {
    let path = format!("/api/apps/{APP}/playback/catalogue");
    let mut first = 0;
    while first < VIDEOS {
        let end = (first + CATALOGUE_LINES).min(VIDEOS);
        let lines: String = (first..end).map(catalogue_line).collect();
        caller
            .ask((Method::PUT, &path), (authorization, ""), lines)
            .await?;
        first = end;
    }
    Ok(())
}

fn mid(viewer: u64) -> i64 {
    FIRST_MID + viewer.cast_signed()
}
