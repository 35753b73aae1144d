//! What a viewer has deleted, and its undo.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use reportd_db::Tx;
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::clock::DAY_MS;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{BodyError, Caller, Json, Problem, no_object, read_body};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{TAG, viewer_in_path};
use crate::Playback;
use crate::entry::Record;
use crate::intake::MOST_DELETES;
use crate::query::{self, StandingDelete};
use crate::viewers::ViewerIdentity;

/// How long a delete can be undone.
pub(super) const UNDO_WINDOW_MS: i64 = DAY_MS;

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
    let read = move |tx: &mut Tx<'_>| query::deletes(tx, viewer);
    let (lag_ms, deletes) = playback.views.read(viewer, read).await?;
    if lag_ms > 0 {
        // A delete that was acknowledged may be missing: not to undo it would be a wrong answer.
        return Err(Problem::try_later());
    }
    let ids = undoable(&deletes, asked, playback.clock.now_ms() - UNDO_WINDOW_MS)?;
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
        .map_err(|error| Problem::invalid("body", no_object(&error)))?;
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
