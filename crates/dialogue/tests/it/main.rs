//! The whole room in one process, with a clock that the tests set: requests in, replies out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod callback;
mod callback_ill;
mod callback_tls;
mod claims;
mod errors;
mod events;
mod field;
mod guard;
mod history;
mod intake;
mod monitor;
mod persons;
mod places;
mod receivers;
mod retention;
mod roles;
mod settings;
mod superseded;
mod verdicts;
mod world;
