//! SQLite files that others may have open: copied while they are written, checked, and asked, without a change to them;
//! and removed.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::BUSY_TIMEOUT;
use super::failure::classify;
use super::session::Prepared;
use crate::tx::Session;
use crate::{DbError, Row, Value};

/// Pages that a copy takes at once, between two calls of its watch.
const PAGES_AT_ONCE: i32 = 1_024;
/// How long a copy waits where the source is locked.
const LOCKED_PAUSE: Duration = Duration::from_millis(20);

/// Copies the store at `from` to a new file at `to`, as it stands when the copy begins: a transaction that is committed
/// meanwhile, by whichever process, is not in it. Writers are not held up. After each portion `watch` is told how many
/// bytes were copied; where it says false, the copy ends with an error.
///
/// # Errors
/// [`DbError::Unavailable`] where `from` cannot be opened, `to` cannot be written, or `watch` said false; what is left
/// of `to` is no store then.
pub fn copy(from: &Path, to: &Path, watch: &mut dyn FnMut(u64) -> bool) -> Result<(), DbError> {
    let source = open_as_it_is(from)?;
    let mut target = Connection::open(to).map_err(classify)?;
    // What a crash leaves of a copy is thrown away: it needs no journal of its own, and no sync.
    for (name, value) in [("journal_mode", "off"), ("synchronous", "off")] {
        target.pragma_update(None, name, value).map_err(classify)?;
    }
    // This transaction holds one state of the source: without it the copy would begin again with each commit.
    source.execute_batch("BEGIN").map_err(classify)?;
    let page_bytes: u64 = source
        .query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0))
        .map_err(classify)?
        .into();
    source
        .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(classify)?;
    let backup = Backup::new(&source, &mut target).map_err(classify)?;
    let mut copied = 0;
    loop {
        let step = backup.step(PAGES_AT_ONCE).map_err(classify)?;
        let progress = backup.progress();
        let done = u64::try_from(progress.pagecount - progress.remaining).unwrap_or(0);
        let now = done * page_bytes;
        if !watch(now.saturating_sub(copied)) {
            return Err(DbError::Unavailable("the copy was stopped".to_owned()));
        }
        copied = now;
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(LOCKED_PAUSE),
        }
    }
    drop(backup);
    target.close().map_err(|(_, error)| classify(error))
}

/// Removes the store at `path` with its log, where there is one. Who has it open keeps both for themselves.
///
/// # Errors
/// What the system said; it names the file that cannot be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    // The log goes first: without its file it would be nobody's.
    for suffix in ["-wal", "-shm", ""] {
        let mut part = path.as_os_str().to_owned();
        part.push(suffix);
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let part = Path::new(&part).display();
                let told = format!("{part} cannot be removed: {error}");
                return Err(io::Error::new(error.kind(), told));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks that the store at `path` is whole: its pages, and that they belong together.
///
/// # Errors
/// [`DbError::Corrupt`] with what was found.
pub fn check(path: &Path) -> Result<(), DbError> {
    let connection = open_as_it_is(path)?;
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(classify)?;
    if found == "ok" {
        Ok(())
    } else {
        Err(DbError::Corrupt(found))
    }
}

/// Runs one query on the store at `path`, which is not made, brought up to date or changed in any way.
pub fn query(path: &Path, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
    Prepared::new(open_as_it_is(path)?).query(sql, values)
}

/// True where the store at `path` has a table of that name.
pub fn has_table(path: &Path, name: &str) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1";
    Ok(!query(path, sql, &[name.into()])?.is_empty())
}

/// Opens for reading what is there. The file is opened to be written all the same: a reader of a write-ahead log must
/// take its locks.
fn open_as_it_is(path: &Path) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(classify)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
    connection
        .pragma_update(None, "query_only", "on")
        .map_err(classify)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::super::{Options, open};
    use super::*;

    #[test]
    fn a_removed_store_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let db = open(Options::durable(&path)).unwrap();
        db.execute("CREATE TABLE a (k BIGINT)", &[]).unwrap();
        assert!(std::fs::read_dir(folder.path()).unwrap().count() > 1);
        remove(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        remove(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let told = remove(&path).unwrap_err().to_string();
        assert!(told.contains("a.db cannot be removed"), "{told}");
    }

    #[test]
    fn a_copy_is_one_state_of_a_store_that_is_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
        let db = open(Options {
            durability: super::super::Durability::Normal,
            ..Options::durable(&from)
        })
        .unwrap();
        db.write(|tx| {
            tx.execute("CREATE TABLE a (k BIGINT, t TEXT)", &[])?;
            tx.execute("CREATE TABLE b (k BIGINT, t TEXT)", &[])
        })
        .unwrap();
        let text = "x".repeat(2_000);
        let add = |count: i64| {
            for k in 0..count {
                db.write(|tx| {
                    tx.execute("INSERT INTO a VALUES ($1, $2)", &[k.into(), (&text).into()])?;
                    tx.execute("INSERT INTO b VALUES ($1, $2)", &[k.into(), (&text).into()])
                })
                .unwrap();
            }
        };
        add(3_000);
        let mut steps = 0;
        copy(&from, &to, &mut |_| {
            steps += 1;
            add(3);
            true
        })
        .unwrap();
        assert!(steps > 2, "{steps}");
        check(&to).unwrap();
        for table in ["a", "b"] {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(query(&to, &sql, &[]).unwrap()[0].int(0), Ok(3_000));
        }
        assert!(has_table(&to, "a").unwrap() && !has_table(&to, "c").unwrap());
        assert!(query(&to, "DELETE FROM a", &[]).is_err(), "it only reads");

        let stopped = copy(&from, &folder.path().join("other.db"), &mut |_| false);
        assert!(matches!(stopped, Err(DbError::Unavailable(_))));
        let missing = copy(&folder.path().join("no.db"), &to, &mut |_| true);
        assert!(matches!(missing, Err(DbError::Unavailable(_))));
        assert!(!folder.path().join("no.db").exists());
        std::fs::write(&to, "no store").unwrap();
        assert!(check(&to).is_err());
    }
}
