//! One viewer: the history, and erasure.

use axum::extract::{Path, State};
use reportd_db::Tx;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, DEFAULT_PAGE, Fresh, Json, MOST_PAGE, Problem, Query, within};
use reportd_protocol::playback::{Business, EntryPlace, HistoryFilter, PageStart};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shown::{ShownDelete, ShownEntry};
use super::undo::UNDO_WINDOW_MS;
use super::{TAG, viewer_in_path};
use crate::Playback;
use crate::query::{self, HistorySlice};

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
    let read = move |tx: &mut Tx<'_>| {
        Ok((
            query::history_page(tx, viewer, &slice)?,
            query::deletes(tx, viewer)?,
        ))
    };
    let (lag_ms, (placed, deletes)) = playback.views.read(viewer, read).await?;
    let has_more = placed.len() >= slice.limit as usize;
    let next_cursor = placed
        .last()
        .filter(|_| has_more)
        .map(|(place, _)| cursor(place));
    let entries = playback.join_catalogue(&known, placed).await?;
    let since_ms = playback.clock.now_ms() - UNDO_WINDOW_MS;
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

/// Erase a viewer
///
/// For good: the history goes, all sessions end, and nothing tells any more which of the reports were the viewer's. Plays,
/// seconds and counts of viewers stay, and name nobody. What is reported later is that of another viewer, whose history is not
/// paused. For role admin.
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
