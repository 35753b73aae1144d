//! The stores that every test of this room runs on.

use reportd_db::{Database, sqlite};

/// A store that goes when it is dropped.
pub struct Store {
    pub name: &'static str,
    pub db: Database,
    _directory: tempfile::TempDir,
}

/// One empty store of each kind.
pub fn stores() -> Vec<Store> {
    let directory = tempfile::tempdir().unwrap();
    let db = sqlite::open(sqlite::Options::durable(directory.path().join("test.db"))).unwrap();
    vec![Store {
        name: "sqlite",
        db,
        _directory: directory,
    }]
}
