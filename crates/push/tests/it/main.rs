//! The whole room in one process, with a clock that the tests set: requests in, replies out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod auth;
mod counting;
mod days;
mod errors;
mod examples;
mod feeds;
mod figures;
mod forms;
mod lines;
mod model;
mod orders;
mod places;
mod receipts;
mod settings;
mod world;
