//! Days of an app: what became of its pushes on each, and all that is known of one.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query, day};
use reportd_platform::zones::day_text;
use reportd_protocol::push::{ChannelSet, Funnel};
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use super::period::DaysParameters;
use super::shown::{
    ShownChannel, ShownFunnel, ShownLoss, ShownTotal, shown_channels, shown_losses,
};
use crate::Push;
use crate::query;

/// The figures of each day
///
/// By the day of the event, in the app's zone; today is so far. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/days", operation_id = "push_days", tag = TAG,
    params(AppInPath, DaysParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "Each of the days.", body = ShownDays, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_days(
    State(push): State<Push>,
    caller: Caller,
    Query(asked): Query<DaysParameters>,
) -> Result<Fresh<ShownDays>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let (first, last) = asked.read(&app, push.clock.now_ms())?;
    let without_display = push.known(&app)?.settings.without_display;
    let no = app.no;
    let (lag_ms, mut found) = push
        .views
        .read(app.no, move |tx| {
            query::day_funnels(tx, no, first..=last, false)
        })
        .await?;
    let days = (first..=last).map(|day| ShownDay::new(day, &mut found, without_display));
    let body = Json(ShownDays {
        days: days.collect(),
    });
    Ok(Fresh { lag_ms, body })
}

/// One day
///
/// By the day of the event, in the app's zone. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/days/{day}", operation_id = "push_day", tag = TAG,
    params(AppInPath, ("day" = String, Path, description = "The day.", format = Date, example = "2026-11-20")),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The day; zeros where nothing happened.", body = ShownWholeDay,
            headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_day(
    State(push): State<Push>,
    caller: Caller,
    Path((_, text)): Path<(String, String)>,
) -> Result<Fresh<ShownWholeDay>, Problem> {
    let app = push.known(&*caller.needs(Permission::Figures)?)?;
    let asked = day("day", &text)?;
    let known = Arc::clone(&app);
    let (lag_ms, body) = push
        .views
        .read(app.app.no, move |tx| {
            let no = known.app.no;
            let funnel = query::day_funnel(tx, no, asked, true)?;
            Ok(ShownWholeDay {
                day: day_text(asked),
                funnel: ShownFunnel::new(funnel, known.settings.without_display),
                losses: shown_losses(query::day_losses(tx, no, asked)?),
            })
        })
        .await?;
    let body = Json(body);
    Ok(Fresh { lag_ms, body })
}

/// Days in a row.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Days)]
pub(super) struct ShownDays {
    /// Each of them, ascending.
    days: Vec<ShownDay>,
}

/// A day.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Day)]
struct ShownDay {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-20")]
    day: String,
    /// Over all channels.
    total: ShownTotal,
    /// Channels with data.
    channels: Vec<ShownChannel>,
}

impl ShownDay {
    fn new(day: i64, found: &mut HashMap<i64, Funnel>, without_display: ChannelSet) -> Self {
        let funnel = found.remove(&day).unwrap_or_default();
        Self {
            day: day_text(day),
            total: funnel.total.into(),
            channels: shown_channels(funnel.channels, without_display),
        }
    }
}

/// All that is known of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = push::WholeDay)]
pub(super) struct ShownWholeDay {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-20")]
    day: String,
    /// How far pushes came. Without actions.
    funnel: ShownFunnel,
    /// What was lost, by phase, channel and reason.
    losses: Vec<ShownLoss>,
}
