//! What went wrong, and the page that says so.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reportd_db::DbError;

use crate::Console;
use crate::visit::Visit;

/// What went wrong. Where a page ends in one, [`show`] makes a page of it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    /// In the words of the API.
    pub(crate) detail: String,
    /// The parameter or the member that is wrong, where one is.
    pub(crate) field: Option<String>,
}

impl Fault {
    pub(crate) fn new(
        status: StatusCode,
        detail: impl Into<String>,
        field: Option<String>,
    ) -> Self {
        Self {
            status,
            detail: detail.into(),
            field,
        }
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail, None)
    }

    /// 400 that names the field.
    pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail, Some(field.to_owned()))
    }

    /// 500: a mistake of ours.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a page of the console failed");
        let detail = "something went wrong here; the log says what";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail, None)
    }
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        if error.is_transient() {
            let detail = "the store is not available now: try again later";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, detail, None);
        }
        Self::internal(error)
    }
}

impl Fault {
    /// In plain text, where there is no visit whose page it could be.
    pub(crate) fn into_text(self) -> Response {
        (self.status, self.detail).into_response()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Makes a page of a [`Fault`], in the language of the visit.
pub(crate) async fn show(State(console): State<Console>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visit = Visit::of(&mut parts, &console).await;
    let response = next.run(Request::from_parts(parts, body)).await;
    match (response.extensions().get::<Fault>(), visit) {
        (Some(fault), Ok(visit)) => visit.fault_page(fault),
        (Some(fault), Err(_)) => (fault.status, fault.detail.clone()).into_response(),
        (None, _) => response,
    }
}
