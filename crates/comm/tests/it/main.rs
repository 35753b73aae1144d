//! The whole room in one process, with a clock that the tests set: requests in, figures out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod figures;
mod fold;
mod raw;
mod registry;
mod rejections;
mod window;
mod world;
