//! A group of tasks.

use axum::extract::{Path, State};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::shown::ShownFunnel;
use super::tasks::{created_ms, group_name};
use crate::Push;
use crate::query::{self, Served};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GroupParameters {
    /// The first day on which a task was created, in the app's zone; 90 days ago where it is not given.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last such day, included; today where it is not given. At most 3,660 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
}

/// One group
///
/// Summed over its tasks of all kinds that were created in these days; zeros where there is none. For roles viewer,
/// moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/groups/{name}", operation_id = "push_group", tag = TAG,
    params(AppInPath, ("name" = String, Path, description = "The group.", max_length = 100, example = "spring"),
        GroupParameters),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The group.", body = ShownGroup, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_group(
    State(push): State<Push>,
    caller: Caller,
    Path((_, name)): Path<(String, String)>,
    Query(asked): Query<GroupParameters>,
) -> Result<Fresh<ShownGroup>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let without_display = push.known(&app)?.settings.without_display;
    let group_name = group_name("name", name)?;
    let served = Served {
        created_ms: created_ms(&app, asked.from, asked.to, push.clock.now_ms())?,
        singles: true,
    };
    let (no, name) = (app.no, group_name.clone());
    let (lag_ms, found) = push
        .views
        .read(app.no, move |tx| {
            query::group_funnel(tx, no, &name, &served, true)
        })
        .await?;
    let funnel = ShownFunnel::new(found.unwrap_or_default(), without_display);
    let body = Json(ShownGroup { group_name, funnel });
    Ok(Fresh { lag_ms, body })
}

/// A group.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Group)]
pub(super) struct ShownGroup {
    /// Its name.
    #[schema(example = "spring")]
    group_name: String,
    /// How far pushes came. Without actions.
    funnel: ShownFunnel,
}
