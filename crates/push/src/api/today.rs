//! Today so far.

use std::sync::Arc;

use axum::extract::State;
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems};
use reportd_platform::web::{Caller, Fresh, Json, Problem};
use reportd_platform::zones::day_text;
use reportd_protocol::push::{ONLINE_STEP_MS, QuotaUse};
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
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
        .read_fresh(&app.app, move |tx| read_today(tx, &known, now_ms))
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
    let counts = query::quota_counts(tx, no, today)?;
    let quotas = app.settings.quota_uses(&counts);
    Ok(ShownToday {
        day: day_text(today),
        funnel: ShownFunnel::new(funnel, app.settings.without_display),
        losses: shown_losses(losses),
        quotas: quotas.iter().map(ShownQuota::from).collect(),
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
    let start = app.app.zone.start_of_day_ms(today);
    let first = start
        .saturating_add(ONLINE_STEP_MS - 1)
        .div_euclid(ONLINE_STEP_MS);
    let last = now_ms.div_euclid(ONLINE_STEP_MS);
    let (first_ms, last_ms) = (first * ONLINE_STEP_MS, last * ONLINE_STEP_MS);
    let found = query::online(tx, app.app.no, first_ms.min(last_ms)..=last_ms)?;
    let users_at = |at: i64| {
        let place = found.binary_search_by_key(&at, |(point, _)| *point);
        place.map_or(0, |place| found[place].1)
    };
    let point = |number: i64| {
        let at = number * ONLINE_STEP_MS;
        let users = users_at(at);
        ShownPoint { at, users }
    };
    Ok(ShownOnline {
        now: users_at(last_ms),
        points: (first..=last).map(point).collect(),
    })
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

/// A quota with its use today.
#[derive(Serialize, ToSchema)]
#[schema(as = push::QuotaUse)]
struct ShownQuota {
    /// The channel.
    #[schema(example = "vv")]
    channel: &'static str,
    /// Its kind.
    #[schema(example = "general")]
    kind: &'static str,
    /// How many a day are allowed.
    #[schema(minimum = 0, example = 1000)]
    total: i64,
    /// Distinct `sent` of today.
    #[schema(minimum = 0, example = 3)]
    sent: i64,
    /// Distinct `received` of today.
    #[schema(minimum = 0, example = 2)]
    received: i64,
    /// What can still be sent.
    #[schema(minimum = 0, example = 997)]
    remaining: i64,
    /// Of vv by what was received, else by what was sent.
    is_used_up: bool,
}

impl From<&QuotaUse> for ShownQuota {
    fn from(quota: &QuotaUse) -> Self {
        Self {
            channel: quota.channel.name(),
            kind: quota.quota.name(),
            total: quota.total_num,
            sent: quota.sent,
            received: quota.received,
            remaining: quota.remain_num(),
            is_used_up: quota.is_used_up(),
        }
    }
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

/// A point of the curve.
#[derive(Serialize, ToSchema)]
#[schema(as = push::OnlinePoint)]
struct ShownPoint {
    /// When, in ms since 1970.
    #[schema(minimum = 0, example = 1_795_233_600_000_i64)]
    at: i64,
    /// Users online then.
    #[schema(minimum = 0, example = 3)]
    users: i64,
}
