//! Replies under `/x/`: HTTP 200, whatever they say.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use reportd_db::DbError;
use reportd_platform::random::NoRandomness;
use reportd_platform::web::{Afterwards, BodyError, note_failure, reply, tell_lag};
use reportd_protocol::playback::{CONTENT_TYPE, Code, Refusal};

use crate::intake::NotStored;
use crate::read;
use crate::sessions::NoLogin;

/// A success.
pub(super) struct Answer {
    body: Body,
    /// How far what it shows lags, in ms; 0 where it is fresh.
    lag_ms: i64,
    /// How many reports it acknowledges.
    pub(super) reports: u64,
}

impl Answer {
    /// Code 0 without data.
    pub(super) fn ok() -> Self {
        Self {
            body: Body::from(Code::Ok.reply()),
            lag_ms: 0,
            reports: 0,
        }
    }

    /// Code 0: a report is durable.
    pub(super) fn acknowledged() -> Self {
        Self {
            reports: 1,
            ..Self::ok()
        }
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = reply(StatusCode::OK, CONTENT_TYPE, self.body);
        tell_lag(response.headers_mut(), self.lag_ms);
        response
    }
}

impl From<read::Answer> for Answer {
    fn from(answer: read::Answer) -> Self {
        Self {
            body: Body::from(answer.body),
            lag_ms: answer.lag_ms,
            reports: 0,
        }
    }
}

/// A refusal as it goes out: the code alone tells the client why.
#[derive(Debug)]
pub(super) struct Refused {
    code: Code,
    afterwards: Afterwards,
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self {
            code,
            afterwards: Afterwards::of_refusal(code == Code::Unavailable),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        // Its reason names the place and repeats nothing that was sent.
        tracing::debug!(%refusal, "a call is refused");
        refusal.code.into()
    }
}

/// Whatever the store failed on, the client can only try later.
impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        note_failure(&error);
        Code::Unavailable.into()
    }
}

impl From<NotStored> for Refused {
    fn from(error: NotStored) -> Self {
        match error {
            NotStored::Journal => Code::Unavailable.into(),
            NotStored::State(error) => error.into(),
        }
    }
}

impl From<NoRandomness> for Refused {
    fn from(error: NoRandomness) -> Self {
        tracing::error!(%error, "a number cannot be drawn");
        Code::Unavailable.into()
    }
}

impl From<NoLogin> for Refused {
    fn from(no_login: NoLogin) -> Self {
        match no_login {
            NoLogin::None => Code::NotLoggedIn.into(),
            NoLogin::Limited => Self::limited(Duration::from_secs(1)),
            NoLogin::Store(error) => error.into(),
        }
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        tracing::debug!(?error, "a body is not taken");
        Self::unread(Code::BadRequest)
    }
}

impl Refused {
    /// Over a limit.
    pub(super) fn limited(wait: Duration) -> Self {
        Self {
            afterwards: Afterwards::retry(wait),
            ..Code::Limited.into()
        }
    }

    /// For a request whose body was not read: the connection ends.
    pub(super) fn unread(code: Code) -> Self {
        Self {
            afterwards: Afterwards::unread(),
            ..code.into()
        }
    }

    pub(super) fn code(&self) -> Code {
        self.code
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = reply(StatusCode::OK, CONTENT_TYPE, self.code.reply());
        self.afterwards.tell(response.headers_mut());
        response
    }
}
