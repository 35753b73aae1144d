//! The codes of replies: the table of `spec playback-report`.

/// What a reply says. Every reply is HTTP 200: clients take any other status for a failure of the
/// network. Exhaustive on purpose: a new code must be given its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Accepted and durable, or what was asked for.
    Ok,
    /// No, unknown or expired session.
    NotLoggedIn,
    /// A cookie session and a csrf that is not the session's.
    BadCsrf,
    /// A parameter is missing or malformed.
    BadRequest,
    /// Nothing there.
    NotFound,
    /// Over a rate limit.
    Limited,
    /// Cannot be stored now; safe to send again.
    Unavailable,
}

impl Code {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::NotLoggedIn,
        Self::BadCsrf,
        Self::BadRequest,
        Self::NotFound,
        Self::Limited,
        Self::Unavailable,
    ];

    /// The `code` of the reply.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Ok => 0,
            Self::NotLoggedIn => -101,
            Self::BadCsrf => -111,
            Self::BadRequest => -400,
            Self::NotFound => -404,
            Self::Limited => -509,
            Self::Unavailable => -503,
        }
    }

    /// The one with this `code`.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// The `message` of the reply: a client may show it, so it never says more.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Ok => "0",
            Self::NotLoggedIn => "账号未登录",
            Self::BadCsrf => "csrf 校验失败",
            Self::BadRequest => "请求错误",
            Self::NotFound => "啥都木有",
            Self::Limited => "请求过于频繁，请稍后再试",
            Self::Unavailable => "服务暂不可用",
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Limited | Self::Unavailable)
    }

    /// The whole reply, which has no `data`. A constant: reports come in great numbers, and all
    /// have one of these.
    #[must_use]
    pub const fn reply(self) -> &'static str {
        match self {
            Self::Ok => r#"{"code":0,"message":"0","ttl":1}"#,
            Self::NotLoggedIn => r#"{"code":-101,"message":"账号未登录","ttl":1}"#,
            Self::BadCsrf => r#"{"code":-111,"message":"csrf 校验失败","ttl":1}"#,
            Self::BadRequest => r#"{"code":-400,"message":"请求错误","ttl":1}"#,
            Self::NotFound => r#"{"code":-404,"message":"啥都木有","ttl":1}"#,
            Self::Limited => r#"{"code":-509,"message":"请求过于频繁，请稍后再试","ttl":1}"#,
            Self::Unavailable => r#"{"code":-503,"message":"服务暂不可用","ttl":1}"#,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_its_own_and_its_reply_says_the_same() {
        for code in Code::ALL {
            assert_eq!(Code::from_code(code.code()), Some(code));
            let expected = format!(
                r#"{{"code":{},"message":"{}","ttl":1}}"#,
                code.code(),
                code.message()
            );
            assert_eq!(code.reply(), expected);
        }
        assert_eq!(Code::from_code(-1), None);
    }
}
