//! The JSON API of dialogue reports (spec dialogue-report): tickets, verdicts, callbacks, and the settings of an app.

mod settings;

use axum::Router;
use axum::extract::FromRef;
use reportd_platform::web::Api;
use utoipa::openapi::OpenApi;
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Dialogue;

impl FromRef<Dialogue> for Api {
    fn from_ref(dialogue: &Dialogue) -> Self {
        dialogue.api.clone()
    }
}

/// The tag of the calls in the OpenAPI document.
const TAG: &str = "dialogue";

/// The calls of the API, each with its description.
fn calls() -> OpenApiRouter<Dialogue> {
    OpenApiRouter::new().routes(routes!(settings::get_settings, settings::put_settings))
}

/// The routes of the API.
pub fn api_routes(dialogue: Dialogue) -> Router {
    calls().with_state(dialogue).into()
}

/// What the API adds to the OpenAPI document.
#[must_use]
pub fn api_openapi() -> OpenApi {
    let mut document = calls().into_openapi();
    let about = "Dialogue reports (多人对话举报): tickets, verdicts, callbacks, and settings.";
    let tag = TagBuilder::new().name(TAG).description(Some(about)).build();
    document.tags = Some(vec![tag]);
    document
}
