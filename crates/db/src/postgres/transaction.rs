//! A transaction on a connection: begun with its first statement, rolled back where it is dropped.

use std::sync::Arc;

use super::DIALECT;
use super::batch::{Batch, ColumnArray, cut, tell_new};
use super::link::Link;
use super::target::Target;
use super::types::bound;
use super::wire::{Answer, Asked, Bound};
use crate::migrate::Dialect;
use crate::pool::Use;
use crate::tx::{Query, Session};
use crate::{DbError, Row, Table, Value};

/// One state of the store for all its statements.
pub(super) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

pub(super) struct Transaction<'a> {
    target: &'a Target,
    link: &'a mut Link,
    purpose: Use,
    state: State,
}

enum State {
    /// Nothing was sent yet: a transaction without a statement costs nothing.
    New,
    Open,
    /// A statement failed. The server takes no further one, and answers COMMIT with a rollback that looks well.
    Failed(DbError),
    Ended,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(target: &'a Target, link: &'a mut Link, purpose: Use) -> Self {
        Self {
            target,
            link,
            purpose,
            state: State::New,
        }
    }

    /// # Errors
    /// That of a statement which failed before, also where the caller went on; or that of the commit. The connection is
    /// not used again after the latter.
    pub(super) fn commit(mut self) -> Result<(), DbError> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Failed(error) => {
                // It is closed where even this fails.
                let _ = self.link.end("ROLLBACK");
                Err(error)
            }
            State::New | State::Open | State::Ended if self.purpose == Use::Read => {
                self.link.end_unheard();
                Ok(())
            }
            State::New | State::Open | State::Ended => self.link.end("COMMIT"),
        }
    }

    fn ask(&mut self, sql: &str, values: &[Bound<'_>]) -> Result<Answer, DbError> {
        let mut told = self.ask_each(&[(sql, values)])?;
        let none = || DbError::Statement("no answer".to_owned());
        told.pop().ok_or_else(none)
    }

    /// Asks what needs nothing of each other.
    fn ask_each(&mut self, asked: &[Asked<'_>]) -> Result<Vec<Answer>, DbError> {
        let told = match &self.state {
            State::Failed(error) => return Err(error.clone()),
            _ if asked.is_empty() => return Ok(Vec::new()),
            State::New => self.start(asked),
            State::Open | State::Ended => self.link.ask_each(asked),
        };
        self.state = match &told {
            Ok(_) => State::Open,
            Err(error) => State::Failed(error.clone()),
        };
        told
    }

    /// Begins, on a new connection where this one turns out to be closed: nothing was committed on it.
    fn start(&mut self, asked: &[Asked<'_>]) -> Result<Vec<Answer>, DbError> {
        let purpose = self.purpose;
        self.target.ask_again(self.link, |link| match purpose {
            Use::Read => link.begin_and_ask(BEGIN_READ, asked),
            Use::Write => {
                link.begin(BEGIN_WRITE)?;
                link.ask_each(asked)
            }
        })
    }
}

/// Batches of rows.
impl Transaction<'_> {
    fn batch(&mut self, table: &Table) -> Result<Arc<Batch>, DbError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        let told = self.link.batch(table);
        if let Err(error) = &told {
            self.state = State::Failed(error.clone());
        }
        told
    }

    /// Runs a statement over rows that are given as an array for each column.
    fn ask_over(&mut self, sql: &str, rows: &[&[Value<'_>]]) -> Result<Answer, DbError> {
        let width = rows.first().map_or(0, |row| row.len());
        let arrays: Vec<_> = (0..width)
            .map(|column| ColumnArray { rows, column })
            .collect();
        let arrays: Vec<Bound<'_>> = arrays.iter().map(|array| array as Bound<'_>).collect();
        self.ask(sql, &arrays)
    }
}

/// The rows of each of `queries`, which are asked by `ask`.
fn with_bound(
    queries: &[Query<'_>],
    ask: impl FnOnce(&[Asked<'_>]) -> Result<Vec<Answer>, DbError>,
) -> Result<Vec<Vec<Row>>, DbError> {
    let values: Vec<_> = queries.iter().map(|(_, values)| bound(values)).collect();
    let asked = queries.iter().zip(&values);
    let asked: Vec<Asked<'_>> = asked
        .map(|((sql, _), values)| (*sql, &values[..]))
        .collect();
    ask(&asked)?.into_iter().map(Answer::rows).collect()
}

impl Session for Transaction<'_> {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError> {
        Ok(self.ask(sql, &bound(values))?.changed)
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        self.ask(sql, &bound(values))?.rows()
    }

    fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        with_bound(queries, |asked| self.ask_each(asked))
    }

    fn query_apart(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        let is_new_read = self.purpose == Use::Read && matches!(self.state, State::New);
        if !is_new_read {
            return self.query_each(queries);
        }
        // Nothing is begun, so there is nothing to end.
        let told = with_bound(queries, |asked| {
            self.target
                .ask_again(self.link, |link| link.ask_each(asked))
        });
        if let Err(error) = &told {
            self.state = State::Failed(error.clone());
        }
        told
    }

    fn upsert(&mut self, table: &Table, values: &[Value<'_>]) -> Result<(), DbError> {
        let batch = self.batch(table)?;
        let rows: Vec<_> = values.chunks_exact(table.columns.len()).collect();
        for rows in cut(&rows) {
            self.ask_over(&batch.sql.upsert, rows)?;
        }
        Ok(())
    }

    fn insert_new(&mut self, table: &Table, values: &[Value<'_>]) -> Result<Vec<bool>, DbError> {
        let batch = self.batch(table)?;
        let rows: Vec<_> = values.chunks_exact(table.columns.len()).collect();
        let mut is_new = Vec::with_capacity(rows.len());
        for rows in cut(&rows) {
            let keys = self.ask_over(&batch.insert_new, rows)?.rows()?;
            tell_new(table, rows, &keys, &mut is_new)?;
        }
        // All inserts come before all merges. Were they mixed part by part, two writers whose parts begin elsewhere
        // could each hold a row that the other one waits for.
        if let Some(merge) = &batch.sql.merge_bounds {
            let known = rows.iter().zip(&is_new).filter(|(_, is_new)| !**is_new);
            let known: Vec<_> = known.map(|(row, _)| *row).collect();
            for rows in cut(&known) {
                self.ask_over(merge, rows)?;
            }
        }
        Ok(is_new)
    }

    fn find(
        &mut self,
        table: &Table,
        keys: &[Value<'_>],
        lock: bool,
    ) -> Result<Vec<Option<Row>>, DbError> {
        let batch = self.batch(table)?;
        let sql = if lock {
            &batch.find_locked
        } else {
            &batch.find
        };
        let keys: Vec<_> = keys.chunks_exact(table.key_width()).collect();
        let mut found = Vec::with_capacity(keys.len());
        for keys in cut(&keys) {
            let begin = found.len();
            found.resize(begin + keys.len(), None);
            for mut row in self.ask_over(sql, keys)?.rows()? {
                let place = usize::try_from(row.int(0)?).unwrap_or(0);
                row.cells.remove(0);
                if let Some(slot) = found.get_mut(begin + place - 1) {
                    *slot = Some(row);
                }
            }
        }
        Ok(found)
    }

    fn number_behind(&mut self, table: &str) -> Result<(), DbError> {
        let numbered = "SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass(quote_ident($1)) \
                        AND a.attidentity <> ''";
        for mut row in self.query(numbered, &[table.into()])? {
            let column = row.take_text(0)?;
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence(quote_ident($1), $2), COALESCE(MAX({column}), 0) + 1, false) FROM {table}"
            );
            self.execute(&sql, &[table.into(), (&column).into()])?;
        }
        Ok(())
    }

    fn mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.tell(&format!("SAVEPOINT mark_{depth}"))
    }

    fn keep_mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.tell(&format!("RELEASE SAVEPOINT mark_{depth}"))
    }

    fn back_to_mark(&mut self, depth: u32) -> Result<(), DbError> {
        let back = format!("ROLLBACK TO SAVEPOINT mark_{depth}; RELEASE SAVEPOINT mark_{depth}");
        self.link.tell(&back)?;
        self.state = State::Open;
        Ok(())
    }
}

/// Savepoints.
impl Transaction<'_> {
    /// Statements that begin the transaction where nothing was sent yet, and without a reply but success.
    fn tell(&mut self, statements: &str) -> Result<(), DbError> {
        let told = match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::New => self.begin_and_tell(statements),
            State::Open | State::Ended => self.link.tell(statements),
        };
        self.state = match &told {
            Ok(()) => State::Open,
            Err(error) => State::Failed(error.clone()),
        };
        told
    }

    fn begin_and_tell(&mut self, statements: &str) -> Result<(), DbError> {
        let begin = match self.purpose {
            Use::Read => BEGIN_READ,
            Use::Write => BEGIN_WRITE,
        };
        let both = format!("{begin}; {statements}");
        self.target.ask_again(self.link, |link| link.begin(&both))
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !matches!(self.state, State::Ended) {
            // A connection that is still in a transaction is closed by the pool, and that rolls back too.
            let _ = self.link.end("ROLLBACK");
        }
    }
}
