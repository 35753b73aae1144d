//! What can go wrong between a client and a server.

use std::error::Error as StdError;
use std::time::Duration;

use reportd_protocol::dialogue;
use reportd_protocol::playback;
use reportd_protocol::push::Code;
use thiserror::Error;

/// The cause of a failed connection or transfer, of whichever crate.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// Why a request failed, as far as the client can tell. No text holds a token, a key or a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client cannot be built from these settings.
    #[error("cannot set up the client: {0}")]
    Setup(String),
    /// This cannot be sent, or could not be answered: no address can hold it.
    #[error("cannot send the request: {0}")]
    InvalidRequest(String),
    /// The server said no in the words of a protocol. It counted nothing.
    #[error("refused with HTTP status {http}, code {code}: {msg}")]
    Refused {
        /// The HTTP status.
        http: u16,
        /// The code of the reply: `ret` of CommReport, see [`Ret`](reportd_protocol::comm::Ret),
        /// `code` of the push reports, see [`Code`], or of the playback reports, see
        /// [`playback::Code`], or `ec` of the dialogue reports, see [`dialogue::Code`].
        code: i64,
        /// The text of the reply.
        msg: String,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },
    /// The API said no, with problem details (RFC 9457). It counted nothing.
    #[error("refused with HTTP status {http} ({title}): {detail}")]
    Problem {
        /// The HTTP status.
        http: u16,
        /// The kind of problem.
        title: String,
        /// What was wrong, with the place in a feed: `line 2: …`.
        detail: String,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },
    /// No connection came about; nothing was sent.
    #[error("cannot connect")]
    Connect(#[source] Cause),
    /// No whole reply came in time. The report may have been counted.
    #[error("no reply within {0:?}")]
    Timeout(Duration),
    /// The connection broke. The report may have been counted.
    #[error("the connection failed")]
    Transport(#[source] Cause),
    /// Something replied, but not in this protocol: a proxy, or a wrong address.
    #[error("HTTP status {http} with a reply that is not of this protocol: {problem}")]
    InvalidReply {
        /// The HTTP status.
        http: u16,
        /// What is wrong with the reply.
        problem: String,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },
}

impl ClientError {
    /// Whether the very same request may succeed when sent again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Timeout(_) | Self::Transport(_) => true,
            Self::Refused { http, code, .. } => {
                is_passing(*http)
                    || (*http == 401 && is_limited(*code))
                    || (*http == 200 && is_deferred(*code))
                    || is_put_off(*code)
            }
            Self::Problem { http, .. } | Self::InvalidReply { http, .. } => is_passing(*http),
            Self::Setup(_) | Self::InvalidRequest(_) => false,
        }
    }

    /// How long the server asks to wait before the next try, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. }
            | Self::Problem { retry_after, .. }
            | Self::InvalidReply { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the server surely did nothing: it was not reached, or says so itself. A proxy that
    /// replies in its place does not know.
    pub(crate) fn is_surely_undone(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Refused { code, .. } => is_put_off(*code),
            _ => false,
        }
    }

    /// Whether a report of pushes was refused for its token, which may have ended.
    pub(crate) fn is_bad_token(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == Code::BadToken.code())
    }
}

fn is_passing(http: u16) -> bool {
    matches!(http, 429 | 502 | 503 | 504)
}

/// The push reports say 401 where others say 429: old clients lose the body of a 429.
fn is_limited(code: i64) -> bool {
    matches!(
        Code::from_code(code),
        Some(Code::AuthLimited | Code::ReportLimited)
    )
}

/// The dialogue reports reply HTTP 200 to everything, with codes that are statuses of others.
fn is_deferred(code: i64) -> bool {
    dialogue::Code::from_code(code).is_some_and(dialogue::Code::retryable)
}

/// The playback reports reply HTTP 200 to everything. Their codes are negative and the others' are
/// not, so none is taken for another.
fn is_put_off(code: i64) -> bool {
    playback::Code::from_code(code).is_some_and(playback::Code::retryable)
}
