//! A real PostgreSQL for tests and measurements, and senders that are slow.
//!
//! `cargo xtask test` starts one [`Postgres`] and tells the tests where it is; each test takes a
//! `fresh_database` on it. A test that stops the server starts one of its own.

#[cfg(feature = "databases")]
mod databases;
#[cfg(feature = "databases")]
pub mod plans;
mod programs;
#[cfg(feature = "databases")]
mod run;
mod server;
#[cfg(feature = "slow-bodies")]
mod slow;
#[cfg(feature = "databases")]
mod stores;

#[cfg(feature = "databases")]
pub use databases::{TestDatabase, fresh_database, fresh_database_with};
pub use programs::find_programs;
#[cfg(feature = "databases")]
pub use run::run;
pub use server::{Options, Postgres};
#[cfg(feature = "slow-bodies")]
pub use slow::{SlowBody, send_slowly};
#[cfg(feature = "databases")]
pub use stores::{Ground, StoreKind};

/// The environment variable that tells tests the URL of a PostgreSQL on which they may make databases.
pub const URL_VARIABLE: &str = "TEST_POSTGRES_URL";
