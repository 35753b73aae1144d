//! The reply: its codes (the table of `spec comm-report`) and its JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a reply says. Exhaustive on purpose: a new code must be given its status and whether to try
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ret {
    /// Accepted and durable, or recognised as a repeat of such a report.
    Ok,
    /// Not JSON, or not an object.
    NotAnObject,
    /// A field is missing, of the wrong type or out of range.
    BadField,
    /// `data_list` is empty or too long.
    BadListLength,
    /// `ts` is outside the window.
    OutsideWindow,
    /// `oper_id` is not registered for this app.
    UnknownOperation,
    /// A field that the operation requires is missing or has another value.
    RequirementUnmet,
    /// No token, an unknown token, or the app is disabled.
    Unauthorized,
    /// Another method than POST.
    MethodNotAllowed,
    /// Another content type than JSON.
    UnsupportedMediaType,
    /// The body is larger than the server takes.
    BodyTooLarge,
    /// Over the app's rate limit.
    RateLimited,
    /// Full, read-only or shutting down. Nothing was counted.
    Unavailable,
}

impl Ret {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::NotAnObject,
        Self::BadField,
        Self::BadListLength,
        Self::OutsideWindow,
        Self::UnknownOperation,
        Self::RequirementUnmet,
        Self::Unauthorized,
        Self::MethodNotAllowed,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::RateLimited,
        Self::Unavailable,
    ];

    /// The `ret` of the reply.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Ok => 0,
            Self::NotAnObject => 40001,
            Self::BadField => 40002,
            Self::BadListLength => 40003,
            Self::OutsideWindow => 40004,
            Self::UnknownOperation => 40005,
            Self::RequirementUnmet => 40006,
            Self::Unauthorized => 40101,
            Self::MethodNotAllowed => 40501,
            Self::UnsupportedMediaType => 41501,
            Self::BodyTooLarge => 41301,
            Self::RateLimited => 42901,
            Self::Unavailable => 50301,
        }
    }

    /// The one with this code.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|ret| ret.code() == code)
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::NotAnObject
            | Self::BadField
            | Self::BadListLength
            | Self::OutsideWindow
            | Self::UnknownOperation
            | Self::RequirementUnmet => 400,
            Self::Unauthorized => 401,
            Self::MethodNotAllowed => 405,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
        }
    }

    /// Whether the same request may succeed later; its reply has a `Retry-After`.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }

    /// A text for a reply that has no more to say.
    #[must_use]
    pub const fn default_msg(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotAnObject => "the body must be a JSON object",
            Self::BadField => "a field is missing, of the wrong type or out of range",
            Self::BadListLength => "data_list must have 1 to 10 items",
            Self::OutsideWindow => "ts is outside the window",
            Self::UnknownOperation => "oper_id is not registered for this app",
            Self::RequirementUnmet => "a field does not have what the operation requires",
            Self::Unauthorized => "no token, an unknown token, or the app is disabled",
            Self::MethodNotAllowed => "use POST",
            Self::UnsupportedMediaType => "the content type must be application/json",
            Self::BodyTooLarge => "the body is too large",
            Self::RateLimited => "over the rate limit of the app, try again later",
            Self::Unavailable => "cannot take reports now, try again later",
        }
    }
}

/// The JSON of every reply, a success or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 0, or a code of [`Ret`], or one of another server.
    pub ret: i64,
    /// `ok`, or what is wrong. Absent counts as empty.
    #[serde(default)]
    pub msg: String,
}

impl Reply {
    /// The JSON of a success.
    pub const OK_JSON: &'static [u8] = br#"{"ret":0,"msg":"ok"}"#;

    /// A success.
    #[must_use]
    pub fn ok() -> Self {
        Self {
            ret: Ret::Ok.code(),
            msg: Ret::Ok.default_msg().to_owned(),
        }
    }

    /// Whether it is a success.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.ret == Ret::Ok.code()
    }

    /// The reply as JSON; that of a plain success is a constant.
    #[must_use]
    pub fn encode(&self) -> Cow<'static, [u8]> {
        if self.is_ok() && self.msg == Ret::Ok.default_msg() {
            return Cow::Borrowed(Self::OK_JSON);
        }
        let msg = serde_json::Value::from(self.msg.as_str());
        Cow::Owned(format!(r#"{{"ret":{},"msg":{msg}}}"#, self.ret).into_bytes())
    }

    /// Reads a reply; fields that nobody knows are ignored.
    ///
    /// # Errors
    /// If it is not a JSON object with an integer `ret`.
    pub fn decode(body: &[u8]) -> serde_json::Result<Self> {
        if body == Self::OK_JSON {
            return Ok(Self::ok());
        }
        serde_json::from_slice(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_starts_with_its_status() {
        for ret in Ret::ALL.into_iter().filter(|ret| *ret != Ret::Ok) {
            assert_eq!(ret.code() / 100, i64::from(ret.http_status()), "{ret:?}");
            assert_eq!(Ret::from_code(ret.code()), Some(ret));
        }
        assert_eq!(Ret::from_code(1), None);
    }

    #[test]
    fn encode_and_decode_agree() {
        assert_eq!(Reply::ok().encode(), Cow::Borrowed(Reply::OK_JSON));
        for reply in [
            Reply::ok(),
            Reply {
                ret: 40002,
                msg: "a \"b\"\n油".to_owned(),
            },
            Reply {
                ret: 0,
                msg: "".into(),
            },
        ] {
            assert_eq!(Reply::decode(&reply.encode()).unwrap(), reply);
        }
    }

    #[test]
    fn decode_takes_other_servers_replies_but_not_everything() {
        assert_eq!(
            Reply::decode(br#" {"msg":"ok","ret":0,"data":null}"#).unwrap(),
            Reply::ok()
        );
        assert_eq!(
            Reply::decode(br#"{"ret":7}"#).unwrap(),
            Reply {
                ret: 7,
                msg: String::new()
            }
        );
        for bad in ["", "ok", "{}", r#"{"ret":"0"}"#, r#"{"ret":0}x"#] {
            assert!(Reply::decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
