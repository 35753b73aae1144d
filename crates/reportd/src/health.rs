//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reportd_platform::web::Json;
use serde_json::{Value, json};

use crate::running::Running;

/// The routes.
pub(crate) fn routes(running: Arc<Running>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(running)
}

/// Ready: the store can be read and the journal written. How far the views lag, and whether changes to apps and keys are
/// seen (`directory`), is told, and fails nothing.
async fn ready(State(running): State<Arc<Running>>) -> Response {
    let looking = Arc::clone(&running);
    let looked = tokio::task::spawn_blocking(move || {
        let state = looking
            .state
            .read(|tx| tx.query_int("SELECT version FROM directory_version", &[]));
        (state.is_ok(), looking.journal.is_writable())
    });
    let (state, journal) = looked.await.unwrap_or((false, false));
    let views: Vec<Value> = running
        .projector
        .status()
        .into_iter()
        .map(
            |view| json!({"view": view.view, "lag_ms": view.lag_ms, "stuck": view.stuck.is_some()}),
        )
        .collect();
    let status = if state && journal {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let told = json!({
        "store": state, "journal": journal, "directory": running.directory.is_current(), "views": views,
    });
    (status, Json(told)).into_response()
}

async fn metrics(State(running): State<Arc<Running>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], running.metrics.encode()).into_response()
}
