//! The SQLite driver: one writer connection, a few readers, write-ahead log.

mod failure;
pub mod files;
mod session;
mod types;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::database::{Driver, Reader};
use crate::migrate::Dialect;
use crate::pool::{Link, Pool, Taken, Use};
use crate::tx::Session;
use crate::{Database, DbError, Tx, Value};
use failure::classify;
use session::{Prepared, transact};

const DIALECT: Dialect = Dialect {
    bytes: "BLOB",
    text: "TEXT",
    serial: "INTEGER PRIMARY KEY AUTOINCREMENT",
    clustered: "WITHOUT ROWID",
    take_turns: None,
    texts: ["(SELECT value AS text FROM json_each(", "))"],
    tables: "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name",
    columns: "SELECT name FROM pragma_table_info($1) ORDER BY cid",
    key: "SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk",
};
/// How long a call waits for another process or thread that holds the lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENT_CACHE: usize = 128;

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk: the log is synced before a commit returns.
    Full,
    /// When it is in the log: a power cut may take the last commits, and never leaves half of one.
    Normal,
}

/// How a SQLite file is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file; it is made where it is missing.
    pub path: PathBuf,
    /// When a commit counts as done.
    pub durability: Durability,
    /// Most connections that read at once; further readers wait.
    pub readers: usize,
    /// Size of the log, in bytes, at which a commit moves it into the main file.
    pub checkpoint_bytes: u64,
    /// Size of the page cache of the writer, in bytes. Readers have an eighth of it each.
    pub cache_bytes: u64,
}

impl Options {
    /// A file with few writes, each durable when it returns.
    #[must_use]
    pub fn durable(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Full,
            readers: 4,
            checkpoint_bytes: 4 << 20,
            cache_bytes: 8 << 20,
        }
    }
}

/// Opens the file, with its write-ahead log.
///
/// # Errors
/// [`DbError::Unavailable`] where the file cannot be opened or made; [`DbError::Corrupt`] where it is no database.
pub fn open(options: Options) -> Result<Database, DbError> {
    Ok(Database::new(Sqlite::open(options)?))
}

struct Sqlite {
    /// None where the last one could not be used on and a new one could not be opened yet.
    writer: Mutex<Option<Prepared>>,
    readers: Pool<Prepared>,
    options: Options,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction has rolled it back when the guard was dropped, so the connection can be used on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(options: &Options, reader: bool) -> Result<Prepared, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags).map_err(classify)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // One plan a statement, whatever is bound: what plan tests see is what runs. Without it SQLite parses a statement anew
    // each time that its LIMIT is bound.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(classify)?;
    let pragma = |name: &str, value: &str| {
        connection
            .pragma_update(None, name, value)
            .map_err(classify)
    };
    if reader {
        pragma("query_only", "on")?;
    } else {
        pragma("journal_mode", "wal")?;
        pragma(
            "synchronous",
            if options.durability == Durability::Full {
                "full"
            } else {
                "normal"
            },
        )?;
        pragma(
            "wal_autocheckpoint",
            &(options.checkpoint_bytes / 4096).to_string(),
        )?;
        pragma("journal_size_limit", &options.checkpoint_bytes.to_string())?;
    }
    let cache = options.cache_bytes / if reader { 8 } else { 1 };
    pragma("cache_size", &format!("-{}", cache / 1024))?;
    pragma("temp_store", "memory")?;
    Ok(Prepared::new(connection))
}

impl Sqlite {
    fn open(options: Options) -> Result<Self, DbError> {
        Ok(Self {
            writer: Mutex::new(Some(connect(&options, false)?)),
            readers: Pool::new(options.readers, options.readers),
            options,
        })
    }

    /// Runs `work` on the writer. One that is still in a transaction, because its rollback failed, is closed first and
    /// a new one opened.
    fn with_writer<T>(
        &self,
        work: impl FnOnce(&mut Prepared) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let mut writer = lock(&self.writer);
        let usable = writer.take().filter(Link::is_reusable);
        let usable = usable.map_or_else(|| connect(&self.options, false), Ok)?;
        work(writer.insert(usable))
    }
}

impl Driver for Sqlite {
    fn read(
        &self,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let connect = || connect(&self.options, true);
        self.readers.take(Use::Read, connect)?.read(work)
    }

    fn near_reader(&self) -> Option<Box<dyn Reader + '_>> {
        let taken = self.readers.take_idle_reader()?;
        Some(Box::new(taken))
    }

    fn write(
        &self,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        self.with_writer(|writer| transact(writer, "BEGIN IMMEDIATE", work))
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError> {
        self.with_writer(|writer| writer.execute(sql, values))
    }

    fn checkpoint(&self) -> Result<(), DbError> {
        self.with_writer(|writer| {
            writer
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .map_err(classify)
        })
    }

    fn disk_bytes(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let mut log = self.options.path.clone().into_os_string();
        log.push("-wal");
        size(&self.options.path) + size(Path::new(&log))
    }

    fn qualifier(&self) -> Result<String, DbError> {
        Ok(String::new())
    }
}

impl Reader for Taken<'_, Prepared> {
    fn read(
        &mut self,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        transact(self.link()?, "BEGIN", work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_stuck_in_a_transaction_is_not_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::durable(directory.path().join("test.db"));
        let sqlite = Sqlite::open(options).unwrap();
        let begin = |on: &mut Prepared| on.execute("BEGIN IMMEDIATE", &[]);
        begin(lock(&sqlite.writer).as_mut().unwrap()).unwrap();
        let connect = || connect(&sqlite.options, true);
        let mut reader = sqlite.readers.take(Use::Read, connect).unwrap();
        reader.link().unwrap().execute("BEGIN", &[]).unwrap();
        drop(reader);
        assert_eq!(sqlite.readers.counts(), (0, 0));
        let db = Database::new(sqlite);
        db.write(|tx| tx.execute("CREATE TABLE t (k BIGINT)", &[]))
            .unwrap();
        let count = db.read(|tx| tx.query_int("SELECT COUNT(*) FROM t", &[]));
        assert_eq!(count, Ok(0));
    }
}
