//! Settings of an app.

use axum::extract::State;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Problem};

use super::TAG;
use super::acting::{Acting, AuditorHeader};
use crate::Dialogue;
use crate::settings::{self, PutError, PutSettings, Settings};

/// The settings for dialogue reports
///
/// For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/dialogue/settings", operation_id = "dialogue_settings", tag = TAG,
    params(AppInPath), security(("ApiKey" = [])),
    responses((status = 200, description = "The settings.", body = Settings), CallProblems),
)]
pub(super) async fn get_settings(
    State(dialogue): State<Dialogue>,
    caller: Caller,
) -> Result<Json<Settings>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    // It is loaded with the apps, so one that is not there cannot be read.
    let known = dialogue
        .registry
        .app(&app.id)
        .ok_or_else(Problem::try_later)?;
    Ok(Json(known.settings.clone()))
}

/// Change settings for dialogue reports
///
/// What is left out stays. They act from the next report on. For role admin; `allow_private_callbacks` is turned on by who is
/// limited to no apps.
#[utoipa::path(
    put, path = "/api/apps/{app}/dialogue/settings", operation_id = "dialogue_put_settings", tag = TAG,
    params(AppInPath, AuditorHeader), request_body = PutSettings, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The settings as they are now.", body = Settings),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn put_settings(
    State(dialogue): State<Dialogue>,
    caller: Caller,
    acting: Acting,
    Json(put): Json<PutSettings>,
) -> Result<Json<Settings>, Problem> {
    let no = caller.needs(Permission::Manage)?.no;
    let actor = acting.actor;
    let now_ms = dialogue.clock.now_ms();
    let changed = dialogue
        .state
        .write_async(move |tx| settings::put(tx, &actor, no, put, now_ms))
        .await?;
    dialogue.directory.refresh().await?;
    Ok(Json(changed))
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Settings(error) => error.into(),
            PutError::Forbidden => Self::forbidden(error.to_string()),
        }
    }
}
