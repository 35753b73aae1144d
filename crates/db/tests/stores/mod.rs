//! The stores that every test of this room runs on.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its store cannot be made"
)]

use reportd_db::{Database, sqlite};

/// A store that goes when it is dropped.
pub(crate) struct Store {
    pub(crate) name: &'static str,
    pub(crate) db: Database,
    _directory: tempfile::TempDir,
}

/// One empty store of each kind.
pub(crate) fn stores() -> Vec<Store> {
    let directory = tempfile::tempdir().unwrap();
    let db = sqlite::open(sqlite::Options::durable(directory.path().join("test.db"))).unwrap();
    vec![Store {
        name: "sqlite",
        db,
        _directory: directory,
    }]
}
