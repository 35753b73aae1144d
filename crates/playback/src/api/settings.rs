//! Settings of an app.

use axum::extract::State;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Problem};

use super::TAG;
use crate::Playback;
use crate::settings::{self, PutSettings, ShownSettings};

/// The settings for playback reports
///
/// For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/settings", operation_id = "playback_settings", tag = TAG,
    params(AppInPath), security(("ApiKey" = [])),
    responses((status = 200, description = "The settings.", body = ShownSettings), CallProblems),
)]
pub(super) async fn get_settings(
    State(playback): State<Playback>,
    caller: Caller,
) -> Result<Json<ShownSettings>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    Ok(Json(playback.known(&app)?.settings.shown()))
}

/// Change settings for playback reports
///
/// What is left out stays; a list that is given is replaced whole. They act from the next call on. For role admin.
#[utoipa::path(
    put, path = "/api/apps/{app}/playback/settings", operation_id = "playback_put_settings", tag = TAG,
    params(AppInPath), request_body = PutSettings, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The settings as they are now.", body = ShownSettings),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn put_settings(
    State(playback): State<Playback>,
    caller: Caller,
    Json(put): Json<PutSettings>,
) -> Result<Json<ShownSettings>, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let no = app.no;
    let state = playback.directory.db();
    let changed = state
        .write_async(move |tx| settings::put(tx, no, put))
        .await?;
    playback.directory.refresh().await?;
    Ok(Json(changed.shown()))
}
