//! The projector: one thread that feeds views with what has come since their last fold.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reportd_db::{Database, DbError, Tx};
use reportd_platform::clock::{MINUTE_MS, SECOND_MS};

use crate::StreamNo;
use crate::block::unpack;
use crate::fresh::{Folded, ViewProgress};
use crate::journal::Journal;
use crate::metrics::ViewLabel;
use crate::store::{JournalError, SharedBlock};
use crate::view::{Batch, View};

/// How often the projector folds.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Least time between two folds, while no read waits.
    pub least_pause: Duration,
    /// Longest time between two folds under load.
    pub longest_pause: Duration,
    /// Between the two it rests this many times as long as the last fold took: larger batches cost less an entry.
    pub rest_factor: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            least_pause: Duration::from_millis(20),
            longest_pause: Duration::from_millis(800),
            rest_factor: 6,
        }
    }
}

/// Most unpacked bytes of one batch.
const BATCH_BYTES: u64 = 16 << 20;
/// Pause before a view that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How often views drop what is no longer needed, and positions of quiet views are written.
const PRUNE_INTERVAL_MS: i64 = SECOND_MS;
/// What arrived within this time of the newest folded block is never pruned: clocks of nodes differ, and run back.
const PRUNE_MARGIN_MS: i64 = MINUTE_MS;
/// How often an idle projector looks up, to publish lags and to prune.
const IDLE_LOOK: Duration = Duration::from_secs(1);
/// How long a projector that is stopped folds on.
const LONGEST_STOP: Duration = Duration::from_secs(3);

/// How a view stands.
#[derive(Debug, Clone)]
pub struct ViewStatus {
    /// Its name.
    pub view: &'static str,
    /// Entries that are acknowledged and not yet folded.
    pub entries_behind: u64,
    /// Age of the newest folded entry in ms, 0 where the view is level.
    pub lag_ms: i64,
    /// Why it does not go on.
    pub stuck: Option<String>,
}

