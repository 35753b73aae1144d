//! Moderation: the queue, a ticket, deliveries, audit, figures of moderators.

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
}
