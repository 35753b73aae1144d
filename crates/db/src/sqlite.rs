//! The SQLite driver: one writer connection, a few readers, write-ahead log.

pub mod files;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};

use crate::database::{Driver, Query, Reader, Session};
use crate::migrate::Dialect;
use crate::pool::{Link, Pool, Taken, Use};
use crate::table::TableSql;
use crate::value::Cell;
use crate::{Database, DbError, Row, Table, Tx, Value};

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
/// Spelled texts kept per connection: lists of many lengths make many texts that are never used again.
const MOST_SPELLED: usize = 256;

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

/// A connection and the statements it has spelled for SQLite.
struct Prepared {
    connection: Connection,
    /// Statement text with `$n` → the text with `?n`: rusqlite binds `$n` names by order of appearance, not by number.
    spelled: HashMap<String, String>,
    /// The statements of the tables that were written, spelled.
    tables: HashMap<Table, Arc<TableSql>>,
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

impl Link for Prepared {
    /// One that is still in a transaction, because its rollback failed, is not used again.
    fn is_reusable(&self) -> bool {
        self.connection.is_autocommit()
    }
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

fn transact(
    on: &mut Prepared,
    begin: &str,
    work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let mut open = OpenTransaction::begin(on, begin)?;
    work(&mut Tx::new(open.on))?;
    open.commit()
}

/// A transaction that rolls back when it is dropped before its commit.
struct OpenTransaction<'a> {
    on: &'a mut Prepared,
    done: bool,
}

impl<'a> OpenTransaction<'a> {
    fn begin(on: &'a mut Prepared, begin: &str) -> Result<Self, DbError> {
        on.execute(begin, &[])?;
        Ok(Self { on, done: false })
    }

    fn commit(&mut self) -> Result<(), DbError> {
        self.on.check_open()?;
        self.on.execute("COMMIT", &[])?;
        self.done = true;
        Ok(())
    }
}

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if !self.done && !self.on.connection.is_autocommit() {
            // Where even the rollback fails the connection is not used again: see `with_writer` and the pool.
            let _ = self.on.execute("ROLLBACK", &[]);
        }
    }
}

impl Prepared {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            spelled: HashMap::new(),
            tables: HashMap::new(),
        }
    }

    fn with_statement<T>(
        &mut self,
        sql: &str,
        run: impl FnOnce(&mut rusqlite::Statement<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, DbError> {
        if !self.spelled.contains_key(sql) {
            if self.spelled.len() >= MOST_SPELLED {
                self.spelled.clear();
            }
            self.spelled.insert(sql.to_owned(), spell(sql));
        }
        let spelled = self.spelled.get(sql).map_or(sql, String::as_str);
        let mut statement = self.connection.prepare_cached(spelled).map_err(classify)?;
        run(&mut statement).map_err(classify)
    }

    /// Where the disk is full SQLite may roll the whole transaction back by itself: what came after would be one of its own.
    fn check_open(&self) -> Result<(), DbError> {
        if self.connection.is_autocommit() {
            let text = "the transaction was rolled back";
            return Err(DbError::Unavailable(text.to_owned()));
        }
        Ok(())
    }

    fn table_sql(&mut self, table: &Table) -> Result<Arc<TableSql>, DbError> {
        if let Some(sql) = self.tables.get(table) {
            return Ok(Arc::clone(sql));
        }
        let places: Vec<_> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
        let source = format!("VALUES ({})", places.join(", "));
        let mut sql = TableSql::new(table, &source)?;
        sql.find = spell(&sql.find);
        let sql = Arc::new(sql);
        self.tables.insert(*table, Arc::clone(&sql));
        Ok(sql)
    }

    /// Runs a spelled statement for each row; tells how many rows each changed.
    fn run_each<'r, 'v: 'r>(
        &self,
        spelled: &str,
        rows: impl Iterator<Item = &'r [Value<'v>]>,
        mut changed: impl FnMut(usize),
    ) -> Result<(), DbError> {
        let mut statement = self.connection.prepare_cached(spelled).map_err(classify)?;
        for row in rows {
            let count = statement
                .execute(rusqlite::params_from_iter(row))
                .map_err(classify)?;
            changed(count);
        }
        Ok(())
    }
}

fn spell(sql: &str) -> String {
    sql.replace('$', "?")
}

