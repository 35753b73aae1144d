//! The wire protocol: `POST /api/report/multiDialogue` (seed dialogue-report). Every reply is the protocol's own, with
//! HTTP status 200, whatever the method or the size.

mod described;
mod reply;
mod report;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use reportd_platform::web::openapi::tagged;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::described::{ReportBody, ReportReplies};
use self::reply::{Refused, respond};
use crate::Dialogue;

/// The tag of the call in the OpenAPI document.
const TAG: &str = "dialogue protocol";

fn calls() -> OpenApiRouter<Arc<Dialogue>> {
    let (schemas, paths, methods) = routes!(post_report);
    OpenApiRouter::new().routes((schemas, paths, methods.fallback(refuse_method)))
}

/// The route of the protocol.
pub fn protocol_routes(dialogue: Dialogue) -> Router {
    let calls: Router<Arc<Dialogue>> = calls().into();
    calls.with_state(Arc::new(dialogue))
}

/// What the protocol adds to the OpenAPI document.
#[must_use]
pub fn protocol_openapi() -> OpenApi {
    let about = "The wire protocol of dialogue reports (多人对话举报): encrypted abuse reports of a conversation.";
    tagged(calls().into_openapi(), TAG, about)
}

/// Report a conversation
///
/// `content` is base64 of the AES-encrypted JSON of the report, under the app's settings. A report that was sent before
/// gives the same ticket; other content of the same `report_id` and category adds to the ticket that waits,
/// or opens one that follows it.
#[utoipa::path(
    post, path = "/api/report/multiDialogue", operation_id = "dialogue_report", tag = TAG,
    request_body(content(
        (ReportBody = "application/x-www-form-urlencoded"), (ReportBody = "multipart/form-data"),
        (ReportBody = "application/json"),
    )),
    security(()), responses(ReportReplies),
)]
async fn post_report(State(dialogue): State<Arc<Dialogue>>, request: Request) -> Response {
    respond(&dialogue, report::take(&dialogue, request)).await
}

async fn refuse_method(State(dialogue): State<Arc<Dialogue>>, _: Request) -> Response {
    respond(&dialogue, async {
        Err(Refused::field("method: expected POST"))
    })
    .await
}
