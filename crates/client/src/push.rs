//! The clients of the push reports: [`PushClient`] reads them, [`PushFeedClient`] feeds them.

mod address;
mod batches;
mod client;
mod feed;
mod feed_reply;
mod reply;
mod settings;
mod token;

pub use batches::{event_batches, receipt_batches};
pub use client::{GroupOptions, PushClient};
pub use feed::{PushFeedClient, PushFeedClientBuilder};
pub use settings::PushClientBuilder;

pub(crate) use address::{app_path, feed_path};
pub(crate) use feed::{EVENTS, RECEIPTS, feed_headers};
pub(crate) use feed_reply::decode_accepted;
pub(crate) use reply::{decode_auth, success_data};
pub(crate) use token::token_headers;