impl Session for Prepared {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError> {
        self.with_statement(sql, |statement| {
            statement.execute(rusqlite::params_from_iter(values))
        })
        .map(|changed| changed as u64)
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        self.with_statement(sql, |statement| {
            let mut found = Vec::new();
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                found.push(read_row(row)?);
            }
            Ok(found)
        })
    }

    fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        let queries = queries.iter();
        queries
            .map(|(sql, values)| self.query(sql, values))
            .collect()
    }

    fn upsert(&mut self, table: &Table, values: &[Value<'_>]) -> Result<(), DbError> {
        let sql = self.table_sql(table)?;
        let rows = values.chunks_exact(table.columns.len());
        self.run_each(&sql.upsert, rows, |_| {})
    }

    fn insert_new(&mut self, table: &Table, values: &[Value<'_>]) -> Result<Vec<bool>, DbError> {
        let sql = self.table_sql(table)?;
        let rows = values.chunks_exact(table.columns.len());
        let mut is_new = Vec::with_capacity(rows.len());
        self.run_each(&sql.insert_new, rows.clone(), |changed| {
            is_new.push(changed == 1);
        })?;
        if let Some(merge) = &sql.merge_bounds {
            let copies = rows.zip(&is_new).filter(|(_, is_new)| !**is_new);
            self.run_each(merge, copies.map(|(row, _)| row), |_| {})?;
        }
        Ok(is_new)
    }

    /// A writer is the only one: there is nothing to lock.
    fn find(
        &mut self,
        table: &Table,
        keys: &[Value<'_>],
        _lock: bool,
    ) -> Result<Vec<Option<Row>>, DbError> {
        let sql = self.table_sql(table)?;
        let mut statement = self
            .connection
            .prepare_cached(&sql.find)
            .map_err(classify)?;
        let keys = keys.chunks_exact(table.key_width());
        keys.map(|key| {
            let mut rows = statement
                .query(rusqlite::params_from_iter(key))
                .map_err(classify)?;
            let row = rows.next().map_err(classify)?;
            row.map(read_row).transpose().map_err(classify)
        })
        .collect()
    }

    /// Nothing to do: `AUTOINCREMENT` numbers behind the greatest that was ever written.
    fn number_behind(&mut self, _table: &str) -> Result<(), DbError> {
        Ok(())
    }

    fn mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.check_open()?;
        self.execute(&format!("SAVEPOINT mark_{depth}"), &[])?;
        Ok(())
    }

    fn keep_mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.check_open()?;
        self.execute(&format!("RELEASE mark_{depth}"), &[])?;
        Ok(())
    }

    fn back_to_mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.check_open()?;
        self.execute(&format!("ROLLBACK TO mark_{depth}"), &[])?;
        self.keep_mark(depth)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Texts(texts) => return json(texts),
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// A list of texts, as `json_each` takes it.
fn json(texts: &[String]) -> rusqlite::Result<ToSqlOutput<'static>> {
    let json = serde_json::to_string(texts);
    let json = json.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(json.into())
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let count = row.as_ref().column_count();
    // Collecting results would not know how many come, and grow twice: it showed where a read has thousands of rows.
    let mut cells = Vec::with_capacity(count);
    for index in 0..count {
        cells.push(cell(row.get_ref(index)?));
    }
    Ok(Row { cells })
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        // No column is declared as a float; a sum that overflowed into one is cut to an integer's end.
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as said above")]
        ValueRef::Real(value) => Cell::Int(value as i64),
        ValueRef::Text(value) => Cell::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Cell::Bytes(value.to_vec()),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the argument of map_err"
)]
fn classify(error: rusqlite::Error) -> DbError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => DbError::Unavailable(text),
        Some(ErrorCode::ConstraintViolation) => DbError::Conflict(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => DbError::Corrupt(text),
        _ => DbError::Statement(text),
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

    #[test]
    fn texts_that_are_not_used_again_are_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::durable(directory.path().join("test.db"));
        let mut prepared = connect(&options, false).unwrap();
        for number in 0..3 * MOST_SPELLED {
            prepared.query(&format!("SELECT {number}"), &[]).unwrap();
        }
        assert!(prepared.spelled.len() <= MOST_SPELLED);
    }
}
