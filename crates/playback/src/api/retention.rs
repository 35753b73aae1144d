//! How far viewers of a video get.

use axum::extract::{Path, State};
use reportd_db::Tx;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query};
use reportd_protocol::playback::Position;
use reportd_protocol::playback::meaning::Retention;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{TAG, video_in_path};
use crate::Playback;
use crate::catalogue;
use crate::query::{self, Reached};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RetentionParameters {
    /// The part; the one with the most play sessions where it is not given.
    #[param(minimum = 0, example = 279_786)]
    cid: Option<i64>,
}

/// How far viewers of a video get
///
/// Of all play sessions of one part, by the duration that is known now: by the catalogue, else by what players told. For
/// roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/videos/{aid}/retention", operation_id = "playback_retention", tag = TAG,
    params(AppInPath, ("aid" = String, Path, description = "The video, by its aid or bvid.", example = "170001"), RetentionParameters),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "How far they get.", body = ShownRetention, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_retention(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, aid)): Path<(String, String)>,
    Query(asked): Query<RetentionParameters>,
) -> Result<Fresh<ShownRetention>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let aid = video_in_path(&aid)?;
    if asked.cid.is_some_and(|cid| cid < 0) {
        return Err(Problem::invalid(
            "cid",
            "expected a part, an integer of at least 0",
        ));
    }
    let no = app.no;
    let (lag_ms, chunks) = playback
        .views
        .read(app.no, move |tx| query::part_reach(tx, no, aid, asked.cid))
        .await?;
    let cid = chunks.first().map_or(asked.cid, |chunk| Some(chunk.cid));
    let part = [(aid, cid.unwrap_or(0))];
    let listed = move |tx: &mut Tx<'_>| catalogue::listed(tx, no, &part);
    let listed = playback.directory.db().read_async(listed).await;
    let listed = listed.map_err(|error: reportd_db::DbError| Problem::from(error))?;
    let listed_s = listed.first().and_then(|part| part.duration_s);
    let duration_s = listed_s.or_else(|| chunks.first()?.told_s);
    let duration_s = duration_s.or_else(|| greatest(&chunks));
    let furthest = chunks.iter().flat_map(|chunk| chunk.reach.furthest());
    let left_at = chunks.iter().flat_map(|chunk| chunk.reach.left_at());
    Ok(Fresh {
        lag_ms,
        body: Json(ShownRetention {
            cid,
            duration: duration_s,
            retention: Retention::of(furthest, left_at, duration_s.unwrap_or(0)),
        }),
    })
}

/// The greatest second that somebody reached: so long it is at least, where nobody knows.
fn greatest(chunks: &[Reached]) -> Option<u32> {
    let positions = chunks.iter().flat_map(|chunk| chunk.reach.furthest());
    let seconds = positions.filter_map(|(position, _)| match position {
        Position::At(seconds) => Some(seconds),
        Position::End => None,
    });
    seconds.max()
}

/// How far viewers of a part get.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::PartRetention)]
pub(super) struct ShownRetention {
    /// The part; null where there are no play sessions and none was named.
    #[schema(required, example = 279_786)]
    cid: Option<i64>,
    /// How long it is, in seconds; where nobody knows, the greatest second that was reached. Null without play sessions.
    #[schema(required, example = 600)]
    duration: Option<u32>,
    #[serde(flatten)]
    retention: Retention,
}
