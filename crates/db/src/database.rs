//! A database of either kind, and a transaction on it.

use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;

use crate::blocking::{guarded, off_async_threads, on_this_thread};
use crate::migrate::Dialect;
use crate::question::{Prompter, Question};
use crate::{DbError, Row, Table, Value};

/// What a driver gives: transactions to read and to write.
pub(crate) trait Driver: Send + Sync {
    /// Runs `work` in one read transaction: it sees one state of the store.
    fn read(&self, work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>)
    -> Result<(), DbError>;
    /// A connection to read from that is open and free now, where a few rows are read sooner than a thread is woken.
    fn near_reader(&self) -> Option<Box<dyn Reader + '_>> {
        None
    }
    /// Where a question is asked without a thread that waits for the answer, if the store has connections for that.
    fn asker(&self) -> Option<&dyn Asker> {
        None
    }
    /// Runs `work` in one write transaction and commits, or rolls back where `work` fails.
    fn write(
        &self,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError>;
    /// Runs one statement as a transaction of its own.
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError>;
    /// Moves what is logged into the main file, so that the next start is quick.
    fn checkpoint(&self) -> Result<(), DbError>;
    /// Bytes that the store takes on disk.
    fn disk_bytes(&self) -> u64;
    /// What stands before the names of this store's tables where another store of the same database reads them.
    fn qualifier(&self) -> Result<String, DbError>;
}

/// A connection that was taken to read from.
pub(crate) trait Reader {
    /// As [`Driver::read`].
    fn read(
        &mut self,
        work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError>;
}

/// What answers a question while the caller's task waits.
pub(crate) trait Asker: Sync {
    fn dialect(&self) -> Dialect;
    /// The rows of each query.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Vec<Vec<Row>>, DbError>>;
}

/// Queries that a read by one question may ask together: they are surely sent in their order.
const MOST_TOGETHER: usize = 20;

/// A query: its text, and its values.
pub type Query<'a> = (&'a str, &'a [Value<'a>]);

/// One open transaction, as a driver offers it.
pub(crate) trait Session {
    fn dialect(&self) -> Dialect;
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError>;
    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError>;
    /// Runs queries that need nothing of each other, and tells the rows of each.
    fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError>;
    /// Runs queries, one after the other, in a read transaction of which nothing else is asked: each may see a later state of
    /// the store than the one before it.
    fn query_apart(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        self.query_each(queries)
    }
    /// Merges rows into `table` by its policies. `values` holds one row after the other, in key order, no key twice.
    fn upsert(&mut self, table: &Table, values: &[Value<'_>]) -> Result<(), DbError>;
    /// Inserts the rows whose key is new, merges the bounds of the others, and tells for each row whether it was new.
    /// `values` is as for [`Self::upsert`].
    fn insert_new(&mut self, table: &Table, values: &[Value<'_>]) -> Result<Vec<bool>, DbError>;
    /// The rows of `keys`, which hold one key after the other, in key order, none twice: for each what stands beside the
    /// key, or nothing where there is no row. With `lock` no other transaction changes them until this one ends.
    fn find(
        &mut self,
        table: &Table,
        keys: &[Value<'_>],
        lock: bool,
    ) -> Result<Vec<Option<Row>>, DbError>;
    /// Puts the numbers that the database gives to new rows of `table` behind those that are there.
    fn number_behind(&mut self, table: &str) -> Result<(), DbError>;
    /// Sets the savepoint of this depth.
    fn mark(&mut self, depth: u32) -> Result<(), DbError>;
    /// Keeps what was done since the savepoint of this depth, as far as the transaction is.
    fn keep_mark(&mut self, depth: u32) -> Result<(), DbError>;
    /// Undoes what was done since the savepoint of this depth; a transaction in which a statement failed goes on.
    fn back_to_mark(&mut self, depth: u32) -> Result<(), DbError>;
}

/// A handle to a store; clones share it.
#[derive(Clone)]
pub struct Database {
    /// Held only to look which driver it is: a call that runs keeps the driver that it began on.
    driver: Arc<RwLock<Arc<dyn Driver>>>,
}

impl Database {
    pub(crate) fn new(driver: impl Driver + 'static) -> Self {
        Self {
            driver: Arc::new(RwLock::new(Arc::new(driver))),
        }
    }

    fn driver(&self) -> Arc<dyn Driver> {
        Arc::clone(&self.driver.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the store behind `with` in the place of this one, for all clones of this handle. Calls that run end on the
    /// old store, which is closed after the last of them.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a handle that was swapped in is not used on its own any more"
    )]
    pub fn replace(&self, with: Self) {
        let with = with.driver();
        let mut driver = self.driver.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *driver, with);
        // Closing it may take a while: not under the lock.
        drop(driver);
        drop(old);
    }

    /// Runs `work` in a read transaction. Blocks: see [`Self::read_async`].
    pub fn read<T>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.try_read(work)
    }

    /// [`Self::read`] with an error type of the caller's.
    pub fn try_read<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        once(work, |run| self.driver().read(run))
    }

    /// [`Self::read`] that also runs a query without values, `along`: it goes along with the first query of `work`, in the
    /// same round trip, and sees the same state of the store. Returns its rows beside what `work` says.
    pub fn read_along<T>(
        &self,
        along: &str,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, DbError>,
    ) -> Result<(Vec<Row>, T), DbError> {
        self.read(|tx| tx.with_along(along, work))
    }

    /// Runs `work` in a write transaction that is durable, as the store was opened, when this returns `Ok`.
    /// Where `work` fails nothing of it stays. Blocks: see [`Self::write_async`].
    pub fn write<T>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.try_write(work)
    }

    /// [`Self::write`] with an error type of the caller's.
    pub fn try_write<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        once(work, |run| self.driver().write(run))
    }

