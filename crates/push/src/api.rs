//! The JSON API of push reports (spec push-report): what the seven reports cannot show, and the settings of an app.

mod days;
mod groups;
mod online;
mod period;
mod quotas;
mod settings;
mod shown;
mod tasks;
mod today;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use reportd_platform::apps::App;
use reportd_platform::web::openapi::tagged;
use reportd_platform::web::{Api, Problem};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Push;
use crate::registry::PushApp;

impl FromRef<Push> for Api {
    fn from_ref(push: &Push) -> Self {
        push.api.clone()
    }
}

/// The tag of the calls in the OpenAPI document.
const TAG: &str = "push";

/// The calls of the API, each with its description.
fn calls() -> OpenApiRouter<Push> {
    OpenApiRouter::new()
        .routes(routes!(settings::get_settings, settings::put_settings))
        .routes(routes!(tasks::get_tasks))
        .routes(routes!(tasks::get_task))
        .routes(routes!(groups::get_group))
        .routes(routes!(today::get_today))
        .routes(routes!(days::get_days))
        .routes(routes!(days::get_day))
        .routes(routes!(users::get_users))
        .routes(routes!(online::get_online))
        .routes(routes!(quotas::get_quotas))
}

/// The routes of the API.
pub fn api_routes(push: Push) -> Router {
    calls().with_state(push).into()
}

/// What the API adds to the OpenAPI document.
#[must_use]
pub fn api_openapi() -> OpenApi {
    let about = "Push reports (推送报表): tasks and groups with their funnels and losses, days, today so far, users, quotas, and settings.";
    tagged(calls().into_openapi(), TAG, about)
}

impl Push {
    /// What the registry knows of an app; it is loaded with the apps, so one that is not there cannot be read.
    fn known(&self, app: &App) -> Result<Arc<PushApp>, Problem> {
        self.registry.app(&app.id).ok_or_else(Problem::try_later)
    }
}
