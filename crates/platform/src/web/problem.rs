//! Errors of the JSON API: problem details (RFC 9457).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reportd_db::DbError;
use serde::Serialize;
use utoipa::ToSchema;

use super::reply::{note_failure, retry_after};
use crate::directory::Denied;
use crate::settings::SettingsError;

/// A problem reply: `application/problem+json` with `type`, `title`, `status`, `detail`, and where they apply `field`
/// and `request_id`.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    field: Option<String>,
    retry_after: Option<Duration>,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDetails<'a> {
    /// Always `about:blank`: the status tells the kind of problem.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    #[schema(example = "Bad Request")]
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// What was wrong, and what was expected.
    #[schema(example = "expected 1 to 1000")]
    detail: &'a str,
    /// The parameter or the member of the body that is wrong, where one is: `top`, `required[1].field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "top")]
    field: Option<&'a str>,
    /// The id of the request, as in the header `x-request-id` and in the lines of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "5f2a9c01-2b")]
    request_id: Option<&'a str>,
}

impl Problem {
    /// A problem of that status; `detail` says what was wrong and what was expected.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// 400 that names the field.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405. The router adds `Allow`.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not take this method: the header Allow names those it takes",
        )
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 422 that names the field.
    pub fn unprocessable(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 429 with `Retry-After`.
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests from this address: try again later",
        );
        Self {
            retry_after: Some(retry_after),
            ..problem
        }
    }

    /// 503 with `Retry-After`: the store is away for now.
    #[must_use]
    pub fn try_later() -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store is not available now: try again later",
        );
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..problem
        }
    }

    /// 503 with `Retry-After`: what `detail` names is full for now.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..Self::try_later()
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What was wrong, and what was expected.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The body, with the id of the request.
    pub(crate) fn body(&self, request_id: Option<&str>) -> Vec<u8> {
        let members = ProblemDetails {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
            request_id,
        };
        serde_json::to_vec(&members).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body(None)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after(wait));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The layer that knows the request's id writes the body again with it.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        note_failure(&error);
        if error.is_transient() {
            return Self::try_later();
        }
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed on this request: its log tells more",
        )
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::new(
                StatusCode::UNAUTHORIZED,
                "the API key is unknown or revoked",
            ),
            Denied::TooManyFailures(wait) => Self::too_many(wait),
            Denied::Store(error) => error.into(),
        }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Db(error) => error.into(),
            SettingsError::Invalid { field, expected } => Self::invalid(&field, expected),
        }
    }
}
