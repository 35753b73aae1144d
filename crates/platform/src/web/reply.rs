//! What the replies of all protocols have in common.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use reportd_db::DbError;

/// A reply of that status, type and body.
pub fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// Tells how far what is shown lags, in ms, where it does (spec operating, Fresh reads).
pub fn tell_lag(headers: &mut HeaderMap, lag_ms: i64) {
    if lag_ms > 0 {
        let name = HeaderName::from_static("reportd-lag-ms");
        headers.insert(name, HeaderValue::from(lag_ms));
    }
}

/// What a refusal tells of the time behind it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Afterwards {
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// The rest of the body is not read: the connection ends.
    pub close: bool,
}

impl Afterwards {
    /// Of a refusal: where what is missing may be there soon, to come again after a second.
    #[must_use]
    pub fn of_refusal(is_passing: bool) -> Self {
        Self {
            retry_after: is_passing.then_some(Duration::from_secs(1)),
            close: false,
        }
    }

    /// To come again after `wait`.
    #[must_use]
    pub fn retry(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::default()
        }
    }

    /// Of a request whose body was not read.
    #[must_use]
    pub fn unread() -> Self {
        Self {
            close: true,
            ..Self::default()
        }
    }

    /// Writes `Retry-After` and `Connection`.
    pub fn tell(self, headers: &mut HeaderMap) {
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after(wait));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// A `Retry-After` of whole seconds, rounded up, at least 1.
#[must_use]
pub fn retry_after(wait: Duration) -> HeaderValue {
    let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    HeaderValue::from(seconds.clamp(1, 86_400))
}

/// Notes in the log why the store failed a request.
pub fn note_failure(error: &DbError) {
    if error.is_transient() {
        // No more than debug: while the store is away each request ends here.
        tracing::debug!(%error, "the store is unavailable");
    } else {
        tracing::error!(%error, "a database call failed");
    }
}
