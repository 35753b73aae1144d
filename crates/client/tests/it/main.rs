//! The clients against a server that misbehaves on demand.
#![expect(clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod comm;
mod connection;
mod dialogue;
mod dialogue_callbacks;
mod playback;
mod playback_heartbeats;
mod push;
mod push_feed;
mod push_token;
mod server;
