//! The kinds of store that there are, for tests that run on each.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reportd_db::{Database, postgres, sqlite};
use tempfile::TempDir;

use crate::{TestDatabase, fresh_database};

/// A kind of store. A test that reads `#[values(Embedded, Postgres)] kind: StoreKind` runs on both, and its name says on
/// which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// SQLite files in a folder.
    Embedded,
    /// A database on the PostgreSQL server that the environment names.
    Postgres,
}

/// A place for the stores of one test: a folder and, for PostgreSQL, a database. Both go when it is dropped.
pub struct Ground {
    folder: TempDir,
    database: Option<Arc<SharedDatabase>>,
    /// Which of the grounds on its database this is.
    number: usize,
}

struct SharedDatabase {
    database: TestDatabase,
    grounds: AtomicUsize,
}

impl Ground {
    /// An empty one.
    ///
    /// # Panics
    /// Where none can be made, as [`fresh_database`] does: nothing is skipped.
    #[must_use]
    pub fn new(kind: StoreKind) -> Self {
        let make = || SharedDatabase {
            database: fresh_database(),
            grounds: AtomicUsize::new(1),
        };
        Self {
            folder: folder(),
            database: (kind == StoreKind::Postgres).then(|| Arc::new(make())),
            number: 0,
        }
    }

    /// Another empty one, which shares the database and nothing in it: to make a database takes long.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn another(&self) -> Self {
        let count = |shared: &Arc<SharedDatabase>| shared.grounds.fetch_add(1, Ordering::Relaxed);
        Self {
            folder: folder(),
            database: self.database.clone(),
            number: self.database.as_ref().map_or(0, count),
        }
    }

    /// The folder: files that are files with either kind are here too.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of the database; `None` where the stores are files.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.database
            .as_ref()
            .map(|shared| shared.database.url.as_str())
    }

    /// Opens the store of a name, which is made where it is missing: a file, or a schema. Opened twice it is the same, as
    /// another node sees it.
    ///
    /// # Panics
    /// Where it cannot be opened.
    #[must_use]
    pub fn open(&self, name: &str) -> Database {
        let opened = match &self.database {
            Some(shared) => postgres::open(postgres::Options {
                schema: Some(self.schema(name)),
                connections: CONNECTIONS,
                ..postgres::Options::new(&shared.database.url)
            }),
            None => {
                let file = self.folder.path().join(format!("{name}.db"));
                sqlite::open(sqlite::Options {
                    // No test of these cuts the power, and a disk that others use makes each sync slow.
                    durability: sqlite::Durability::Normal,
                    ..sqlite::Options::durable(file)
                })
            }
        };
        match opened {
            Ok(db) => db,
            Err(error) => panic!("the store «{name}» cannot be opened: {error}"),
        }
    }

    fn schema(&self, name: &str) -> String {
        match self.number {
            0 => name.to_owned(),
            number => format!("{name}_on_{number}"),
        }
    }
}

fn folder() -> TempDir {
    match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => panic!("no temporary folder can be made: {error}"),
    }
}

/// Tests run side by side on one server, which has not many.
const CONNECTIONS: usize = 4;
