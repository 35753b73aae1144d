//! Who is viewing now, and who was.

use axum::extract::State;
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query, within};
use reportd_protocol::playback::bvid_of;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shown::title;
use super::{TAG, range};
use crate::catalogue;
use crate::query;
use crate::{KIND, Playback};

const DEFAULT_VIDEOS: i64 = 100;
const MOST_VIDEOS: i64 = 1_000;
const MOST_DAYS: i64 = 31;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NowParameters {
    /// How many parts at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Who is viewing now
///
/// Distinct viewers whose newest report is under 45 s old, of a player that plays and is not at the end. For roles viewer,
/// moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/now", operation_id = "playback_now", tag = TAG,
    params(AppInPath, NowParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "Viewers now.", body = ShownNow, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_now(
    State(playback): State<Playback>,
    caller: Caller,
    Query(asked): Query<NowParameters>,
) -> Result<Fresh<ShownNow>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let limit = within("limit", asked.limit, DEFAULT_VIDEOS, MOST_VIDEOS)?;
    let no = app.no;
    let lag_ms = playback.journal.fresh(KIND, u64::from(no)).await.ms;
    playback.now.refresh().await?;
    let viewers = playback.now.total(no).await?;
    let limit = usize::try_from(limit).unwrap_or(0);
    let parts = playback.now.videos(no, limit).await?;
    let keys: Vec<(i64, i64)> = parts.iter().map(|part| (part.aid, part.cid)).collect();
    let listed = move |tx: &mut Tx<'_>| catalogue::listed(tx, no, &keys);
    let listed: Result<_, DbError> = playback.directory.db().read_async(listed).await;
    let shown = parts.iter().zip(listed?).map(|(part, listed)| ShownPart {
        aid: part.aid,
        bvid: bvid_of(part.aid).unwrap_or_default(),
        cid: part.cid,
        title: title(part.aid, &listed.listed.title),
        viewers: part.viewers,
    });
    Ok(Fresh {
        lag_ms,
        body: Json(ShownNow {
            viewers,
            videos: shown.collect(),
        }),
    })
}

/// Who is viewing now.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Now)]
pub(super) struct ShownNow {
    /// Distinct viewers.
    #[schema(minimum = 0, example = 3)]
    viewers: u64,
    /// What they view, by part, the most viewed first.
    videos: Vec<ShownPart>,
}

/// A part that somebody is viewing.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::NowPart)]
struct ShownPart {
    /// The video.
    #[schema(minimum = 1, example = 170_001)]
    aid: i64,
    /// The same as a text; empty where there is none.
    #[schema(example = "BV17x411w7KC")]
    bvid: String,
    /// The part.
    #[schema(minimum = 0, example = 279_786)]
    cid: i64,
    /// As the catalogue has it, else `av<aid>`.
    #[schema(example = "av170001")]
    title: String,
    /// Its viewers.
    #[schema(minimum = 1, example = 2)]
    viewers: u64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CurveParameters {
    /// The first day, in the app's zone.
    #[param(format = Date, example = "2026-11-20")]
    from: Option<String>,
    /// The last day, included; today where it is not given. At most 31 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
}

/// Viewers over time
///
/// Distinct viewers of each ten minutes. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/now/curve", operation_id = "playback_now_curve", tag = TAG,
    params(AppInPath, CurveParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The curve.", body = ShownCurve, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_curve(
    State(playback): State<Playback>,
    caller: Caller,
    Query(asked): Query<CurveParameters>,
) -> Result<Fresh<ShownCurve>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let now_ms = playback.clock.now_ms();
    let (first, last) = range(&app, now_ms, asked.from, asked.to, MOST_DAYS)?;
    let start_ms = app.zone.start_of_day_ms(first);
    // What is to come has no points.
    let end_ms = app.zone.start_of_day_ms(last + 1).min(now_ms + 1);
    let no = app.no;
    let (lag_ms, points) = playback
        .views
        .read(app.no, move |tx| {
            query::viewing_curve(tx, no, start_ms..end_ms.max(start_ms))
        })
        .await?;
    let shown = |(at, viewers)| ShownPoint { at, viewers };
    Ok(Fresh {
        lag_ms,
        body: Json(ShownCurve {
            points: points.into_iter().map(shown).collect(),
        }),
    })
}

/// Viewers over time.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Curve)]
pub(super) struct ShownCurve {
    /// One for every ten minutes of these days so far.
    points: Vec<ShownPoint>,
}

/// Ten minutes.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::CurvePoint)]
struct ShownPoint {
    /// When they begin, in ms since 1970.
    #[schema(minimum = 0, example = 1_795_233_600_000_i64)]
    at: i64,
    /// Distinct viewers in them.
    #[schema(minimum = 0, example = 3)]
    viewers: i64,
}
