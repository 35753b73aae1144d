//! Replies under `/v2`.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use reportd_db::DbError;
use reportd_platform::web::{BodyError, retry_after};
use reportd_protocol::push::{CONTENT_TYPE, Code, Fault, Refusal};

/// A success: the whole reply, and how far what it shows lags.
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// 0 where it is fresh.
    pub(super) lag_ms: i64,
}

impl From<Vec<u8>> for Answer {
    fn from(body: Vec<u8>) -> Self {
        Self { body, lag_ms: 0 }
    }
}

impl Answer {
    pub(super) fn into_response(self) -> Response {
        let mut response = respond(StatusCode::OK, self.body);
        if self.lag_ms > 0 {
            let header = HeaderName::from_static("reportd-lag-ms");
            response
                .headers_mut()
                .insert(header, HeaderValue::from(self.lag_ms));
        }
        response
    }
}

/// A refusal as it goes out.
pub(super) struct Refused {
    refusal: Refusal,
    retry_after: Option<Duration>,
    /// The rest of the body is not read: end the connection.
    close: bool,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let retry_after = (refusal.code == Code::Unavailable).then_some(Duration::from_secs(1));
        Self {
            refusal,
            retry_after,
            close: false,
        }
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Refusal::from(code).into()
    }
}

/// Whatever the store failed on, the client can only try later.
impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        if error.is_transient() {
            // No more than debug: while the store is away each request ends here.
            tracing::debug!(%error, "the store is unavailable");
        } else {
            tracing::error!(%error, "a database call failed");
        }
        Code::Unavailable.into()
    }
}

impl Refused {
    /// A body that was not taken: what is left of it is not read, so the connection ends.
    pub(super) fn of_body(error: BodyError) -> Self {
        let fault = match error {
            BodyError::TooLarge => Fault::OverLimit,
            BodyError::Incomplete => Fault::Invalid,
        };
        Self {
            close: true,
            ..Refusal::parameter("body", fault).into()
        }
    }

    /// Over a limit. The status is never 429: clients lose the body then (spec push-report).
    pub(super) fn limited(code: Code, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..code.into()
        }
    }

    pub(super) fn code(&self) -> Code {
        self.refusal.code
    }

    pub(super) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.refusal.code.http_status());
        let mut response = respond(
            status.unwrap_or(StatusCode::BAD_REQUEST),
            self.refusal.reply(),
        );
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after(wait));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}
