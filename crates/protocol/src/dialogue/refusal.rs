//! Why a request is refused.

use std::borrow::Cow;
use std::fmt::Display;

use thiserror::Error;

use super::cipher::CannotDecrypt;
use super::code::Code;

/// A refused request: code and text of its reply. The text holds nothing that the client sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {em}", code.code())]
pub struct Refusal {
    /// Gives the `ec`.
    pub code: Code,
    /// What is wrong, and where.
    pub em: Cow<'static, str>,
}

impl Refusal {
    /// 400 with a text that begins with the field's name.
    pub(super) fn bad_field(place_and_problem: impl Display) -> Self {
        Self {
            code: Code::BadField,
            em: Cow::Owned(place_and_problem.to_string()),
        }
    }
}

/// A refusal with the default text.
impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self {
            code,
            em: Cow::Borrowed(code.default_em()),
        }
    }
}

impl From<CannotDecrypt> for Refusal {
    fn from(_: CannotDecrypt) -> Self {
        Self::from(Code::CannotDecrypt)
    }
}
