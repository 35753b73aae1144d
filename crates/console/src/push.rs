//! Pushes: tasks, funnels, losses, the day reports, users and the online curve.

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
}
