//! What can go wrong between a client and a server.

use std::error::Error as StdError;
use std::time::Duration;

use thiserror::Error;

/// The cause of a failed connection or transfer, of whichever crate.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// Why a report was not accepted, as far as the client can tell. No text holds the token.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client cannot be built from these settings.
    #[error("cannot set up the client: {0}")]
    Setup(String),
    /// The server said no. It counted nothing.
    #[error("refused with HTTP status {http}, ret {ret}: {msg}")]
    Refused {
        /// The HTTP status.
        http: u16,
        /// The code of the reply; see [`Ret`](reportd_protocol::comm::Ret).
        ret: i64,
        /// The text of the reply.
        msg: String,
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
            Self::Refused { http, .. } | Self::InvalidReply { http, .. } => {
                matches!(http, 429 | 502 | 503 | 504)
            }
            Self::Setup(_) => false,
        }
    }

    /// How long the server asks to wait before the next try, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::InvalidReply { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }
}
