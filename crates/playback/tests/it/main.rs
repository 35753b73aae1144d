//! The whole room in one process, with a clock that the tests set: requests in, replies out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod catalogue;
mod erasure;
mod errors;
mod figures;
mod forms;
mod nodes;
mod pause;
mod reading;
mod secrets;
mod sites;
mod tokens;
mod viewer;
mod world;