    /// [`Self::try_read`] for async callers, by [`on_this_thread`].
    pub async fn read_async<T: Send + 'static, E: From<DbError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let db = self.clone();
        on_this_thread(move || db.try_read(work)).await
    }

    /// Reads by one question: `work` asks once, by [`Tx::query`] or [`Tx::query_each`] or what is made of them, and nothing
    /// else; to ask again is an error. A server has less to do for that, which for one query neither begins nor ends a
    /// transaction, and no thread waits for it: `work` runs twice, first to hear what it asks, then with the answer. It must
    /// ask the same both times.
    pub async fn ask<T: Send + 'static, E: From<DbError> + Send + 'static>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let driver = self.driver();
        let Some(asker) = driver.asker() else {
            // A store that is replaced meanwhile must not be closed on this thread.
            drop(driver);
            return self.read_async(move |tx| tx.only_ask(&work)).await;
        };
        let question = {
            let mut prompter = Prompter::hearing(asker.dialect());
            let told = guarded(|| Tx::new(&mut prompter).only_ask(&work));
            match prompter.heard() {
                Some(question) => question,
                None => return told,
            }
        };
        let answer = asker.ask(&question).await?;
        let mut prompter = Prompter::telling(asker.dialect(), question, answer);
        guarded(|| Tx::new(&mut prompter).only_ask(&work))
    }

    /// [`Self::ask`] that also runs a query without values, `along`, in the same round trip: it sees the state that `work`
    /// sees, or an earlier one. Returns its rows beside what `work` says.
    pub async fn ask_along<T: Send + 'static>(
        &self,
        along: String,
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<(Vec<Row>, T), DbError> {
        self.ask(move |tx| tx.with_along(&along, &work)).await
    }

    /// [`Self::read_async`] of a few rows by their keys. In a file that is done sooner than this thread could hand its other
    /// tasks to another one, so it does not: they wait. Where all readers are busy it is read as any other.
    pub async fn read_briefly<T: Send + 'static, E: From<DbError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        {
            let driver = self.driver();
            if let Some(mut reader) = driver.near_reader() {
                return guarded(|| once(work, |run| reader.read(run)));
            }
        }
        self.read_async(work).await
    }

    /// [`Self::try_write`] off the async threads.
    pub async fn write_async<T: Send + 'static, E: From<DbError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let db = self.clone();
        off_async_threads(move || db.try_write(work)).await
    }

    /// Runs one statement as a write transaction of its own; returns the number of rows it changed. It costs one round
    /// trip, where [`Self::write`] takes three. Where it fails as unavailable it may have been done nevertheless.
    pub fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError> {
        self.driver().execute(sql, values)
    }

    /// Runs one query as a read of its own, and returns all its rows: bound it with LIMIT. A server has less to do for it
    /// than for [`Self::read`], which begins and ends: for what is asked again and again. Blocks.
    pub fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        self.read(|tx| tx.only_ask(|tx| tx.query(sql, values)))
    }

    /// What stands before the names of this store's tables where another store of the same database reads them: nothing
    /// where a store is a file.
    pub fn qualifier(&self) -> Result<String, DbError> {
        self.driver().qualifier()
    }

    /// Moves what is logged into the main file.
    pub fn checkpoint(&self) -> Result<(), DbError> {
        self.driver().checkpoint()
    }

    /// Bytes that the store takes on disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.driver().disk_bytes()
    }
}

