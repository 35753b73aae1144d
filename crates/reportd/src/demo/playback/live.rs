//! Viewers who watch while the demo runs.

use std::sync::Arc;
use std::time::Duration;

use reportd_client::protocol::playback::{Beat, PlayType};
use reportd_client::{PlaybackClient, PlaybackLogin};
use reportd_db::{Database, Tx};
use reportd_platform::apps;
use reportd_platform::clock::{Clock, DAY_MS, SECOND_MS, SystemClock};
use reportd_platform::random::SystemRandom;
use reportd_playback::{DEFAULT_SESSION_LIFE_MS, Issued, create_session};

use super::catalogue::{VIDEOS, VIRAL_VIDEO, duration_s};
use super::mid;
use super::plays::{CADENCE_S, beat};
use crate::demo::APP;
use crate::demo::rhythm::VIDEOS as EVENINGS;
use crate::traffic::mix;

/// Viewers who watch at once on the liveliest evening, and how long their sessions live.
const LIVE_VIEWERS: u64 = 12;
const LIVE_SESSION_MS: i64 = 30 * DAY_MS;
/// Between two beats of all viewers together: each sends every 15 seconds.
const LIVE_INTERVAL: Duration = Duration::from_millis(15_000 / LIVE_VIEWERS);

/// A session of the first viewer.
pub(in crate::demo) fn first_session(tx: &mut Tx<'_>, now_ms: i64) -> anyhow::Result<Issued> {
    session(tx, 0, now_ms, DEFAULT_SESSION_LIFE_MS)
}

fn session(tx: &mut Tx<'_>, viewer: u64, now_ms: i64, life_ms: i64) -> anyhow::Result<Issued> {
    let viewer = (apps::find(tx, APP)?.no, mid(viewer));
    let random = &SystemRandom;
    Ok(create_session(tx, random, viewer, "demo", now_ms, life_ms)?)
}

/// Players of those who watch while the demo runs.
pub(in crate::demo) fn open_sessions(
    state: &Database,
    url: &str,
    now_ms: i64,
) -> anyhow::Result<Vec<PlaybackClient>> {
    let sessions = state.try_write(|tx| {
        let viewers = 1..=LIVE_VIEWERS;
        let sessions = viewers.map(|viewer| session(tx, viewer * 17, now_ms, LIVE_SESSION_MS));
        sessions.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let client = |session: Issued| {
        let login = PlaybackLogin::Cookie {
            sessdata: session.sessdata.reveal().to_owned(),
            csrf: session.csrf.reveal().to_owned(),
        };
        Ok(PlaybackClient::new(url, login)?)
    };
    sessions.into_iter().map(client).collect()
}

/// Sends live beats until it is aborted.
pub(in crate::demo) async fn send_live(players: Vec<PlaybackClient>, clock: Arc<SystemClock>) {
    let start_ms = clock.now_ms();
    for number in 0_u64.. {
        let (viewer, turn) = (number % LIVE_VIEWERS, number / LIVE_VIEWERS);
        let place = usize::try_from(viewer).unwrap_or(0);
        let now_ms = clock.now_ms();
        let beat = live_beat(viewer, turn, start_ms, now_ms);
        if viewer < watching(now_ms)
            && let Some(player) = players.get(place)
            && let Err(error) = player.heartbeat(&beat).await
        {
            tracing::warn!(%error, "a live heartbeat was not taken");
        }
        // The first round is quick, so that somebody is viewing when people look.
        let pause = if turn == 0 {
            LIVE_INTERVAL / 20
        } else {
            LIVE_INTERVAL
        };
        tokio::time::sleep(pause).await;
    }
}

/// How many watch at a time: two at night.
fn watching(now_ms: i64) -> u64 {
    (2 + EVENINGS.at(now_ms) / 2_000).min(LIVE_VIEWERS)
}

/// A beat of one who watches video after video, and has begun some time ago.
fn live_beat(viewer: u64, turn: u64, start_ms: i64, now_ms: i64) -> Beat<'static> {
    let seed = mix(start_ms.cast_unsigned() ^ mix(viewer));
    let (mut video, mut step) = (seed % VIDEOS, turn);
    if viewer.is_multiple_of(5) {
        // Some watch the same.
        video = VIRAL_VIDEO;
    }
    loop {
        let steps = u64::from(duration_s(video) / CADENCE_S) + 1;
        if step < steps {
            break;
        }
        (video, step) = (mix(video ^ seed) % VIDEOS, step - steps);
    }
    let played_s = u32::try_from(step).unwrap_or(0) * CADENCE_S;
    let session = format!(
        "{:016x}{:016x}",
        mix(start_ms.cast_unsigned()),
        mix(viewer ^ mix(turn - step))
    );
    Beat {
        play_type: if step == 0 {
            PlayType::Start
        } else {
            PlayType::Playing
        },
        start_ts: Some(now_ms / SECOND_MS - i64::from(played_s)),
        realtime_s: Some(played_s),
        ..beat(video, played_s, duration_s(video), session)
    }
}
