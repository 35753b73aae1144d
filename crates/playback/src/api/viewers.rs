//! One viewer: the history, deletes and their undo, erasure.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use reportd_db::Tx;
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::clock::DAY_MS;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{BodyError, Caller, Fresh, Json, Problem, Query, read_body, within};
use reportd_platform::web::{DEFAULT_PAGE, MOST_PAGE};
use reportd_protocol::playback::{Business, EntryPlace, HistoryFilter, PageStart};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::shown::{ShownDelete, ShownEntry};
use super::{TAG, viewer_in_path};
use crate::Playback;
use crate::entry::Record;
use crate::intake::MOST_DELETES;
use crate::query::{self, HistorySlice, StandingDelete};
use crate::viewers::ViewerIdentity;

/// How long a delete can be undone.
const UNDO_MS: i64 = DAY_MS;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParameters {
    /// How many entries at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    #[param(pattern = r"^\d{1,19}\.\d{1,19}\.(archive|pgc|cheese)$")]
    cursor: Option<String>,
}

/// The history of a viewer
///
/// One entry a video, with its newest part, the newest first; and the deletes of the last 24 hours. A viewer who was never
/// heard of has none. For roles lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/viewers/{mid}/history", operation_id = "playback_viewer_history", tag = TAG,
    params(AppInPath, ("mid" = i64, Path, description = "The viewer.", minimum = 1, example = 7), HistoryParameters),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "A page.", body = ShownHistory, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_history(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, mid)): Path<(String, String)>,
    Query(asked): Query<HistoryParameters>,
) -> Result<Fresh<ShownHistory>, Problem> {
    let app = caller.needs(Permission::RawReports)?;
    let mid = viewer_in_path(&mid)?;
    let limit = within("limit", asked.limit, DEFAULT_PAGE, MOST_PAGE)?;
    let start = asked
        .cursor
        .as_deref()
        .map_or(Ok(PageStart::Newest), read_cursor)?;
    let slice = HistorySlice {
        start,
        filter: HistoryFilter::All,
        limit: u32::try_from(limit).unwrap_or(1),
    };
    let known = playback.known(&app)?;
    let Some(identity) = playback.viewers.find(app.no, mid).await? else {
        return Ok(Fresh {
            lag_ms: 0,
            body: Json(ShownHistory::default()),
        });
    };
    let viewer = identity.viewer;
    let lag_ms = playback.fresh_viewer(viewer).await;
    let read = move |tx: &mut Tx<'_>| {
        Ok((
            query::history_page(tx, viewer, &slice)?,
            query::deletes(tx, viewer)?,
        ))
    };
    let read: Result<_, reportd_db::DbError> = playback.views.read_async(read).await;
    let (placed, deletes) = read?;
    let has_more = placed.len() >= slice.limit as usize;
    let next_cursor = placed
        .last()
        .filter(|_| has_more)
        .map(|(place, _)| cursor(place));
    let entries = playback.join_catalogue(&known, placed).await?;
    let since_ms = playback.clock.now_ms() - UNDO_MS;
    let recent = deletes
        .iter()
        .filter(|delete| delete.1.received_at_ms >= since_ms);
    Ok(Fresh {
        lag_ms,
        body: Json(ShownHistory {
            is_paused: identity.paused.is_some(),
            entries: (entries.iter())
                .map(|(place, facts)| ShownEntry::new(place, facts))
                .collect(),
            next_cursor,
            deletes: recent.map(ShownDelete::new).collect(),
        }),
    })
}

fn cursor(place: &EntryPlace) -> String {
    let EntryPlace {
        view_at_s,
        number,
        business,
    } = place;
    format!("{view_at_s}.{number}.{}", business.name())
}

fn read_cursor(text: &str) -> Result<PageStart, Problem> {
    let number = |text: &str| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    };
    let mut parts = text.splitn(3, '.');
    let mut next = || parts.next();
    let start = (|| {
        Some(PageStart::Behind {
            view_at_s: number(next()?)?,
            number: number(next()?)?,
            business: Some(Business::from_name(next()?)?),
        })
    })();
    start.ok_or_else(|| Problem::invalid("cursor", "expected the next_cursor of an earlier reply"))
}

/// A page of a viewer's history.
#[derive(Serialize, ToSchema, Default)]
#[schema(as = playback::History)]
pub(super) struct ShownHistory {
    /// The viewer has paused the history: what is reported meanwhile belongs to nobody.
    is_paused: bool,
    /// The newest first.
    entries: Vec<ShownEntry>,
    /// The `cursor` of the next page; null where there is none.
    #[schema(required, example = "1795233600.170001.archive")]
    next_cursor: Option<String>,
    /// What the viewer has deleted in the last 24 hours, the newest first.
    deletes: Vec<ShownDelete>,
}

/// Which deletes are to be undone.
#[derive(ToSchema)]
#[schema(as = playback::Undo, example = json!({"ids": ["4611686018427387904"]}))]
#[expect(
    dead_code,
    reason = "it describes the body, which is read member by member"
)]
pub(super) struct Undo {
    /// Their ids, as the history shows them; all of the last 24 hours where it is left out.
    #[schema(max_items = 10_000)]
    ids: Option<Vec<String>>,
}