/// Carries a closure that runs once, and its result, over the object-safe [`Driver`] calls.
fn once<T, E: From<DbError>>(
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    run: impl FnOnce(&mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>) -> Result<(), DbError>,
) -> Result<T, E> {
    let (mut work, mut told) = (Some(work), None);
    let ended = run(&mut |tx| {
        let work = work.take().ok_or_else(|| not_once("ran twice"))?;
        let is_kept = told.insert(work(tx)).is_ok();
        is_kept.then_some(()).ok_or_else(|| not_once("was undone"))
    });
    match told {
        Some(Ok(value)) => ended.map(|()| value).map_err(E::from),
        Some(failed) => failed,
        None => Err(ended
            .err()
            .unwrap_or_else(|| not_once("did not run"))
            .into()),
    }
}

fn not_once(what: &str) -> DbError {
    DbError::Statement(format!("a transaction {what}"))
}

/// A transaction.
pub struct Tx<'a> {
    session: &'a mut dyn Session,
    /// Savepoints that are open.
    depth: u32,
    along: Option<Along>,
    rounds: Rounds,
}

/// How often a transaction asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounds {
    Any,
    /// Once, as was promised.
    One,
    /// It has asked, and does not again.
    None,
}

/// A query that goes along with another.
enum Along {
    /// With the next one.
    Asked(String),
    Told(Vec<Row>),
}

impl Along {
    fn is_asked(&self) -> bool {
        matches!(self, Self::Asked(_))
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(session: &'a mut dyn Session) -> Self {
        Self {
            session,
            depth: 0,
            along: None,
            rounds: Rounds::Any,
        }
    }

    /// Runs `work`, which asks once and nothing else: for one query a server then neither begins nor ends a transaction.
    fn only_ask<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.rounds = Rounds::One;
        work(self)
    }

    /// Runs `work`, and `along` with the first of its queries; returns the rows of that beside what `work` says.
    fn with_along<T>(
        &mut self,
        along: &str,
        work: impl FnOnce(&mut Self) -> Result<T, DbError>,
    ) -> Result<(Vec<Row>, T), DbError> {
        self.along = Some(Along::Asked(along.to_owned()));
        let told = work(self)?;
        Ok((self.told_along()?, told))
    }

    /// Runs `work` so that nothing of it stays where it fails, and the transaction goes on. They nest.
    ///
    /// # Errors
    /// That of `work`, or that of the store where it cannot go on: then the transaction fails with it.
    pub fn savepoint<T, E: From<DbError>>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let depth = self.depth;
        self.session.mark(depth)?;
        let mut inner = Tx {
            session: &mut *self.session,
            depth: depth + 1,
            along: None,
            rounds: Rounds::Any,
        };
        let told = work(&mut inner);
        match &told {
            Ok(_) => self.session.keep_mark(depth)?,
            Err(_) => self.session.back_to_mark(depth)?,
        }
        told
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Runs the statements of a text that defines tables, with the words of [`crate::migrate`] for what the dialects
    /// spell differently.
    ///
    /// # Errors
    /// That of the first statement that fails; [`Self::define_each`] tells which it was.
    pub fn define(&mut self, text: &str) -> Result<(), DbError> {
        self.define_each(text, |error, _| error)
    }

