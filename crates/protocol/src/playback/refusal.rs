//! Why a request is refused.

use std::borrow::Cow;

use thiserror::Error;

use super::code::Code;
use super::form::Name;
use crate::values::Problem;

/// A refused request. The client is told the code alone; the reason is for logs, names the place,
/// and repeats nothing that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {reason}", code.code())]
pub struct Refusal {
    /// Gives the reply.
    pub code: Code,
    /// What is wrong, e.g. `progress: out of range`.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with this code, for this reason.
    pub fn new(code: Code, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// The body to send.
    #[must_use]
    pub const fn reply(&self) -> &'static str {
        self.code.reply()
    }

    /// -400 for the field of this name.
    pub(super) fn field(name: Name, problem: Problem) -> Self {
        Self::new(Code::BadRequest, format!("{}: {problem}", name.text()))
    }

    /// -400 for the request as a whole.
    pub(super) const fn malformed(reason: &'static str) -> Self {
        Self {
            code: Code::BadRequest,
            reason: Cow::Borrowed(reason),
        }
    }
}
