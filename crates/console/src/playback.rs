//! Playback: videos, retention, viewers now, one viewer's history.

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
}
