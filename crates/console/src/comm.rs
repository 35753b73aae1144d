//! Bot events: series, messages, census, raw reports, rejected requests, operations.

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
}
