//! The whole room in one process, with a clock that the tests set: requests in, replies out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod claims;
mod errors;
mod history;
mod intake;
mod settings;
mod verdicts;
mod world;
