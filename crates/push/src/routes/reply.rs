//! Replies under `/v2`.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use reportd_db::DbError;
use reportd_platform::web::{Afterwards, BodyError, note_failure, reply, tell_lag};
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
        let mut response = reply(StatusCode::OK, CONTENT_TYPE, self.body);
        tell_lag(response.headers_mut(), self.lag_ms);
        response
    }
}

/// A refusal as it goes out.
pub(super) struct Refused {
    refusal: Refusal,
    afterwards: Afterwards,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            afterwards: Afterwards::of_refusal(refusal.code == Code::Unavailable),
            refusal,
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
        note_failure(&error);
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
            afterwards: Afterwards::unread(),
            ..Refusal::parameter("body", fault).into()
        }
    }

    /// Over a limit. The status is never 429: clients lose the body then (spec push-report).
    pub(super) fn limited(code: Code, wait: Duration) -> Self {
        Self {
            afterwards: Afterwards::retry(wait),
            ..code.into()
        }
    }

    pub(super) fn code(&self) -> Code {
        self.refusal.code
    }

    pub(super) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.refusal.code.http_status());
        let status = status.unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = reply(status, CONTENT_TYPE, self.refusal.reply());
        self.afterwards.tell(response.headers_mut());
        response
    }
}
