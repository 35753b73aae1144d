//! Typed clients of the report protocols, for any base URL.
//!
//! [`CommClient`], [`PushClient`], [`PushFeedClient`], [`PlaybackClient`] and [`DialogueClient`] are
//! for programs: they reuse connections, speak TLS and try again where that is safe.
//! [`CallbackReceiver`] is for those who are called back: it has no server of its own. [`Connection`]
//! is for load generators and tests: one plain connection and nothing that costs.
//!
//! # Sending again, and nonces
//!
//! A server of CommReport knows a request by its app, `ts`, `nonce` and the hash of its body. So a
//! request may be sent again as long as its bytes stay the same, and is counted once however many
//! of the copies arrive; [`CommClient`] relies on it. The other side of this: two reports that
//! differ in nothing are one. A constant nonce therefore merges equal reports of the same second.
//! Give each report a nonce of its own, or at least a `ts` in milliseconds.
//!
//! Events and receipts of pushes need no nonce: each is known by what it says, and counts once. Nor
//! do playback reports: the newest wins, so what matters is their order, see [`PlaybackClient`].
//! Dialogue reports are known by their `report_id` and content.

mod builder;
mod clock;
mod comm;
mod connection;
mod dialogue;
mod error;
mod playback;
mod push;
mod request;
mod response;
mod retry;
mod sender;
mod tls;

pub use builder::ClientBuilder;
pub use bytes::Bytes;
pub use comm::{CommClient, CommClientBuilder};
pub use connection::Connection;
pub use dialogue::{
    Callback, CallbackError, CallbackReceiver, CallbackReceiverBuilder, DialogueClient,
    DialogueClientBuilder, Received,
};
pub use error::ClientError;
pub use hyper::{HeaderMap, StatusCode, header};
pub use playback::{
    Heartbeats, HeartbeatsBuilder, HistoryPages, PlaybackClient, PlaybackClientBuilder,
    PlaybackLogin,
};
pub use push::{
    GroupOptions, PushClient, PushClientBuilder, PushFeedClient, PushFeedClientBuilder,
    event_batches, receipt_batches,
};
pub use reportd_protocol as protocol;
