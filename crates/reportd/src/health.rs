//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use reportd_platform::web::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::running::Running;

fn probes() -> OpenApiRouter<Arc<Running>> {
    OpenApiRouter::new()
        .routes(routes!(alive))
        .routes(routes!(ready))
}

fn figures() -> OpenApiRouter<Arc<Running>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// The routes of orchestrators.
pub(crate) fn probe_routes(running: Arc<Running>) -> Router {
    probes().with_state(running).into()
}

/// The route of the metrics.
pub(crate) fn metrics_routes(running: Arc<Running>) -> Router {
    figures().with_state(running).into()
}

/// What they add to the OpenAPI document.
pub(crate) fn openapi() -> OpenApi {
    let mut document = probes().merge(figures()).into_openapi();
    let about = "How the server stands. These need no key: keep them from the outside.";
    let tag = TagBuilder::new().name("server").description(Some(about));
    document.tags = Some(vec![tag.build()]);
    document
}

/// The process is alive
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "server",
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain; charset=utf-8", example = "ok\n")),
)]
async fn alive() -> &'static str {
    "ok\n"
}

/// How the server stands.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// The store can be read.
    store: bool,
    /// The journal can be written.
    journal: bool,
    /// Changes to apps and keys are seen.
    directory: bool,
    /// What is folded from the journal.
    views: Vec<ViewStanding>,
}

/// How a view stands.
#[derive(Serialize, ToSchema)]
struct ViewStanding {
    /// Its name.
    #[schema(example = "comm")]
    view: String,
    /// How far it lags, in ms.
    #[schema(minimum = 0, example = 0)]
    lag_ms: i64,
    /// It cannot go on; `reportd status` tells why.
    stuck: bool,
}

/// Ready to serve
///
/// Ready: the store can be read and the journal written. How far the views lag, and whether changes to apps and keys are
/// seen (`directory`), is told, and fails nothing.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "server",
    responses(
        (status = 200, description = "Ready.", body = Readiness),
        (status = 503, description = "Not ready: the store or the journal is away.", body = Readiness),
    ),
)]
async fn ready(State(running): State<Arc<Running>>) -> Response {
    let looking = Arc::clone(&running);
    let looked = tokio::task::spawn_blocking(move || {
        let state = looking
            .state
            .query("SELECT version FROM directory_version", &[]);
        (state.is_ok(), looking.journal.is_writable())
    });
    let (state, journal) = looked.await.unwrap_or((false, false));
    let views = running.served.status().into_iter();
    let views = views.map(|view| ViewStanding {
        view: view.view.to_string(),
        lag_ms: view.lag_ms,
        stuck: view.stuck.is_some(),
    });
    let status = if state && journal {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let told = Readiness {
        store: state,
        journal,
        directory: running.directory.is_current(),
        views: views.collect(),
    };
    (status, Json(told)).into_response()
}

/// Metrics, for Prometheus
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "server",
    responses((status = 200, description = "Metrics in the text form of OpenMetrics.", body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")),
)]
async fn metrics(State(running): State<Arc<Running>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], running.metrics.encode()).into_response()
}
