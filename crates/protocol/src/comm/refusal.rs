//! Why a request is refused.

use std::fmt;

use thiserror::Error;

use super::reply::{Reply, Ret};

/// A refused request: the code and the text of its reply. The text holds nothing that the client
/// sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {msg}", ret.code())]
pub struct Refusal {
    /// What kind of refusal; gives the code and the HTTP status.
    pub ret: Ret,
    /// What is wrong, and where.
    pub msg: String,
}

impl Refusal {
    /// A refusal with a text of its own.
    #[must_use]
    pub fn new(ret: Ret, msg: impl Into<String>) -> Self {
        Self {
            ret,
            msg: msg.into(),
        }
    }

    /// 40005 for the item at `index` (`spec comm-report`: under `unknown_operations = "reject"`).
    #[must_use]
    pub fn unknown_operation(index: usize, oper_id: i64) -> Self {
        Self::new(
            Ret::UnknownOperation,
            format!(
                "{}[{index}].oper_id: {oper_id} is not registered for this app",
                super::DATA_LIST
            ),
        )
    }

    /// The reply to send.
    #[must_use]
    pub fn reply(&self) -> Reply {
        Reply {
            ret: self.ret.code(),
            msg: self.msg.clone(),
        }
    }

    pub(super) fn bad_field(place_and_problem: impl fmt::Display) -> Self {
        Self::new(Ret::BadField, place_and_problem.to_string())
    }
}

/// A refusal with the default text.
impl From<Ret> for Refusal {
    fn from(ret: Ret) -> Self {
        Self::new(ret, ret.default_msg())
    }
}
