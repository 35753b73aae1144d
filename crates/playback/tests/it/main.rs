//! The whole room in one process, with a clock that the tests set: requests in, replies out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod errors;
mod forms;
mod nodes;
mod pause;
mod secrets;
mod sites;
mod tokens;
mod world;
