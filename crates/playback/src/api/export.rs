//! All that is stored of one viewer.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Problem};
use reportd_platform::zones::day_text;
use reportd_protocol::playback::meaning::PlaySession;
use serde::Serialize;

use super::shown::{ShownDelete, ShownEntry};
use super::{TAG, viewer_in_path};
use crate::Playback;
use crate::catalogue;
use crate::entry::ViewerNo;
use crate::query::{self, StoredVideo};
use crate::read::entry_facts;
use crate::registry::PlaybackApp;
use crate::sessions::{self, ListedSession};

/// Videos that are read at once.
const AT_ONCE: i64 = 500;
/// Pieces that wait for a slow client.
const MOST_WAITING: usize = 4;

/// All that is stored of a viewer
///
/// NDJSON, a line each: `viewer` first, then each `session` (without its secrets), each `delete`, and each `video` with its
/// entry of the history, the days on which it was watched, and the play sessions. The reports as they were sent are got by
/// `reportd export playback`. For roles lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/viewers/{mid}/export", operation_id = "playback_viewer_export", tag = TAG,
    params(AppInPath, ("mid" = i64, Path, description = "The viewer.", minimum = 1, example = 7)),
    security(("ApiKey" = [])),
    responses(
        (
            status = 200, description = "The lines.", body = String, content_type = "application/x-ndjson",
            headers(("reportd-lag-ms" = u64)),
        ),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn export_viewer(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, mid)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let app = caller.needs(Permission::RawReports)?;
    let mid = viewer_in_path(&mid)?;
    let known = playback.known(&app)?;
    let (no, now_ms) = (app.no, playback.clock.now_ms());
    let list = move |tx: &mut Tx<'_>| sessions::list(tx, (no, mid), now_ms);
    let sessions: Result<_, DbError> = playback.directory.db().read_async(list).await;
    let sessions: Vec<ListedSession> = sessions?;
    let identity = playback.viewers.find(no, mid).await?;
    let (mut lag_ms, mut deletes) = (0, Vec::new());
    if let Some(viewer) = identity.map(|identity| identity.viewer) {
        let read = move |tx: &mut Tx<'_>| query::deletes(tx, viewer);
        (lag_ms, deletes) = playback.views.read(viewer, read).await?;
    }
    let mut head = Vec::new();
    let is_paused = identity.is_some_and(|identity| identity.paused.is_some());
    put_line(&mut head, &Line::Viewer { mid, is_paused });
    for session in &sessions {
        put_line(&mut head, &Line::session(session));
    }
    for delete in &deletes {
        put_line(&mut head, &Line::Delete(ShownDelete::new(delete)));
    }
    let (mut sender, body) = Channel::<Bytes, DbError>::new(MOST_WAITING);
    tokio::spawn(async move {
        if sender.send_data(head.into()).await.is_err() {
            return;
        }
        let Some(identity) = identity else { return };
        if let Err(error) = send_videos(&playback, &known, identity.viewer, &mut sender).await {
            tracing::error!(%error, "the export of a viewer broke off");
            // The client must not take what it has for all.
            sender.abort(error);
        }
    });
    let mut response = Body::new(body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    if lag_ms > 0 {
        headers.insert("reportd-lag-ms", HeaderValue::from(lag_ms));
    }
    Ok(response)
}

/// Sends a line for each video, some at a time, until the client has gone.
async fn send_videos(
    playback: &Playback,
    app: &PlaybackApp,
    viewer: ViewerNo,
    sender: &mut Sender<Bytes, DbError>,
) -> Result<(), DbError> {
    let (no, rule) = (app.app.no, app.settings.finish);
    let mut after = 0;
    loop {
        let read = move |tx: &mut Tx<'_>| query::stored_videos(tx, viewer, after, AT_ONCE);
        let read: Result<_, DbError> = playback.views.store().read_async(read).await;
        let videos: Vec<StoredVideo> = read?;
        let Some(last) = videos.last() else {
            return Ok(());
        };
        after = last.aid;
        let parts: Vec<_> = (videos.iter())
            .map(|video| (video.aid, video.shown.map_or(0, |shown| shown.cid)))
            .collect();
        let listed = move |tx: &mut Tx<'_>| catalogue::listed(tx, no, &parts);
        let listed: Result<_, DbError> = playback.directory.db().read_async(listed).await;
        let mut lines = Vec::new();
        for (video, part) in videos.into_iter().zip(listed?) {
            let entry = video.shown.map(|shown| {
                let facts = entry_facts(shown, part, &rule);
                ShownEntry::new(&facts.place(), &facts)
            });
            let line = Line::Video {
                aid: video.aid,
                entry,
                days: video.days.into_iter().map(day_text).collect(),
                plays: video.plays.iter().map(ShownPlay::new).collect(),
            };
            put_line(&mut lines, &line);
        }
        if sender.send_data(lines.into()).await.is_err() {
            return Ok(());
        }
    }
}

/// A line of the export.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Viewer {
        mid: i64,
        is_paused: bool,
    },
    Session {
        id: i64,
        label: String,
        created_at: i64,
        expires_at: i64,
    },
    Delete(ShownDelete),
    Video {
        aid: i64,
        entry: Option<ShownEntry>,
        days: Vec<String>,
        plays: Vec<ShownPlay>,
    },
}

impl Line {
    fn session(session: &ListedSession) -> Self {
        Self::Session {
            id: session.id,
            label: session.label.clone(),
            created_at: session.created_at_ms,
            expires_at: session.expires_at_ms,
        }
    }
}

/// A play session.
#[derive(Serialize)]
struct ShownPlay {
    cid: i64,
    day: String,
    /// When its first and its last report came, in ms since 1970.
    first_at: i64,
    last_at: i64,
    watched_seconds: i64,
    /// Positions in seconds, -1 for the end.
    furthest: i64,
    left_at: i64,
}

impl ShownPlay {
    fn new((cid, play): &(i64, PlaySession)) -> Self {
        Self {
            cid: *cid,
            day: day_text(play.first.day),
            first_at: play.first_ms(),
            last_at: play.last_ms(),
            watched_seconds: play.watched_s(),
            furthest: play.furthest.wire(),
            left_at: play.last.value.wire(),
        }
    }
}

fn put_line(lines: &mut Vec<u8>, line: &Line) {
    // It has nothing that cannot be written as JSON.
    if serde_json::to_writer(&mut *lines, line).is_ok() {
        lines.push(b'\n');
    }
}
