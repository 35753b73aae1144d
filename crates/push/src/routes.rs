//! The wire protocol: `/v2/{app_id}` (seed push-report), and the two feeds of gateways.
//!
//! What stands in a path or a query goes to the protocol as it was sent: see [`segments`].

mod auth;
mod described;
mod feeds;
mod reply;
mod reports;
mod segments;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::MethodRouter;
use reportd_platform::rate_limit::Rate;
use reportd_platform::web::openapi::tagged;
use reportd_protocol::push::Code;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Paths, RefOr, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::reply::{Answer, Refused};
use crate::registry::PushApp;
use crate::{LimitedCall, Push};

/// The tag of the calls in the OpenAPI document.
const TAG: &str = "push protocol";

/// The calls under `/v2` with their descriptions.
fn calls() -> OpenApiRouter<Arc<Push>> {
    [
        routes!(auth::log_in),
        routes!(auth::log_out),
        routes!(reports::get_tasks),
        routes!(reports::get_details),
        routes!(reports::get_group),
        routes!(reports::get_day),
        routes!(reports::get_count),
        routes!(reports::get_users),
        routes!(reports::get_online),
    ]
    .into_iter()
    .map(with_own_refusal)
    .fold(OpenApiRouter::new(), OpenApiRouter::routes)
}

/// A call as [`routes!`] makes it.
type Call = (Vec<(String, RefOr<Schema>)>, Paths, MethodRouter<Arc<Push>>);

/// A method that a path does not take is refused in the protocol's own words.
fn with_own_refusal((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(refuse_method))
}

/// The routes of the protocol and of the feeds.
pub fn protocol_routes(push: Push) -> Router {
    let calls: Router<Arc<Push>> = calls().into();
    let calls = calls
        .fallback(refuse_path)
        .with_state(Arc::new(push.clone()))
        .into_service::<Body>();
    let feeds: Router<Push> = feeds::calls().into();
    // All that is under `/v2` goes to a router of its own, so that whatever it does not know is refused in the
    // protocol's words.
    ["/v2", "/v2/", "/v2/{*rest}"]
        .into_iter()
        .fold(Router::new(), |routes, path| {
            routes.route_service(path, calls.clone())
        })
        .merge(feeds.with_state(push))
}

/// What the protocol and the feeds add to the OpenAPI document.
#[must_use]
pub fn protocol_openapi() -> OpenApi {
    let mut document = calls().into_openapi();
    document.merge(feeds::calls().into_openapi());
    let token = ApiKeyValue::with_description(
        "token",
        "A token of the app, from `POST /v2/{app_id}/auth`.",
    );
    document
        .components
        .get_or_insert_with(Components::new)
        .add_security_scheme("PushToken", SecurityScheme::ApiKey(ApiKey::Header(token)));
    let about =
        "The wire protocol of push reports (推送报表) under `/v2`, and the feeds of gateways.";
    tagged(document, TAG, about)
}

/// Answers a call under `/v2`, and counts it.
async fn answer(push: &Push, outcome: impl Future<Output = Result<Answer, Refused>>) -> Response {
    let started = push.clock.monotonic();
    let outcome = outcome.await;
    let took = push.clock.monotonic().saturating_sub(started);
    let cause = |refused: &Refused| refused.code().code();
    push.metrics
        .calls
        .answered(took, outcome.as_ref().map(|_| 0).map_err(cause));
    match outcome {
        Ok(answer) => answer.into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn refuse_path(State(push): State<Arc<Push>>) -> Response {
    answer(&push, async { Err(Code::NotFound.into()) }).await
}

async fn refuse_method(State(push): State<Arc<Push>>, _: Request) -> Response {
    answer(&push, async { Err(Code::MethodNotAllowed.into()) }).await
}

impl Push {
    /// Counts a call of an app where it is limited.
    ///
    /// # Errors
    /// The time to wait.
    async fn limit_call(
        &self,
        app: &PushApp,
        call: &'static str,
        rate: Option<Rate>,
    ) -> Result<(), Duration> {
        let Some(rate) = rate else { return Ok(()) };
        let app = app.app.no;
        self.call_limiter
            .take(LimitedCall { app, call }, 1, rate)
            .await
    }
}