    /// [`Self::define`] that lets `name` say which statement failed.
    pub(crate) fn define_each(
        &mut self,
        text: &str,
        name: impl Fn(DbError, &str) -> DbError,
    ) -> Result<(), DbError> {
        let text = self.dialect().spell(text);
        for statement in text.split(";\n").map(str::trim) {
            let statement = statement.trim_end_matches(';');
            if !statement.is_empty() {
                self.execute(statement, &[])
                    .map_err(|error| name(error, statement))?;
            }
        }
        Ok(())
    }

    /// The names of the tables, in order. On PostgreSQL those of the schema that the store was opened with; parts of a
    /// partitioned table are not told apart from it.
    pub fn table_names(&mut self) -> Result<Vec<String>, DbError> {
        self.names(self.dialect().tables, &[])
    }

    /// The names of a table's columns, in the table's order: none where there is no such table.
    pub fn column_names(&mut self, table: &str) -> Result<Vec<String>, DbError> {
        self.names(self.dialect().columns, &[table.into()])
    }

    /// The names of the columns of a table's primary key, in the key's order.
    pub(crate) fn key_names(&mut self, table: &str) -> Result<Vec<String>, DbError> {
        self.names(self.dialect().key, &[table.into()])
    }

    fn names(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<String>, DbError> {
        let rows = self.query(sql, values)?;
        rows.into_iter().map(|mut row| row.take_text(0)).collect()
    }

    /// Puts the numbers that the database gives to new rows of a `{{serial}}` table behind those that are there: after rows
    /// were inserted with numbers of their own.
    pub fn number_behind(&mut self, table: &str) -> Result<(), DbError> {
        self.session.number_behind(table)
    }

    /// A table of one column, `text`, and a row for each of the [`Value::Texts`] that are bound to the placeholder with
    /// this number. One statement serves however many texts.
    #[must_use]
    pub fn texts(&self, place: usize) -> String {
        let [before, behind] = self.dialect().texts;
        format!("{before}${place}{behind}")
    }

    /// Runs a statement; returns the number of rows it changed.
    pub fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError> {
        self.session.execute(sql, values)
    }

    /// Runs a query and returns all its rows: bound it with LIMIT.
    pub fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        if self.rounds == Rounds::Any && !self.along.as_ref().is_some_and(Along::is_asked) {
            return self.session.query(sql, values);
        }
        let told = self.query_each(&[(sql, values)])?;
        Ok(told.into_iter().next().unwrap_or_default())
    }

