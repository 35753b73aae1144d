//! How many users were online, on the 10-minute grid.

use std::ops::RangeInclusive;

use axum::extract::State;
use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query};
use reportd_protocol::push::{ONLINE_POINTS, ONLINE_STEP_MS};
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use super::period::DayParameter;
use crate::Push;
use crate::query;

/// Users online
///
/// Of the last 24 hours, 144 points, 10 minutes apart; with `date` of that day, as far as it has come. For roles viewer,
/// moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/online", operation_id = "push_online", tag = TAG,
    params(AppInPath, DayParameter), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The curve.", body = ShownCurve, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_online(
    State(push): State<Push>,
    caller: Caller,
    Query(asked): Query<DayParameter>,
) -> Result<Fresh<ShownCurve>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let now_ms = push.clock.now_ms();
    let steps = match asked.read()? {
        Some(day) => steps_of_day(&app, day, now_ms),
        None => last_steps(now_ms),
    };
    let no = app.no;
    let (lag_ms, points) = push
        .views
        .read(app.no, move |tx| read_points(tx, no, steps.clone()))
        .await?;
    let body = Json(ShownCurve {
        peak: points.iter().map(|point| point.users).max().unwrap_or(0),
        points,
    });
    Ok(Fresh { lag_ms, body })
}

/// The last point of the grid.
pub(super) fn last_step(now_ms: i64) -> i64 {
    now_ms.div_euclid(ONLINE_STEP_MS)
}

/// The points of the last 24 hours.
fn last_steps(now_ms: i64) -> RangeInclusive<i64> {
    let count = i64::try_from(ONLINE_POINTS).unwrap_or(i64::MAX);
    let last = last_step(now_ms);
    last - count + 1..=last
}

/// The points of a day so far, by their number in the grid.
pub(super) fn steps_of_day(app: &App, day: i64, now_ms: i64) -> RangeInclusive<i64> {
    let first_at_or_after = |ms: i64| {
        ms.saturating_add(ONLINE_STEP_MS - 1)
            .div_euclid(ONLINE_STEP_MS)
    };
    let first = first_at_or_after(app.zone.start_of_day_ms(day));
    let end = first_at_or_after(app.zone.start_of_day_ms(day + 1));
    first..=last_step(now_ms).min(end - 1)
}

/// Each of the points: the store has only those at which somebody was online.
pub(super) fn read_points(
    tx: &mut Tx<'_>,
    app: AppNo,
    steps: RangeInclusive<i64>,
) -> Result<Vec<ShownPoint>, DbError> {
    let (first_ms, last_ms) = (steps.start() * ONLINE_STEP_MS, steps.end() * ONLINE_STEP_MS);
    let found = query::online(tx, app, first_ms..=last_ms)?;
    let users_at = |at: i64| {
        let place = found.binary_search_by_key(&at, |(point, _)| *point);
        place.map_or(0, |place| found[place].1)
    };
    let point = |step: i64| {
        let at = step * ONLINE_STEP_MS;
        let users = users_at(at);
        ShownPoint { at, users }
    };
    Ok(steps.map(point).collect())
}

/// A curve.
#[derive(Serialize, ToSchema)]
#[schema(as = push::OnlineCurve)]
pub(super) struct ShownCurve {
    /// The most users at a point.
    #[schema(minimum = 0, example = 3)]
    peak: i64,
    /// The points, ascending.
    points: Vec<ShownPoint>,
}

/// A point of the curve.
#[derive(Serialize, ToSchema)]
#[schema(as = push::OnlinePoint)]
pub(super) struct ShownPoint {
    /// When, in ms since 1970.
    #[schema(example = 1_795_233_600_000_i64)]
    pub(super) at: i64,
    /// Users online then.
    #[schema(minimum = 0, example = 3)]
    pub(super) users: i64,
}
