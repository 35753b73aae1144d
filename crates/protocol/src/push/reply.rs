//! The envelope of every reply under `/v2`: `{"code": <int>, "msg": <text>, "data": {…}}`.
//!
//! `data` is an object in refusals too (an empty one): a client that reads it before it looks at
//! the code finds no null (`spec push-report`).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::code::Code;
use super::json::{Object, write_object};

/// The `Content-Type` of every reply.
pub const CONTENT_TYPE: &str = "application/json;charset=utf-8";

/// The header with the token, on all calls but those of `/auth`.
pub const TOKEN_HEADER: &str = "token";

pub(super) fn write(code: i64, msg: &str, fill: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_object(&mut out, |envelope| {
        envelope.integer("code", code);
        envelope.text("msg", msg);
        envelope.object("data", fill);
    });
    out
}

/// A success with what `fill` writes as `data`.
pub(super) fn write_ok(fill: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    write(Code::Ok.code(), Code::Ok.default_msg(), fill)
}

/// A success without data: the reply to `DELETE /auth/{token}`.
#[must_use]
pub fn empty_reply() -> Vec<u8> {
    write_ok(|_| {})
}

/// A reply as a client reads it, of this server or another.
#[derive(Debug, Deserialize)]
pub struct Reply<'a> {
    /// 0, or a code of [`Code`], or one of another server.
    pub code: i64,
    /// `success`, or what is wrong. Absent counts as empty.
    #[serde(default)]
    pub msg: String,
    /// The raw JSON of `data`; to be read by the type of its report.
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
}

impl<'a> Reply<'a> {
    /// Reads a reply; fields that nobody knows are ignored.
    ///
    /// # Errors
    /// If it is not a JSON object with an integer `code`.
    pub fn decode(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    /// Whether it is a success.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.code == Code::Ok.code()
    }
}
