//! The database seam: the only room that names a database crate.
//!
//! A [`Database`] runs blocking closures in one transaction each. SQL is written once, with `$1` placeholders and the
//! portable types of [`migrate`]; rows that fold together ([`Table`]) are written by policy, in key order, so that two
//! writers never wait for each other in a circle. What differs between dialects stands in the drivers ([`sqlite`], [`postgres`]).
//!
//! Closures block. Async callers go through [`Database::ask`], for which a server makes no thread wait,
//! [`Database::read_async`], [`Database::read_briefly`], [`Database::write_async`], [`on_this_thread`] and
//! [`off_async_threads`]; those that write often and little through a [`Desk`], where writes share a commit.

mod blocking;
pub mod copy;
mod database;
mod desk;
mod error;
pub mod migrate;
mod pool;
pub mod postgres;
mod question;
pub mod sqlite;
mod table;
mod tx;
mod value;

pub use blocking::{off_async_threads, on_this_thread};
pub use database::Database;
pub use desk::{Desk, DeskCounts, DeskOptions};
pub use error::DbError;
pub use table::{Column, Merge, Table};
pub use tx::{Query, Tx};
pub use value::{Cell, Row, Value};
