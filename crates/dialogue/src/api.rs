//! The JSON API of dialogue reports (spec dialogue-report): tickets, verdicts, callbacks, and the settings of an app.

mod acting;
mod audit;
mod counts;
mod deliveries;
mod events;
mod monitor;
mod poll;
mod settings;
mod shown;
mod ticket;
mod tickets;
mod verdicts;

use axum::Router;
use axum::extract::FromRef;
use reportd_platform::web::Api;
use reportd_platform::web::openapi::tagged;
use utoipa::openapi::OpenApi;
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
    OpenApiRouter::new()
        .routes(routes!(tickets::get_tickets))
        .routes(routes!(counts::get_ticket_counts))
        .routes(routes!(events::get_events))
        .routes(routes!(ticket::next_ticket))
        .routes(routes!(verdicts::judge_tickets))
        .routes(routes!(ticket::get_ticket))
        .routes(routes!(ticket::claim_ticket))
        .routes(routes!(ticket::release_ticket))
        .routes(routes!(verdicts::judge_ticket))
        .routes(routes!(verdicts::undo_verdict))
        .routes(routes!(verdicts::reopen_ticket))
        .routes(routes!(deliveries::get_deliveries))
        .routes(routes!(counts::get_delivery_counts))
        .routes(routes!(deliveries::replay_deliveries))
        .routes(routes!(deliveries::get_delivery))
        .routes(routes!(deliveries::replay_delivery))
        .routes(routes!(audit::get_audit))
        .routes(routes!(monitor::get_monitor))
        .routes(routes!(monitor::get_moderators))
        .routes(routes!(poll::get_verdicts))
        .routes(routes!(settings::get_settings, settings::put_settings))
}

/// The routes of the API.
pub fn api_routes(dialogue: Dialogue) -> Router {
    calls().with_state(dialogue).into()
}

/// What the API adds to the OpenAPI document.
#[must_use]
pub fn api_openapi() -> OpenApi {
    let about = "Dialogue reports (多人对话举报): tickets, verdicts, callbacks, and settings.";
    tagged(calls().into_openapi(), TAG, about)
}
