//! Playback reports of the demo: some hundred viewers with a history of 30 days, and a few who watch now.
//!
//! The live beats go through the real endpoint. No request can be of the past, so those of the history are imported; they
//! go into the journal like any other.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use reportd_client::protocol::playback::{Beat, Device, PlayType, Position, VideoType};
use reportd_client::{Bytes, Connection, HeaderMap, PlaybackClient, PlaybackLogin, header};
use reportd_db::Tx;
use reportd_platform::apps;
use reportd_platform::clock::{Clock, DAY_MS, SECOND_MS, SystemClock};
use reportd_platform::random::SystemRandom;
use reportd_playback::{DEFAULT_SESSION_LIFE_MS, Importer, Issued, create_session};
use serde_json::json;
use tokio::task::JoinSet;

use super::{APP, Credentials, HISTORY_DAYS};
use crate::server::Server;
use crate::traffic::{Traffic, mix};

/// The first viewer, video and part: those that the printed lines name.
pub(super) const FIRST_MID: i64 = 10_086;
pub(super) const FIRST_AID: i64 = 170_001;
pub(super) const FIRST_CID: i64 = 279_786;

const VIEWERS: u64 = 300;
const VIDEOS: u64 = 40;
/// Viewers who watch while the demo runs, and how long their sessions live.
const LIVE_VIEWERS: u64 = 12;
const LIVE_SESSION_MS: i64 = 30 * DAY_MS;
/// Imports that wait for the disk at once.
const LANES: u64 = 64;
/// Between two beats of a player: of those that are imported a minute, which is as good and a quarter of the entries.
const CADENCE_S: u32 = 15;
const IMPORTED_CADENCE_S: u32 = 60;
/// Between two live beats of all viewers together: each sends every 15 seconds.
const LIVE_INTERVAL: Duration = Duration::from_millis(1_250);

const TITLES: [&str; 8] = [
    "从零开始学 Rust",
    "城市骑行日记",
    "十分钟家常菜",
    "A walk along the coast",
    "像素游戏是怎么做的",
    "Night trains of Europe",
    "显微镜下的世界",
    "三步学会弹吉他",
];

/// A session of the first viewer.
pub(super) fn first_session(tx: &mut Tx<'_>, now_ms: i64) -> anyhow::Result<Issued> {
    session(tx, 0, now_ms, DEFAULT_SESSION_LIFE_MS)
}

fn session(tx: &mut Tx<'_>, viewer: u64, now_ms: i64, life_ms: i64) -> anyhow::Result<Issued> {
    let viewer = (apps::find(tx, APP)?.no, mid(viewer));
    Ok(create_session(
        tx,
        &SystemRandom,
        viewer,
        "demo",
        now_ms,
        life_ms,
    )?)
}

fn mid(viewer: u64) -> i64 {
    FIRST_MID + viewer.cast_signed()
}

/// How long a video is, in seconds: 2 to 14 minutes.
fn duration_s(video: u64) -> u32 {
    120 + u32::try_from(mix(video) % 720).unwrap_or(0)
}

fn title(video: u64) -> String {
    let part = video / TITLES.len() as u64 + 1;
    let title = usize::try_from(video).map_or("", |video| TITLES[video % TITLES.len()]);
    format!("{title} {part}")
}

/// The sample of playback reports.
pub(super) struct Sample {
    /// Where the history goes, where it is wanted.
    importer: Option<Importer>,
    address: String,
    api_key: String,
    live: Vec<PlaybackClient>,
}

impl Sample {
    pub(super) fn open(
        server: &Server,
        credentials: &Credentials,
        with_history: bool,
    ) -> anyhow::Result<Self> {
        let (running, url) = (server.running(), server.url()?);
        let now_ms = running.clock.now_ms();
        let (app, sessions) = running.state.try_write(|tx| {
            let live = 1..=LIVE_VIEWERS;
            let sessions = live.map(|viewer| session(tx, viewer, now_ms, LIVE_SESSION_MS));
            let sessions = sessions.collect::<anyhow::Result<Vec<_>>>()?;
            anyhow::Ok((apps::find(tx, APP)?, sessions))
        })?;
        let importer = |_| {
            let journal = Arc::clone(&running.journal);
            Importer::new(app, &running.state, journal, Arc::new(SystemRandom))
        };
        let client = |session: Issued| {
            let login = PlaybackLogin::Cookie {
                sessdata: session.sessdata.reveal().to_owned(),
                csrf: session.csrf.reveal().to_owned(),
            };
            Ok(PlaybackClient::new(&url, login)?)
        };
        Ok(Self {
            importer: with_history.then_some(()).map(importer).transpose()?,
            live: sessions
                .into_iter()
                .map(client)
                .collect::<anyhow::Result<_>>()?,
            address: url.trim_start_matches("http://").to_owned(),
            api_key: credentials.api_key.clone(),
        })
    }

    /// Sends the catalogue and the history where they are wanted, then live beats until it is aborted.
    pub(super) async fn send(mut self, clock: Arc<SystemClock>) {
        if let Some(importer) = self.importer.take() {
            if let Err(error) = self.upload_catalogue().await {
                tracing::warn!(%error, "the catalogue of videos was not taken");
            }
            if let Err(error) = import_history(importer, clock.now_ms()).await {
                tracing::warn!(%error, "the history of playback reports is not complete");
            }
        }
        self.send_live(&clock).await;
    }

