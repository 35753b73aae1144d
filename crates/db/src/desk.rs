//! A desk for small writes: those that come while a commit runs share the next one.
//!
//! A store that syncs once a commit does no more than some hundred of them a second, whoever waits. So callers put their
//! closures into a queue, and a thread runs all that wait in one transaction, each behind a savepoint of its own: one
//! that fails is undone alone, and all are answered after the commit.
//!
//! A shared transaction holds the locks of all its closures to its end. With one lane that is no matter: nobody else
//! writes. Several lanes (PostgreSQL, which lets transactions share its syncs by itself) would have strangers wait for
//! each other in circles: there each closure has a transaction of its own.

mod job;
mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::{Database, DbError, Tx};
use job::{Job, Task};
use queue::Queue;

/// How a desk is run.
#[derive(Debug, Clone, Copy)]
pub struct DeskOptions {
    /// Threads that write, each on a connection: one on SQLite, where there is one writer.
    pub lanes: usize,
    /// Most writes that wait; what would be more is refused.
    pub queue: usize,
    /// Most writes that share a transaction.
    pub share: usize,
}

impl DeskOptions {
    /// A desk of so many lanes.
    #[must_use]
    pub fn lanes(lanes: usize) -> Self {
        Self {
            lanes: lanes.max(1),
            queue: 8192,
            share: if lanes > 1 { 1 } else { 256 },
        }
    }
}

/// What a desk has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeskCounts {
    /// Writes that ran, those that failed among them.
    pub writes: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// Transactions whose commit failed.
    pub failed_commits: u64,
}

/// Takes writes from async callers and runs them on threads of its own.
pub struct Desk {
    shared: Arc<Shared>,
    lanes: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    db: Database,
    queue: Queue,
    share: usize,
    writes: AtomicU64,
    commits: AtomicU64,
    failed_commits: AtomicU64,
}

impl Desk {
    /// A desk of so many lanes: one on SQLite.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] where no thread is to be had.
    pub fn new(db: Database, lanes: usize) -> Result<Self, DbError> {
        Self::open(db, DeskOptions::lanes(lanes))
    }

    /// [`Self::new`] with all options.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn open(db: Database, options: DeskOptions) -> Result<Self, DbError> {
        let shared = Arc::new(Shared {
            db,
            queue: Queue::new(options.queue),
            share: options.share.max(1),
            writes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            failed_commits: AtomicU64::new(0),
        });
        let desk = Self {
            shared: Arc::clone(&shared),
            lanes: Mutex::default(),
        };
        for _ in 0..options.lanes.max(1) {
            let shared = Arc::clone(&shared);
            let lane = std::thread::Builder::new()
                .name("desk".to_owned())
                .spawn(move || shared.run())
                .map_err(|error| DbError::Unavailable(format!("thread: {error}")))?;
            desk.lanes().push(lane);
        }
        Ok(desk)
    }

    /// Runs `work` in a write transaction and tells what it gave once that is durable. Where `work` fails nothing of it
    /// stays. It may run with strangers in one transaction: it keeps no lock that it does not need, and is quick.
    ///
    /// # Errors
    /// That of `work`; that of the commit, which all have that shared it; [`DbError::Unavailable`] at once where the
    /// queue is full or the desk closed. Where this future is dropped `work` runs nevertheless.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.put(work, true).await
    }

    /// [`Self::write`] that is in no hurry: it rides along with the next write that is, or goes some 20 ms later.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_later<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        // Where none shares a transaction there is nothing to ride along with.
        self.put(work, self.shared.share == 1).await
    }

    async fn put<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        is_urgent: bool,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (task, told) = Task::new(work);
        self.shared.queue.put(Box::new(task), is_urgent)?;
        told.await.unwrap_or_else(|_| {
            let text = "a write was dropped by the desk";
            Err(DbError::Unavailable(text.to_owned()).into())
        })
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> DeskCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DeskCounts {
            writes: read(&self.shared.writes),
            commits: read(&self.shared.commits),
            failed_commits: read(&self.shared.failed_commits),
        }
    }

    /// Writes that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue.len()
    }

    /// Takes no more writes, runs those that wait, and ends the threads. Blocks.
    pub fn close(&self) {
        self.shared.queue.close();
        let lanes = std::mem::take(&mut *self.lanes());
        for lane in lanes {
            // A closure that panics does not end its lane, so there is nothing to tell.
            let _ = lane.join();
        }
    }

    fn lanes(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Desk {
    /// Does not wait: a desk may be dropped on an async thread. What waits is written all the same.
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl Shared {
    fn run(&self) {
        while let Some(jobs) = self.queue.take(self.share) {
            // Jobs that a panic of the driver itself drops tell their callers so.
            let _ = catch_unwind(AssertUnwindSafe(|| self.write(jobs)));
        }
    }

    fn write(&self, mut jobs: Vec<Box<dyn Job>>) {
        let count = jobs.len() as u64;
        self.writes.fetch_add(count, Ordering::Relaxed);
        let committed = self.db.write(|tx| run_all(tx, &mut jobs));
        let counter = match &committed {
            Ok(()) => &self.commits,
            Err(_) => &self.failed_commits,
        };
        // A transaction in which all failed was rolled back: no commit, and none that failed.
        if jobs.iter().any(|job| job.is_well()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        for job in jobs {
            job.answer(&committed);
        }
    }
}

/// Runs all; fails where none did well, so that there is nothing to commit.
fn run_all(tx: &mut Tx<'_>, jobs: &mut [Box<dyn Job>]) -> Result<(), DbError> {
    let is_shared = jobs.len() > 1;
    for job in &mut *jobs {
        job.run(tx, is_shared);
    }
    if jobs.iter().any(|job| job.is_well()) {
        return Ok(());
    }
    Err(DbError::Statement("nothing to commit".to_owned()))
}
