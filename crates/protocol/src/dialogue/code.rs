//! The codes of replies (the table of `spec dialogue-report`).

/// What the `ec` of a reply says. Exhaustive on purpose. All go with HTTP status 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// 400: a field is missing or malformed.
    BadField,
    /// 401: unknown or disabled appid.
    UnknownApp,
    /// 402: the sign is not that of appid and content.
    BadSign,
    /// 403: the content cannot be decrypted to a JSON object.
    CannotDecrypt,
    /// 404: the app lists its categories, and this is none of them.
    UnknownCategory,
    /// 405: redirect is not an allowed callback address.
    BadRedirect,
    /// 408: timestamp outside the window.
    OutsideWindow,
    /// 413: more than 50 infos, or over 2 MiB.
    TooLarge,
    /// 429: over the app's rate limit.
    RateLimited,
    /// 503: cannot be stored now.
    Unavailable,
}

impl Code {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::BadField,
        Self::UnknownApp,
        Self::BadSign,
        Self::CannotDecrypt,
        Self::UnknownCategory,
        Self::BadRedirect,
        Self::OutsideWindow,
        Self::TooLarge,
        Self::RateLimited,
        Self::Unavailable,
    ];

    /// The `ec` of the reply.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::BadField => 400,
            Self::UnknownApp => 401,
            Self::BadSign => 402,
            Self::CannotDecrypt => 403,
            Self::UnknownCategory => 404,
            Self::BadRedirect => 405,
            Self::OutsideWindow => 408,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
        }
    }

    /// The one with this code.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }

    /// A text for a reply that has no more to say.
    #[must_use]
    pub const fn default_em(self) -> &'static str {
        match self {
            Self::BadField => "a field is missing or malformed",
            Self::UnknownApp => "unknown or disabled appid",
            Self::BadSign => "sign: not the SHA-1 of appid and content",
            Self::CannotDecrypt => "content: cannot be decrypted to a JSON object",
            Self::UnknownCategory => "category: unknown to this app",
            Self::BadRedirect => "redirect: not an allowed callback address",
            Self::OutsideWindow => "timestamp: outside the window",
            Self::TooLarge => "more than 50 infos, or over 2 MiB",
            Self::RateLimited => "over the rate limit of the app, try again later",
            Self::Unavailable => "cannot take reports now, try again later",
        }
    }
}