    async fn upload_catalogue(&self) -> anyhow::Result<()> {
        let line = |video: u64| {
            let line = json!({
                "aid": FIRST_AID + video.cast_signed(), "title": title(video), "duration": duration_s(video),
                "author": {"mid": 1 + video % 5, "name": format!("UP主{:02}", 1 + video % 5)},
            });
            format!("{line}\n")
        };
        let lines: String = (0..VIDEOS).map(line).collect();
        let path = format!("/api/apps/{APP}/playback/catalogue");
        let key = format!("Bearer {}", self.api_key).parse()?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, key)]);
        let mut connection = Connection::connect(self.address.as_str()).await?;
        let (status, body) = connection.put(&path, headers, Bytes::from(lines)).await?;
        ensure!(status.is_success(), "{}", String::from_utf8_lossy(&body));
        Ok(())
    }

    async fn send_live(&self, clock: &SystemClock) {
        let start_ms = clock.now_ms();
        for number in 0_u64.. {
            let (viewer, turn) = (number % LIVE_VIEWERS, number / LIVE_VIEWERS);
            let client = usize::try_from(viewer)
                .ok()
                .and_then(|place| self.live.get(place));
            let beat = live_beat(viewer, turn, start_ms, clock.now_ms());
            if let Some(client) = client
                && let Err(error) = client.heartbeat(&beat).await
            {
                tracing::warn!(%error, "a live heartbeat was not taken");
            }
            tokio::time::sleep(LIVE_INTERVAL).await;
        }
    }
}

/// A beat of one who watches video after video.
fn live_beat(viewer: u64, turn: u64, start_ms: i64, now_ms: i64) -> Beat<'static> {
    let (mut video, mut step) = (mix(start_ms.cast_unsigned() ^ viewer) % VIDEOS, turn);
    loop {
        let steps = u64::from(duration_s(video) / CADENCE_S) + 1;
        if step < steps {
            break;
        }
        (video, step) = ((video + 1) % VIDEOS, step - steps);
    }
    let played_s = u32::try_from(step).unwrap_or(0) * CADENCE_S;
    let session = format!(
        "{:016x}{:016x}",
        mix(start_ms.cast_unsigned()),
        mix(viewer ^ (turn - step))
    );
    Beat {
        play_type: if step == 0 {
            PlayType::Start
        } else {
            PlayType::Playing
        },
        start_ts: Some(now_ms / SECOND_MS - i64::from(played_s)),
        ..beat(video, played_s, session)
    }
}

fn beat(video: u64, played_s: u32, session: String) -> Beat<'static> {
    Beat {
        aid: FIRST_AID + video.cast_signed(),
        cid: FIRST_CID + video.cast_signed(),
        position: Position::At(played_s).within(Some(duration_s(video))),
        session: Some(session.into()),
        video_type: Some(VideoType::Upload),
        device: Some(Device::WEB),
        duration_s: Some(duration_s(video)),
        realtime_s: Some(played_s),
        ..Beat::default()
    }
}

/// Thirty days of viewers, each of whom watches something on some of them.
async fn import_history(importer: Importer, now_ms: i64) -> anyhow::Result<()> {
    let importer = Arc::new(importer);
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let importer = Arc::clone(&importer);
        lanes.spawn(async move {
            for viewer in (0..VIEWERS).filter(|viewer| viewer % LANES == lane) {
                import_viewer(&importer, viewer, now_ms).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = lanes.join_next().await {
        ended??;
    }
    Ok(())
}

async fn import_viewer(importer: &Importer, viewer: u64, now_ms: i64) -> anyhow::Result<()> {
    let mut traffic = Traffic::new(mix(viewer));
    for days_ago in (0..HISTORY_DAYS).rev() {
        if traffic.below(3) > 0 && viewer > 0 {
            continue;
        }
        // In the evening as a rule: the later of two times.
        let ago_ms = traffic.skewed(DAY_MS.cast_unsigned() / 2).cast_signed();
        let mut at_ms = now_ms - days_ago * DAY_MS - ago_ms - 3_600 * SECOND_MS;
        for _ in 0..=traffic.below(2) {
            let video = traffic.skewed(VIDEOS);
            // Many leave early, some see it all.
            let left_at_s = match traffic.below(4) {
                0 => duration_s(video),
                _ => u32::try_from(traffic.skewed(duration_s(video).into())).unwrap_or(0),
            };
            let session = format!("{}{}", traffic.nonce(), traffic.nonce());
            let minutes = 0..=left_at_s / IMPORTED_CADENCE_S;
            let beats_s = minutes.map(|minute| minute * IMPORTED_CADENCE_S);
            for played_s in beats_s.chain([left_at_s]) {
                let beat_ms = at_ms + i64::from(played_s) * SECOND_MS;
                if beat_ms < now_ms {
                    let beat = beat(video, played_s, session.clone());
                    importer.import(mid(viewer), beat_ms, beat).await?;
                }
            }
            at_ms += i64::from(left_at_s + IMPORTED_CADENCE_S) * SECOND_MS;
        }
    }
    Ok(())
}
