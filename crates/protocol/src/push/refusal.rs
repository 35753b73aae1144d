//! Why a request under `/v2` is refused.

use std::borrow::Cow;

use thiserror::Error;

use super::code::Code;
use super::reply;

/// What is wrong with a parameter: the four forms of a message with code 20001 (`spec
/// push-report`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `<param> is invalid`
    Invalid,
    /// `<param> can not be empty`
    Empty,
    /// `<param> type error`
    WrongType,
    /// `<param> size over limit`
    OverLimit,
}

impl Fault {
    /// The message without the parameter's name.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Invalid => "is invalid",
            Self::Empty => "can not be empty",
            Self::WrongType => "type error",
            Self::OverLimit => "size over limit",
        }
    }
}

/// A refused request: code and text of its reply. The text holds nothing that the client sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {msg}", code.code())]
pub struct Refusal {
    /// Gives the `code` and the HTTP status.
    pub code: Code,
    /// What is wrong.
    pub msg: Cow<'static, str>,
}

impl Refusal {
    /// 20001 for the parameter of this name.
    #[must_use]
    pub fn parameter(name: &'static str, fault: Fault) -> Self {
        Self {
            code: Code::BadParameter,
            msg: Cow::Owned(format!("{name} {}", fault.text())),
        }
    }

    /// The reply to send: `{"code":…,"msg":…,"data":{}}`.
    #[must_use]
    pub fn reply(&self) -> Vec<u8> {
        reply::write(self.code.code(), &self.msg, |_| {})
    }
}

/// A refusal with the default text.
impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self {
            code,
            msg: Cow::Borrowed(code.default_msg()),
        }
    }
}
