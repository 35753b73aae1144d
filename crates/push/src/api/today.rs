//! Today so far.

use std::sync::Arc;

use axum::extract::State;
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems};
use reportd_platform::web::{Caller, Fresh, Json, Problem};
use reportd_platform::zones::day_text;
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use super::online::{ShownPoint, last_step, read_points, steps_of_day};
use super::quotas::{ShownQuota, read_quotas};
use super::shown::{ShownFunnel, ShownLoss, shown_losses};
use crate::Push;
use crate::query;
use crate::registry::PushApp;

/// Today so far
///
/// In the app's zone. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/today", operation_id = "push_today", tag = TAG,
    params(AppInPath), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "Today so far.", body = ShownToday, headers(("reportd-lag-ms" = u64))),
        CallProblems,
    ),
)]
pub(super) async fn get_today(
    State(push): State<Push>,
    caller: Caller,
) -> Result<Fresh<ShownToday>, Problem> {
    let app = push.known(&*caller.needs(Permission::Figures)?)?;
    let (now_ms, known) = (push.clock.now_ms(), Arc::clone(&app));
    let (lag_ms, body) = push
        .views
        .read(app.app.no, move |tx| read_today(tx, &known, now_ms))
        .await?;
    Ok(Fresh {
        lag_ms,
        body: Json(body),
    })
}

fn read_today(tx: &mut Tx<'_>, app: &PushApp, now_ms: i64) -> Result<ShownToday, DbError> {
    let (no, today) = (app.app.no, app.today(now_ms).days());
    let funnel = query::day_funnel(tx, no, today, true)?;
    let losses = query::day_losses(tx, no, today)?;
    Ok(ShownToday {
        day: day_text(today),
        funnel: ShownFunnel::new(funnel, app.settings.without_display),
        losses: shown_losses(losses),
        quotas: read_quotas(tx, app, today)?,
        online: read_online(tx, app, today, now_ms)?,
    })
}

/// The points of today so far; the last is at most 10 minutes old, and may be of yesterday where today has just begun.
fn read_online(
    tx: &mut Tx<'_>,
    app: &PushApp,
    today: i64,
    now_ms: i64,
) -> Result<ShownOnline, DbError> {
    let (of_today, last) = (steps_of_day(&app.app, today, now_ms), last_step(now_ms));
    let first = *of_today.start();
    let mut points = read_points(tx, app.app.no, first.min(last)..=last)?;
    let now = points.last().map_or(0, |point| point.users);
    if of_today.is_empty() {
        points.clear();
    }
    Ok(ShownOnline { now, points })
}

/// Today so far.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Today)]
pub(super) struct ShownToday {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-21")]
    day: String,
    /// How far pushes came. Without actions.
    funnel: ShownFunnel,
    /// What was lost, by phase, channel and reason.
    losses: Vec<ShownLoss>,
    /// The quotas that are set, with their use.
    quotas: Vec<ShownQuota>,
    /// Users online.
    online: ShownOnline,
}

/// Users online today.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Online)]
struct ShownOnline {
    /// At the last point of the 10-minute grid.
    #[schema(minimum = 0, example = 3)]
    now: i64,
    /// The points of today so far.
    points: Vec<ShownPoint>,
}
