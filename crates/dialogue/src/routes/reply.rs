//! Replies of the protocol, and what is counted of them.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use reportd_db::DbError;
use reportd_platform::apps::App;
use reportd_platform::web::{Afterwards, BodyError, note_failure, reply};
use reportd_protocol::dialogue::{Code, Refusal, ReplyTime, success_reply};

use crate::Dialogue;
use crate::intake::Taken;

/// The type of every reply.
pub(super) const CONTENT_TYPE: &str = "application/json";

/// A report that was taken.
pub(super) struct Accepted {
    pub(super) success_ec: i64,
    pub(super) taken: Taken,
}

/// A refusal as it goes out.
pub(super) struct Refused {
    refusal: Refusal,
    /// Whose report it was, where that is known.
    app: Option<Arc<App>>,
    afterwards: Afterwards,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            afterwards: Afterwards::of_refusal(refusal.code == Code::Unavailable),
            refusal,
            app: None,
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
    /// 400 with a text that begins with the field's name.
    pub(super) fn field(em: &'static str) -> Self {
        Refusal {
            code: Code::BadField,
            em: em.into(),
        }
        .into()
    }

    /// A body that was not taken: what is left of it is not read, so the connection ends.
    pub(super) fn body(error: BodyError) -> Self {
        let refused = match error {
            BodyError::TooLarge => Code::TooLarge.into(),
            BodyError::Incomplete => Self::field("body: did not come whole, or not in time"),
        };
        Self {
            afterwards: Afterwards::unread(),
            ..refused
        }
    }

    /// Over a limit.
    pub(super) fn limited(wait: Duration) -> Self {
        Self {
            afterwards: Afterwards::retry(wait),
            ..Code::RateLimited.into()
        }
    }

    /// Of an app's report.
    pub(super) fn of(self, app: &Arc<App>) -> Self {
        Self {
            app: Some(Arc::clone(app)),
            ..self
        }
    }

    pub(super) fn code(&self) -> Code {
        self.refusal.code
    }
}

/// Answers a call, and counts it.
pub(super) async fn respond(
    dialogue: &Dialogue,
    outcome: impl Future<Output = Result<Accepted, Refused>>,
) -> Response {
    let started = dialogue.clock.monotonic();
    let outcome = outcome.await;
    let took = dialogue.clock.monotonic().saturating_sub(started);
    let time = ReplyTime {
        work_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        now_s: dialogue.clock.now_ms().div_euclid(1000),
    };
    let counted = outcome.as_ref().map(|_| 1);
    let counted = counted.map_err(|refused| refused.code().code());
    dialogue.metrics.reports.answered(took, counted);
    match outcome {
        Ok(accepted) => {
            if accepted.taken.is_repeat {
                dialogue.metrics.repeats.inc();
            }
            let ticket = accepted.taken.ticket.to_string();
            reply(
                StatusCode::OK,
                CONTENT_TYPE,
                success_reply(accepted.success_ec, &ticket, time),
            )
        }
        Err(refused) => {
            if let Some(app) = &refused.app {
                let day = app.zone.day(dialogue.clock.now_ms());
                dialogue.monitor.rejected(app.no, day, refused.code());
            }
            let mut response = reply(StatusCode::OK, CONTENT_TYPE, refused.refusal.reply(time));
            refused.afterwards.tell(response.headers_mut());
            response
        }
    }
}
