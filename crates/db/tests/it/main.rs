//! The seam on both databases.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod ask;
mod brief;
mod desk;
mod meet;
mod model;
mod postgres;
mod schema;
mod stores;
