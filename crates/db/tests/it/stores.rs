//! The stores that every test of this room runs on.

use std::cell::Cell;
use std::thread::sleep;
use std::time::Duration;

use reportd_db::{Database, postgres, sqlite};
use reportd_testbed::{TestDatabase, fresh_database};

/// Where stores are made: it goes when it is dropped.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
    database: TestDatabase,
    /// Stores made so far; a test that makes many has each in a schema of its own: databases cost more.
    made: Cell<usize>,
}

/// A store of one kind.
pub(crate) struct Store {
    pub(crate) name: &'static str,
    pub(crate) db: Database,
}

/// An empty ground.
pub(crate) fn ground() -> Ground {
    Ground {
        folder: tempfile::tempdir().unwrap(),
        database: fresh_database(),
        made: Cell::new(0),
    }
}

impl Ground {
    /// Opens the last store on PostgreSQL once more, as another node does.
    pub(crate) fn open_again(&self) -> Database {
        postgres::open(self.options()).unwrap()
    }

    fn options(&self) -> postgres::Options {
        let mut options = postgres::Options::new(&self.database.url);
        options.schema = Some(format!("store_{}", self.made.get()));
        options.asking = 2;
        options
    }

    /// One empty store of each kind.
    pub(crate) fn stores(&self) -> [Store; 2] {
        self.made.set(self.made.get() + 1);
        let file = self.folder.path().join(self.made.get().to_string());
        [
            Store {
                name: "sqlite",
                db: sqlite::open(sqlite::Options::durable(file)).unwrap(),
            },
            Store {
                name: "postgres",
                db: postgres::open(self.options()).unwrap(),
            },
        ]
    }
}

/// Asks until it holds; panics where it does not in half a minute.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("{what}: not in half a minute");
}
