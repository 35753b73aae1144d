//! The room in one process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod callback;
mod field;
mod guard;
mod receivers;
