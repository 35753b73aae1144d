//! Users of an app by day.

use axum::extract::State;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query};
use reportd_platform::zones::day_text;
use reportd_protocol::push::Users;
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use super::period::DaysParameters;
use crate::Push;
use crate::query;

/// The users of each day
///
/// In the app's zone; today is so far. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/users", operation_id = "push_users", tag = TAG,
    params(AppInPath, DaysParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "Each of the days.", body = ShownUserDays, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_users(
    State(push): State<Push>,
    caller: Caller,
    Query(asked): Query<DaysParameters>,
) -> Result<Fresh<ShownUserDays>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let (first, last) = asked.read(&app, push.clock.now_ms())?;
    let starts_ms = (first..=last + 1).map(|day| app.zone.start_of_day_ms(day));
    let starts_ms: Vec<i64> = starts_ms.collect();
    let no = app.no;
    let (lag_ms, found) = push
        .views
        .read(app.no, move |tx| query::users(tx, no, first, &starts_ms))
        .await?;
    let days = (first..).zip(found).map(|(day, users)| shown(day, users));
    let body = Json(ShownUserDays {
        days: days.collect(),
    });
    Ok(Fresh { lag_ms, body })
}

/// Users by day.
#[derive(Serialize, ToSchema)]
#[schema(as = push::UserDays)]
pub(super) struct ShownUserDays {
    /// Each of the days, ascending.
    days: Vec<ShownUserDay>,
}

/// The users of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = push::UserDay)]
struct ShownUserDay {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-20")]
    day: String,
    /// 累计: how many had registered at its end.
    #[schema(minimum = 0, example = 9)]
    accumulative_num: i64,
    /// 新增: how many registered.
    #[schema(minimum = 0, example = 2)]
    register_num: i64,
    /// 日联网: distinct devices that were online.
    #[schema(minimum = 0, example = 5)]
    active_num: i64,
    /// 在线峰值: the most online at a point of the 10-minute grid.
    #[schema(minimum = 0, example = 2)]
    online_num: i64,
}

fn shown(day: i64, users: Users) -> ShownUserDay {
    ShownUserDay {
        day: day_text(day),
        accumulative_num: users.accumulative_num,
        register_num: users.register_num,
        active_num: users.active_num,
        online_num: users.online_num,
    }
}