/// Undo what a viewer has deleted
///
/// Within 24 hours: what was deleted is in the history again. For role admin.
#[utoipa::path(
    post, path = "/api/apps/{app}/viewers/{mid}/history/undo", operation_id = "playback_undo", tag = TAG,
    params(AppInPath, ("mid" = i64, Path, description = "The viewer.", minimum = 1, example = 7)),
    request_body(content = Option<Undo>), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "They are undone.", body = Undone), ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn undo_deletes(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, mid)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Undone>, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let mid = viewer_in_path(&mid)?;
    let asked = read_ids(&playback, request).await?;
    let ids = match playback.viewers.find(app.no, mid).await? {
        Some(identity) => undo(&playback, &app, identity, asked).await?,
        None if asked.is_none() => Vec::new(),
        None => {
            return Err(Problem::not_found(format!(
                "nothing was ever reported by {mid}"
            )));
        }
    };
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    Ok(Json(Undone { ids }))
}

/// Undoes deletes of a viewer; returns which.
async fn undo(
    playback: &Playback,
    app: &App,
    identity: ViewerIdentity,
    asked: Option<Vec<u64>>,
) -> Result<Vec<u64>, Problem> {
    let viewer = identity.viewer;
    playback.fresh_viewer(viewer).await;
    let read = move |tx: &mut Tx<'_>| query::deletes(tx, viewer);
    let deletes: Result<_, reportd_db::DbError> = playback.views.read_async(read).await;
    let ids = undoable(&deletes?, asked, playback.clock.now_ms() - UNDO_MS)?;
    if !ids.is_empty() {
        let record = Record::Undo {
            viewer,
            ids: ids.clone(),
        };
        playback.store(app, viewer, &record).await?;
    }
    Ok(ids)
}

/// The deletes to undo: those that are asked for, or all since `since_ms` that stand.
fn undoable(
    deletes: &[StandingDelete],
    asked: Option<Vec<u64>>,
    since_ms: i64,
) -> Result<Vec<u64>, Problem> {
    let is_recent = |delete: &StandingDelete| delete.1.received_at_ms >= since_ms;
    let Some(asked) = asked else {
        let standing = deletes
            .iter()
            .filter(|delete| is_recent(delete) && !delete.3);
        return Ok(standing.map(|delete| delete.0).collect());
    };
    for (index, id) in asked.iter().enumerate() {
        let refused = |detail: &str| Err(Problem::invalid(&format!("ids[{index}]"), detail));
        match deletes.iter().find(|delete| delete.0 == *id) {
            None => return refused("the viewer has made no such delete in the last 24 hours"),
            Some(delete) if !is_recent(delete) => {
                return refused("it was made more than 24 hours ago, and can no longer be undone");
            }
            Some(_) => {}
        }
    }
    Ok(asked)
}

/// The ids in the body; `None` where it names none, or is empty. They are texts, or numbers.
async fn read_ids(playback: &Playback, request: Request) -> Result<Option<Vec<u64>>, Problem> {
    let limits = playback.api.body_limits;
    let body = read_body(request.into_body(), limits).await;
    let body = body.map_err(|error| match error {
        BodyError::TooLarge => Problem::too_large(format!(
            "expected a body of at most {} bytes",
            limits.max_bytes
        )),
        BodyError::Incomplete => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
        }
    })?;
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let members: serde_json::Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid("body", format!("expected a JSON object: {error}")))?;
    if let Some(name) = members.keys().find(|name| *name != "ids") {
        return Err(Problem::invalid(name, "expected ids alone"));
    }
    let ids = match members.get("ids") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(ids)) if ids.len() <= MOST_DELETES => ids,
        Some(_) => {
            let expected = format!("expected a list of at most {MOST_DELETES} ids");
            return Err(Problem::invalid("ids", expected));
        }
    };
    let id = |(index, id): (usize, &Value)| {
        let number = match id {
            Value::String(text) => text.parse().ok(),
            id => id.as_u64(),
        };
        number.ok_or_else(|| {
            Problem::invalid(&format!("ids[{index}]"), "expected the id of a delete")
        })
    };
    ids.iter()
        .enumerate()
        .map(id)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// What was undone.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Undone)]
pub(super) struct Undone {
    /// The deletes that were undone, now or before.
    #[schema(example = json!(["4611686018427387904"]))]
    ids: Vec<String>,
}

/// Erase a viewer
///
/// For good: the history goes, all sessions end, and nothing tells any more which of the reports were the viewer's. Plays,
/// seconds and counts of viewers stay, and name nobody. What is reported later is that of another viewer. For role admin.
#[utoipa::path(
    delete, path = "/api/apps/{app}/viewers/{mid}", operation_id = "playback_erase_viewer", tag = TAG,
    params(AppInPath, ("mid" = i64, Path, description = "The viewer.", minimum = 1, example = 7)),
    security(("ApiKey" = [])),
    responses((status = 200, description = "The viewer is erased.", body = Erased), ParameterProblem, CallProblems),
)]
pub(super) async fn erase_viewer(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, mid)): Path<(String, String)>,
) -> Result<Json<Erased>, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let mid = viewer_in_path(&mid)?;
    let erased = playback.erase(&app, mid).await?;
    Ok(Json(Erased { erased }))
}

/// Whether there was something to erase.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Erased)]
pub(super) struct Erased {
    /// False where nothing was ever reported by the viewer, or it was erased before.
    erased: bool,
}
