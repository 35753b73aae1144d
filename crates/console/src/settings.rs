//! Settings: apps and credentials, keys, people, limits.

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
}
