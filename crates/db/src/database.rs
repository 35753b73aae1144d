//! A database of either kind.

use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;

use crate::blocking::{guarded, off_async_threads, on_this_thread};
use crate::migrate::Dialect;
use crate::question::{Prompter, Question};
use crate::{DbError, Row, Tx, Value};

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