    /// Runs queries that need nothing of each other, and returns the rows of each: one round trip for all of them.
    pub fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        let is_only_round = self.is_only_round()?;
        if is_only_round && queries.len() > MOST_TOGETHER {
            let why = format!("a read that asks once asks at most {MOST_TOGETHER} queries");
            return Err(DbError::Statement(why));
        }
        let are_apart = is_only_round && queries.len() <= 1;
        let Some(Along::Asked(along)) = self.along.take_if(|along| along.is_asked()) else {
            return self.ask(queries, are_apart);
        };
        // It goes first: what it tells of the store is not newer than what the others see.
        let all = [&[(along.as_str(), &[][..])], queries].concat();
        let mut told = self.ask(&all, are_apart)?;
        self.along = Some(Along::Told(told.remove(0)));
        Ok(told)
    }

    fn ask(&mut self, queries: &[Query<'_>], are_apart: bool) -> Result<Vec<Vec<Row>>, DbError> {
        if are_apart {
            self.session.query_apart(queries)
        } else {
            self.session.query_each(queries)
        }
    }

    /// True where this is the one round that was promised, which is over with it; an error behind it.
    fn is_only_round(&mut self) -> Result<bool, DbError> {
        match self.rounds {
            Rounds::Any => Ok(false),
            Rounds::One => {
                self.rounds = Rounds::None;
                Ok(true)
            }
            Rounds::None => {
                let again = "a read that asks once asked again";
                Err(DbError::Statement(again.to_owned()))
            }
        }
    }

    /// The rows of the query that went along, which goes now where there was none to go with.
    fn told_along(&mut self) -> Result<Vec<Row>, DbError> {
        if self.along.as_ref().is_some_and(Along::is_asked) {
            self.query_each(&[])?;
        }
        match self.along.take() {
            Some(Along::Told(rows)) => Ok(rows),
            Some(Along::Asked(_)) | None => {
                Err(DbError::Statement("a query did not go along".to_owned()))
            }
        }
    }

    /// The first row of a query, if there is one.
    pub fn query_first(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// The integer in the first column of the first row: 0 where there is none or it is NULL.
    pub fn query_int(&mut self, sql: &str, values: &[Value<'_>]) -> Result<i64, DbError> {
        Ok(self
            .query_first(sql, values)?
            .map(|row| row.opt_int(0))
            .transpose()?
            .flatten()
            .unwrap_or(0))
    }

    /// Merges `rows` into `table` by its policies. Rows are locked and written in key order; rows of one key are
    /// merged first. `rows` comes back reordered.
    pub fn upsert<const N: usize>(
        &mut self,
        table: &Table,
        rows: &mut [[Value<'_>; N]],
    ) -> Result<(), DbError> {
        table.check_width(N)?;
        let merged = table.merge_in_key_order(rows);
        self.session.upsert(table, rows[..merged].as_flattened())
    }

    /// Inserts `rows`, in key order, and tells for each of them, in the order given, whether its key was new.
    /// Of rows with one key the first is the new one. Columns that take the least or the greatest are merged into the
    /// row that is there; of all others the first row's stay.
    pub fn insert_new<const N: usize>(
        &mut self,
        table: &Table,
        rows: &[[Value<'_>; N]],
    ) -> Result<Vec<bool>, DbError> {
        table.check_width(N)?;
        let (distinct, firsts) = table.distinct_in_key_order(rows);
        let told = self.session.insert_new(table, distinct.as_flattened())?;
        let mut is_new = vec![false; rows.len()];
        for (first, told) in firsts.into_iter().zip(told) {
            is_new[first] = told;
        }
        Ok(is_new)
    }

    /// The rows of `keys`, in the order given: what stands beside the key, or `None` where there is no row. `table` may
    /// name some of its columns only.
    pub fn find<const K: usize>(
        &mut self,
        table: &Table,
        keys: &[[Value<'_>; K]],
    ) -> Result<Vec<Option<Row>>, DbError> {
        self.find_rows(table, keys, false)
    }

    /// [`Self::find`] that locks the rows, in key order: what was read stays as it is until this transaction writes it.
    /// Only rows that are there can be locked.
    pub fn find_locked<const K: usize>(
        &mut self,
        table: &Table,
        keys: &[[Value<'_>; K]],
    ) -> Result<Vec<Option<Row>>, DbError> {
        self.find_rows(table, keys, true)
    }

    fn find_rows<const K: usize>(
        &mut self,
        table: &Table,
        keys: &[[Value<'_>; K]],
        lock: bool,
    ) -> Result<Vec<Option<Row>>, DbError> {
        table.check_key_width(K)?;
        if keys.is_sorted_by(|a, b| a < b) {
            return self.session.find(table, keys.as_flattened(), lock);
        }
        let mut distinct = keys.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let found = self.session.find(table, distinct.as_flattened(), lock)?;
        let place = |key: &[Value<'_>; K]| distinct.binary_search(key).ok();
        Ok(keys
            .iter()
            .map(|key| place(key).and_then(|place| found.get(place).cloned().flatten()))
            .collect())
    }
}
