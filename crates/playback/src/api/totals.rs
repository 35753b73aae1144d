//! Figures of all videos together, by day.

use axum::extract::State;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query};
use reportd_platform::zones::day_text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MOST_DAYS, TAG, range};
use crate::Playback;
use crate::query::{self, DayTotals};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DaysParameters {
    /// The first day, in the app's zone; the last 30 days where it is not given.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last day, included; today where it is not given. At most 366 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
}

/// All videos by day
///
/// Each day of the range, and all of them together. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/days", operation_id = "playback_days", tag = TAG,
    params(AppInPath, DaysParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The days.", body = ShownTotals, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_days(
    State(playback): State<Playback>,
    caller: Caller,
    Query(asked): Query<DaysParameters>,
) -> Result<Fresh<ShownTotals>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let now_ms = playback.clock.now_ms();
    let days = range(&app, now_ms, asked.from, asked.to, MOST_DAYS)?;
    let no = app.no;
    let (lag_ms, (by_day, videos)) = playback
        .views
        .read(app.no, move |tx| {
            let by_day = query::days(tx, no, days)?;
            Ok((by_day, query::played_videos(tx, no, days)?))
        })
        .await?;
    let shown = |day: &DayTotals| ShownTotalsOfDay {
        day: day_text(day.day),
        videos: day.videos,
        plays: day.plays,
        watched_seconds: day.watched_s,
    };
    Ok(Fresh {
        lag_ms,
        body: Json(ShownTotals {
            videos,
            plays: by_day.iter().map(|day| day.plays).sum(),
            watched_seconds: by_day.iter().map(|day| day.watched_s).sum(),
            days: by_day.iter().map(shown).collect(),
        }),
    })
}

/// All videos together.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Totals)]
pub(super) struct ShownTotals {
    /// Distinct videos that were played on these days.
    #[schema(minimum = 0, example = 2)]
    videos: i64,
    /// Play sessions that began on these days.
    #[schema(minimum = 0, example = 12)]
    plays: i64,
    /// How long they watched.
    #[schema(minimum = 0, example = 4321)]
    watched_seconds: i64,
    /// Each day of the range.
    days: Vec<ShownTotalsOfDay>,
}

/// All videos on a day.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::TotalsOfDay)]
struct ShownTotalsOfDay {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-21")]
    day: String,
    /// Videos that were played on it.
    #[schema(minimum = 0, example = 2)]
    videos: i64,
    /// Play sessions that began on it.
    #[schema(minimum = 0, example = 3)]
    plays: i64,
    /// How long they watched.
    #[schema(minimum = 0, example = 432)]
    watched_seconds: i64,
}
