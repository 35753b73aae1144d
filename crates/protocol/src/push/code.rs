//! The codes of replies: the error table of `spec push-report`.

/// What a reply under `/v2` says. Exhaustive on purpose: a new code must be given its status and
/// its text. 301 is none of them, nor a redirect: clients take it for a move of the service. Nor is
/// HTTP 429: clients lose the body then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Ok. An unknown task or group is no error: its key is left out of `data`.
    Ok,
    /// The body is not JSON.
    NotJson,
    /// A parameter is wrong; the message names it.
    BadParameter,
    /// The token is missing, unknown, expired, or of another app.
    BadToken,
    /// Over the rate limit of auth.
    AuthLimited,
    /// Over the rate limit of a report.
    ReportLimited,
    /// The app may not read `detail`.
    DetailForbidden,
    /// The app may not read `count`.
    CountForbidden,
    /// Unknown path.
    NotFound,
    /// Unknown method.
    MethodNotAllowed,
    /// The store is down.
    Unavailable,
}

impl Code {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::NotJson,
        Self::BadParameter,
        Self::BadToken,
        Self::AuthLimited,
        Self::ReportLimited,
        Self::DetailForbidden,
        Self::CountForbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Unavailable,
    ];

    /// The `code` of the reply: always an integer, though the seed once shows `"0"`.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Ok => 0,
            Self::NotJson => 1,
            Self::Unavailable => 2,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::BadToken => 10001,
            Self::AuthLimited => 10003,
            Self::ReportLimited => 10005,
            Self::BadParameter => 20001,
            Self::DetailForbidden => 30017,
            Self::CountForbidden => 30023,
        }
    }

    /// The one with this `code`.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Ok | Self::NotJson => 200,
            Self::BadParameter => 400,
            Self::BadToken | Self::AuthLimited | Self::ReportLimited => 401,
            Self::DetailForbidden | Self::CountForbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Unavailable => 503,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::AuthLimited | Self::ReportLimited | Self::Unavailable
        )
    }

    /// A text for a reply that has no more to say.
    #[must_use]
    pub const fn default_msg(self) -> &'static str {
        match self {
            Self::Ok => "success",
            Self::NotJson => "body is not JSON",
            Self::BadParameter => "a parameter is invalid",
            Self::BadToken => "token is invalid",
            Self::AuthLimited => "auth requests are over the rate limit, try again later",
            Self::ReportLimited => {
                "requests for this report are over the rate limit, try again later"
            }
            Self::DetailForbidden => "the app may not read the detail report",
            Self::CountForbidden => "the app may not read the count report",
            Self::NotFound => "no such path",
            Self::MethodNotAllowed => "the path does not take this method",
            Self::Unavailable => "cannot answer now, try again later",
        }
    }
}
