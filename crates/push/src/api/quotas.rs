//! Quotas with their use.

use std::sync::Arc;

use axum::extract::State;
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query};
use reportd_platform::zones::day_text;
use reportd_protocol::push::QuotaUse;
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use super::period::DayParameter;
use crate::Push;
use crate::query;
use crate::registry::PushApp;

/// Quotas, and what is left of them
///
/// Today's; with `date` the use of that day against the quotas as they are set now. For roles viewer, moderator, lead and
/// admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/quotas", operation_id = "push_quotas", tag = TAG,
    params(AppInPath, DayParameter), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The quotas that are set.", body = ShownQuotas, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_quotas(
    State(push): State<Push>,
    caller: Caller,
    Query(asked): Query<DayParameter>,
) -> Result<Fresh<ShownQuotas>, Problem> {
    let app = push.known(&*caller.needs(Permission::Figures)?)?;
    let today = app.today(push.clock.now_ms()).days();
    let day = asked.read()?.unwrap_or(today);
    let known = Arc::clone(&app);
    let (lag_ms, quotas) = push
        .views
        .read(app.app.no, move |tx| read_quotas(tx, &known, day))
        .await?;
    let body = Json(ShownQuotas {
        day: day_text(day),
        quotas,
    });
    Ok(Fresh { lag_ms, body })
}

/// The quotas that are set, with their use on a day.
pub(super) fn read_quotas(
    tx: &mut Tx<'_>,
    app: &PushApp,
    day: i64,
) -> Result<Vec<ShownQuota>, DbError> {
    let counts = query::quota_counts(tx, app.app.no, day)?;
    let uses = app.settings.quota_uses(&counts);
    Ok(uses.iter().map(ShownQuota::from).collect())
}

/// Quotas with their use.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Quotas)]
pub(super) struct ShownQuotas {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-21")]
    day: String,
    /// The quotas that are set.
    quotas: Vec<ShownQuota>,
}

/// A quota with its use on a day.
#[derive(Serialize, ToSchema)]
#[schema(as = push::QuotaUse)]
pub(super) struct ShownQuota {
    /// The channel.
    #[schema(example = "vv")]
    channel: &'static str,
    /// Its kind.
    #[schema(example = "general")]
    kind: &'static str,
    /// How many a day are allowed.
    #[schema(minimum = 0, example = 1000)]
    total: i64,
    /// Distinct `sent` of the day.
    #[schema(minimum = 0, example = 3)]
    sent: i64,
    /// Distinct `received` of the day.
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