/// A running projector.
pub struct Projector {
    journal: Arc<Journal>,
    views: Vec<Arc<ViewProgress>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Projector {
    /// Starts to fold the journal into `views` in the store `db`, from where they stand. A journal has one projector at a
    /// time: stop the last one first.
    pub fn start(
        journal: Arc<Journal>,
        db: Database,
        views: Vec<Box<dyn View>>,
        pace: Pace,
    ) -> Result<Self, JournalError> {
        let folds = views
            .into_iter()
            .map(|view| ViewFold::load(view, &journal, &db))
            .collect::<Result<Vec<_>, JournalError>>()?;
        let views = folds.iter().map(|fold| Arc::clone(&fold.progress));
        let views = views.collect();
        journal.progress.start();
        let worker = Worker {
            last_prune_ms: journal.clock.now_ms(),
            journal: Arc::clone(&journal),
            db,
            folds,
            pace,
            stop_at: None,
        };
        let thread = std::thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || worker.run());
        let thread = thread.map_err(|error| JournalError::File {
            place: "thread".to_owned(),
            cause: error.to_string(),
        })?;
        Ok(Self {
            journal,
            views,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// How each view stands.
    #[must_use]
    pub fn status(&self) -> Vec<ViewStatus> {
        let status = |view: &Arc<ViewProgress>| ViewStatus {
            view: view.name,
            entries_behind: self.journal.end().saturating_sub(view.folded().next),
            lag_ms: self.journal.lag_ms(view),
            stuck: view.stuck(),
        };
        self.views.iter().map(status).collect()
    }

    /// Folds what is there, for 3 s and the batch in hand at most, writes the positions, and ends. What is left is folded
    /// after the next start. Close the journal first. Blocks.
    pub fn stop(&self) {
        self.journal.progress.stop();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the projector had panicked");
        }
    }
}

/// A view, and how far it has folded each stream.
struct ViewFold {
    view: Box<dyn View>,
    progress: Arc<ViewProgress>,
    /// One for each stream that the view folds: today the node's own alone.
    streams: Vec<StreamFold>,
    /// It failed: when it is tried again, by the monotonic clock.
    retry_at: Option<Duration>,
    /// Why it could not be pruned the last time.
    prune_fault: Option<String>,
}

/// How far a view has folded a stream.
struct StreamFold {
    stream: StreamNo,
    at: Folded,
    /// The position that the store holds: behind `at` where the entries between were of other kinds. None after a commit
    /// that failed: it may have been made all the same.
    stored_next: Option<u64>,
}

impl ViewFold {
    fn load(view: Box<dyn View>, journal: &Journal, db: &Database) -> Result<Self, JournalError> {
        let streams = [journal.stream]
            .into_iter()
            .map(|stream| StreamFold::load(view.name(), stream, journal, db))
            .collect::<Result<Vec<_>, _>>()?;
        let folded = streams.first().map_or_else(Folded::default, |fold| fold.at);
        let progress = journal.progress.register(view.name(), view.kind(), folded);
        Ok(Self {
            view,
            progress,
            streams,
            retry_at: None,
            prune_fault: None,
        })
    }

    /// Sequence before which all that the view folds is folded.
    fn next(&self) -> u64 {
        let next = self.streams.iter().map(|fold| fold.at.next).min();
        next.unwrap_or(u64::MAX)
    }

    fn is_due(&self, now: Duration) -> bool {
        self.retry_at.is_none_or(|at| now >= at)
    }

    /// Folds the next batch of each stream.
    fn step(&mut self, journal: &Journal, db: &Database) -> Result<(), JournalError> {
        for fold in &mut self.streams {
            let told = fold.step(self.view.as_mut(), journal, db);
            // Also after a failure: the position may have been found further on.
            self.progress.set_folded(fold.at);
            told?;
        }
        Ok(())
    }

    /// Writes positions that only moved over entries of other kinds.
    fn save(&mut self, db: &Database) -> Result<(), JournalError> {
        let view = self.view.name();
        for fold in &mut self.streams {
            if fold
                .stored_next
                .is_some_and(|stored| stored != fold.at.next)
            {
                fold.commit(view, db, fold.at, |_| Ok(()))?;
            }
        }
        Ok(())
    }

    fn prune(&mut self, journal: &Journal, db: &Database) -> Result<(), JournalError> {
        self.save(db)?;
        let horizon_ms = self.prune_horizon_ms(journal.clock.now_ms());
        Ok(db.write(|tx| self.view.prune(tx, horizon_ms))?)
    }

    /// All entries that arrived before this, of any stream, are folded: the least over the streams, with a margin.
    fn prune_horizon_ms(&self, now_ms: i64) -> i64 {
        let folded = self.streams.iter().map(|fold| fold.at.received_at_ms);
        folded.min().unwrap_or(0).min(now_ms) - PRUNE_MARGIN_MS
    }

    /// Runs `work`; where it fails or panics the view forgets what it learnt, and the text of the fault comes back.
    fn guarded(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), JournalError>,
    ) -> Result<(), String> {
        let told = catch_unwind(AssertUnwindSafe(|| work(self)));
        let fault = match told {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => {
                for fold in &mut self.streams {
                    fold.stored_next = None;
                }
                format!("it panicked: {}", panic_text(panic.as_ref()))
            }
        };
        self.view.rolled_back();
        Err(fault)
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

impl StreamFold {
    fn load(
        view: &str,
        stream: StreamNo,
        journal: &Journal,
        db: &Database,
    ) -> Result<Self, JournalError> {
        let at = stored_position(view, stream, db)?;
        if at.next > journal.end() {
            return Err(JournalError::Missing {
                place: format!("view {view}"),
                stream,
                from: journal.end(),
                to: at.next,
            });
        }
        Ok(Self {
            stream,
            at,
            stored_next: Some(at.next),
        })
    }

    /// Folds the next batch, where there is one.
    fn step(
        &mut self,
        view: &mut dyn View,
        journal: &Journal,
        db: &Database,
    ) -> Result<(), JournalError> {
        self.settle(view.name(), db)?;
        if self.at.next >= journal.end() {
            return Ok(());
        }
        let blocks = next_blocks(journal, self.stream, self.at.next)?;
        let batch = Batch::new(view.kind(), (self.stream, self.at.next), blocks)?;
        let to = Folded {
            next: batch.end(),
            received_at_ms: batch.received_at_ms(),
        };
        let count = batch.entries().count() as u64;
        if count > 0 {
            self.commit(view.name(), db, to, |tx| view.apply(tx, &batch))?;
            view.committed();
            let label = ViewLabel {
                view: view.name().to_owned(),
            };
            journal.metrics.folded.get_or_create(&label).inc_by(count);
        }
        self.at = to;
        Ok(())
    }

    /// After a commit that failed: takes the position from the store, which knows whether it was made.
    fn settle(&mut self, view: &str, db: &Database) -> Result<(), DbError> {
        if self.stored_next.is_none() {
            self.at = stored_position(view, self.stream, db)?;
            self.stored_next = Some(self.at.next);
        }
        Ok(())
    }

    /// Moves the stored position, by compare-and-set, and does `work`, in one transaction.
    fn commit(
        &mut self,
        view: &str,
        db: &Database,
        to: Folded,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        self.settle(view, db)?;
        let sql = "UPDATE view_position SET next = $1, received_at = $2 WHERE view = $3 AND stream = $4 AND next = $5";
        let values = [
            to.next.cast_signed().into(),
            to.received_at_ms.into(),
            view.into(),
            self.stream.into(),
            self.stored_next.map(u64::cast_signed).into(),
        ];
        // Until the commit is told, its outcome is not known: also where `work` panics.
        self.stored_next = None;
        db.write(|tx| {
            if tx.execute(sql, &values)? != 1 {
                return Err(DbError::Conflict(
                    "another process has folded this stream".to_owned(),
                ));
            }
            work(tx)
        })?;
        self.stored_next = Some(to.next);
        Ok(())
    }
}

/// The position of a view in a stream, which begins at the first entry.
fn stored_position(view: &str, stream: StreamNo, db: &Database) -> Result<Folded, DbError> {
    let key = [view.into(), stream.into()];
    let first = "INSERT INTO view_position (view, stream, next, received_at) VALUES ($1, $2, 1, 0) \
                 ON CONFLICT (view, stream) DO NOTHING";
    let sql = "SELECT next, received_at FROM view_position WHERE view = $1 AND stream = $2";
    db.write(|tx| {
        tx.execute(first, &key)?;
        let row = tx
            .query_first(sql, &key)?
            .ok_or(DbError::Statement("no position".to_owned()))?;
        Ok(Folded {
            next: row.uint(0)?,
            received_at_ms: row.int(1)?,
        })
    })
}

/// Blocks from `next` on: from memory, or where they are no longer there from the store, checked.
fn next_blocks(
    journal: &Journal,
    stream: StreamNo,
    next: u64,
) -> Result<Vec<SharedBlock>, JournalError> {
    let most_bytes = usize::try_from(BATCH_BYTES).unwrap_or(usize::MAX);
    let in_memory = journal
        .tail
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .from(next, most_bytes);
    if let Some(blocks) = in_memory {
        return Ok(blocks);
    }
    let raw = journal.store.from(stream, next, BATCH_BYTES)?;
    let mut blocks: Vec<SharedBlock> = Vec::with_capacity(raw.len());
    let mut expected = next;
    for raw in &raw {
        let problem = if raw.first > expected {
            Some(JournalError::Missing {
                place: journal.store.place_of(raw),
                stream,
                from: expected,
                to: raw.first,
            })
        } else {
            unpack(raw, journal.store.as_ref())
                .map(|block| blocks.push(Arc::new(block)))
                .err()
        };
        match problem {
            // What stands before the fault is folded first.
            Some(problem) if blocks.is_empty() => return Err(problem),
            Some(_) => break,
            None => expected = raw.first + raw.count,
        }
    }
    if blocks.is_empty() {
        Err(JournalError::Missing {
            place: "store".to_owned(),
            stream,
            from: next,
            to: journal.end(),
        })
    } else {
        Ok(blocks)
    }
}

struct Worker {
    journal: Arc<Journal>,
    db: Database,
    folds: Vec<ViewFold>,
    pace: Pace,
    last_prune_ms: i64,
    /// When a projector that is being stopped ends, by the monotonic clock.
    stop_at: Option<Duration>,
}

impl Worker {
    fn run(mut self) {
        while !self.journal.progress.is_stopping() {
            self.sleep_until_behind();
            let started = self.journal.clock.monotonic();
            self.catch_up();
            let took = self.journal.clock.monotonic().saturating_sub(started);
            let least = self.pace.least_pause;
            let pause =
                (took * self.pace.rest_factor).clamp(least, self.pace.longest_pause.max(least));
            self.journal.progress.rest(pause);
        }
        self.catch_up();
        for fold in &mut self.folds {
            if let Err(error) = fold.save(&self.db) {
                tracing::warn!(view = fold.view.name(), %error, "the position of a view could not be written");
            }
        }
        if let Err(error) = self.db.checkpoint() {
            tracing::warn!(%error, "the views could not be checkpointed");
        }
    }

    /// Sleeps until a view that can go on has something to fold, or it is time to look up.
    fn sleep_until_behind(&self) {
        let now = self.journal.clock.monotonic();
        let due = self.folds.iter().filter(|fold| fold.is_due(now));
        let least = due.map(ViewFold::next).min().unwrap_or(u64::MAX);
        let is_any_stuck = self.folds.iter().any(|fold| fold.retry_at.is_some());
        let at_most = if is_any_stuck { RETRY_PAUSE } else { IDLE_LOOK };
        self.journal.progress.sleep_until_behind(least, at_most);
    }

    /// Folds what is acknowledged now, a batch of each view in turn, until all views that can go on are there. What comes
    /// meanwhile is for the next time: larger batches cost less an entry.
    fn catch_up(&mut self) {
        let end = self.journal.end();
        loop {
            let mut is_behind = false;
            for index in 0..self.folds.len() {
                if self.is_time_up() {
                    return;
                }
                is_behind |= self.take_turn(index, end);
            }
            self.forget_folded();
            self.publish();
            self.prune_when_due();
            if !is_behind {
                return;
            }
        }
    }

    /// True where the projector is being stopped and has folded on for as long as it may.
    fn is_time_up(&mut self) -> bool {
        if !self.journal.progress.is_stopping() {
            return false;
        }
        let now = self.journal.clock.monotonic();
        now >= *self.stop_at.get_or_insert(now + LONGEST_STOP)
    }

    /// Folds a batch of a view; true where more is left up to `end` and it can go on.
    fn take_turn(&mut self, index: usize, end: u64) -> bool {
        let (journal, db, fold) = (&self.journal, &self.db, &mut self.folds[index]);
        let now = journal.clock.monotonic();
        if fold.next() >= end || !fold.is_due(now) {
            return false;
        }
        let told = fold.guarded(|fold| fold.step(journal, db));
        fold.retry_at = told.is_err().then(|| now + RETRY_PAUSE);
        let goes_on = told.is_ok();
        note(&fold.progress, told.err());
        goes_on && fold.next() < end
    }

    /// Lets go of blocks in memory that every view has folded.
    fn forget_folded(&self) {
        let folded = self.folds.iter().map(ViewFold::next).min();
        let mut tail = self
            .journal
            .tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tail.forget_before(folded.unwrap_or(u64::MAX));
    }

    fn publish(&self) {
        for fold in &self.folds {
            let label = ViewLabel {
                view: fold.view.name().to_owned(),
            };
            let lag = self.journal.metrics.view_lag_ms.get_or_create(&label);
            lag.set(self.journal.lag_ms(&fold.progress));
        }
    }

    fn prune_when_due(&mut self) {
        let (journal, db) = (&self.journal, &self.db);
        let now_ms = journal.clock.now_ms();
        // A clock that was set back must not hold it up.
        if (now_ms - self.last_prune_ms).abs() < PRUNE_INTERVAL_MS {
            return;
        }
        self.last_prune_ms = now_ms;
        for fold in &mut self.folds {
            let fault = fold.guarded(|fold| fold.prune(journal, db)).err();
            if let Some(error) = fault.as_ref().filter(|_| fault != fold.prune_fault) {
                tracing::warn!(view = fold.view.name(), error, "a view could not be pruned");
            }
            fold.prune_fault = fault;
        }
    }
}

/// Keeps why a view does not go on, and logs it where that is new.
fn note(view: &ViewProgress, why: Option<String>) {
    let told = why.clone();
    if !view.set_stuck(why) {
        return;
    }
    let view = view.name;
    match told {
        Some(error) => tracing::error!(view, error, "a view cannot go on; it is tried again"),
        None => tracing::info!(view, "a view goes on"),
    }
}
