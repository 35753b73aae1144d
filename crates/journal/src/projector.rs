//! The projector: one thread that feeds views with what has come since their last fold.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reportd_db::{Database, DbError};
use reportd_platform::clock::SECOND_MS;

use crate::block::unpack;
use crate::fresh::Folded;
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
/// Pause after a fold that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How often views drop what is no longer needed, and positions of quiet views are written.
const PRUNE_INTERVAL_MS: i64 = SECOND_MS;
/// How often an idle projector looks up, to publish lags and to prune.
const IDLE_LOOK: Duration = Duration::from_secs(1);

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
    stuck: Arc<Mutex<Vec<(&'static str, Option<String>)>>>,
    views: Vec<(&'static str, crate::Kind)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Projector {
    /// Starts to fold the journal into `views` in the store `db`, from where they stand.
    pub fn start(
        journal: Arc<Journal>,
        db: Database,
        views: Vec<Box<dyn View>>,
        pace: Pace,
    ) -> Result<Self, JournalError> {
        let names: Vec<_> = views
            .iter()
            .map(|view| (view.name(), view.kind()))
            .collect();
        let stuck = Arc::new(Mutex::new(
            names.iter().map(|&(name, _)| (name, None)).collect(),
        ));
        let folds = views
            .into_iter()
            .map(|view| Fold::load(view, &journal, &db))
            .collect::<Result<Vec<_>, JournalError>>()?;
        let last_prune_ms = journal.clock.now_ms();
        let worker = Worker {
            journal: Arc::clone(&journal),
            db,
            folds,
            pace,
            stuck: Arc::clone(&stuck),
            last_prune_ms,
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
            stuck,
            views: names,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// How each view stands.
    #[must_use]
    pub fn status(&self) -> Vec<ViewStatus> {
        let stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |(&(view, kind), (_, stuck)): (
            &(&'static str, crate::Kind),
            &(&str, Option<String>),
        )| ViewStatus {
            view,
            entries_behind: self
                .journal
                .end()
                .saturating_sub(self.journal.progress.folded(kind).next),
            lag_ms: lag_ms(&self.journal, kind),
            stuck: stuck.clone(),
        };
        self.views.iter().zip(stuck.iter()).map(status).collect()
    }

    /// Folds what is there, for a few seconds at most, and ends. Close the journal first. Blocks.
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

fn lag_ms(journal: &Journal, kind: crate::Kind) -> i64 {
    let folded = journal.progress.folded(kind);
    if folded.next >= journal.end() {
        0
    } else {
        (journal.clock.now_ms() - folded.received_at_ms).max(0)
    }
}

/// A view and its position in the local stream.
struct Fold {
    view: Box<dyn View>,
    at: Folded,
    /// The position that the store holds: behind `at` where the entries between were of other kinds.
    stored_next: u64,
}

impl Fold {
    fn load(view: Box<dyn View>, journal: &Journal, db: &Database) -> Result<Self, JournalError> {
        let key = [view.name().into(), journal.stream.into()];
        let first = "INSERT INTO view_position (view, stream, next, received_at) VALUES ($1, $2, 1, 0) \
                     ON CONFLICT (view, stream) DO NOTHING";
        let sql = "SELECT next, received_at FROM view_position WHERE view = $1 AND stream = $2";
        let at = db.write(|tx| {
            tx.execute(first, &key)?;
            let row = tx
                .query_first(sql, &key)?
                .ok_or(DbError::Statement("no position".to_owned()))?;
            Ok(Folded {
                next: row.uint(0)?,
                received_at_ms: row.int(1)?,
            })
        })?;
        if at.next > journal.end() {
            return Err(JournalError::Missing {
                place: format!("view {}", view.name()),
                stream: journal.stream,
                from: journal.end(),
                to: at.next,
            });
        }
        journal.progress.set_folded(view.kind(), at);
        Ok(Self {
            view,
            at,
            stored_next: at.next,
        })
    }

    /// Folds the next batch; false where there is none.
    fn step(&mut self, journal: &Journal, db: &Database) -> Result<bool, JournalError> {
        if self.at.next >= journal.end() {
            return Ok(false);
        }
        let blocks = next_blocks(journal, self.at.next)?;
        let batch = Batch {
            kind: self.view.kind(),
            stream: journal.stream,
            from: self.at.next,
            blocks,
        };
        let to = Folded {
            next: batch.end(),
            received_at_ms: batch.received_at_ms(),
        };
        let count = batch.entries().count() as u64;
        if count > 0 {
            self.commit(journal, db, to, Some(&batch))?;
            self.view.committed();
            let label = ViewLabel {
                view: self.view.name().to_owned(),
            };
            journal.metrics.folded.get_or_create(&label).inc_by(count);
        }
        self.at = to;
        journal.progress.set_folded(self.view.kind(), to);
        Ok(true)
    }

    /// Applies a batch and moves the stored position, by compare-and-set, in one transaction.
    fn commit(
        &mut self,
        journal: &Journal,
        db: &Database,
        to: Folded,
        batch: Option<&Batch>,
    ) -> Result<(), JournalError> {
        let sql = "UPDATE view_position SET next = $1, received_at = $2 WHERE view = $3 AND stream = $4 AND next = $5";
        let values = [
            to.next.cast_signed().into(),
            to.received_at_ms.into(),
            self.view.name().into(),
            journal.stream.into(),
            self.stored_next.cast_signed().into(),
        ];
        let view = &mut self.view;
        db.write(|tx| {
            if tx.execute(sql, &values)? != 1 {
                return Err(DbError::Conflict(
                    "another process has folded this stream".to_owned(),
                ));
            }
            batch.map_or(Ok(()), |batch| view.apply(tx, batch))
        })?;
        self.stored_next = to.next;
        Ok(())
    }

    fn prune(&mut self, journal: &Journal, db: &Database) -> Result<(), JournalError> {
        if self.stored_next != self.at.next {
            self.commit(journal, db, self.at, None)?;
        }
        let horizon_ms = self.at.received_at_ms;
        Ok(db.write(|tx| self.view.prune(tx, horizon_ms))?)
    }
}

/// Blocks from `next` on: from memory, or where they are no longer there from the store, checked.
fn next_blocks(journal: &Journal, next: u64) -> Result<Vec<SharedBlock>, JournalError> {
    let most_bytes = usize::try_from(BATCH_BYTES).unwrap_or(usize::MAX);
    let in_memory = journal
        .tail
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .from(next, most_bytes);
    if let Some(blocks) = in_memory {
        return Ok(blocks);
    }
    let raw = journal.store.from(journal.stream, next, BATCH_BYTES)?;
    let mut blocks: Vec<SharedBlock> = Vec::with_capacity(raw.len());
    let mut expected = next;
    for raw in &raw {
        let problem = if raw.first > expected {
            Some(missing(journal, expected, raw.first))
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
        Err(missing(journal, next, journal.end()))
    } else {
        Ok(blocks)
    }
}

fn missing(journal: &Journal, from: u64, to: u64) -> JournalError {
    JournalError::Missing {
        place: "store".to_owned(),
        stream: journal.stream,
        from,
        to,
    }
}

struct Worker {
    journal: Arc<Journal>,
    db: Database,
    folds: Vec<Fold>,
    pace: Pace,
    stuck: Arc<Mutex<Vec<(&'static str, Option<String>)>>>,
    last_prune_ms: i64,
}

impl Worker {
    fn run(mut self) {
        loop {
            let least = self
                .folds
                .iter()
                .map(|fold| fold.at.next)
                .min()
                .unwrap_or(u64::MAX);
            self.journal.progress.sleep_until_behind(least, IDLE_LOOK);
            let started = self.journal.clock.monotonic();
            let all_well = self.fold_all();
            self.publish();
            if self.journal.progress.is_stopping() {
                break;
            }
            self.prune_when_due();
            let took = self.journal.clock.monotonic().saturating_sub(started);
            let pause = (took * self.pace.rest_factor)
                .clamp(self.pace.least_pause, self.pace.longest_pause);
            if all_well {
                self.journal.progress.rest(pause);
            } else {
                std::thread::sleep(RETRY_PAUSE);
            }
        }
        self.prune_all();
        if let Err(error) = self.db.checkpoint() {
            tracing::warn!(%error, "the views could not be checkpointed");
        }
    }

    /// Brings every view level with what is acknowledged. A view that cannot go on does not hold the others up.
    fn fold_all(&mut self) -> bool {
        let mut all_well = true;
        for index in 0..self.folds.len() {
            let told = loop {
                match self.folds[index].step(&self.journal, &self.db) {
                    Ok(true) => {}
                    Ok(false) => break None,
                    Err(error) => break Some(error.to_string()),
                }
            };
            all_well &= told.is_none();
            self.note(index, told);
        }
        let folded = self
            .folds
            .iter()
            .map(|fold| fold.at.next)
            .min()
            .unwrap_or(0);
        self.journal
            .tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget_before(folded);
        all_well
    }

    /// Keeps, and logs once, why a view does not go on.
    fn note(&self, index: usize, told: Option<String>) {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        let (view, before) = &mut stuck[index];
        if *before != told {
            match &told {
                Some(error) => {
                    tracing::error!(view, error, "a view cannot go on; it is tried again")
                }
                None => tracing::info!(view, "a view goes on"),
            }
            *before = told;
        }
    }

    fn publish(&self) {
        for fold in &self.folds {
            let label = ViewLabel {
                view: fold.view.name().to_owned(),
            };
            self.journal
                .metrics
                .view_lag_ms
                .get_or_create(&label)
                .set(lag_ms(&self.journal, fold.view.kind()));
        }
    }

    fn prune_when_due(&mut self) {
        let now_ms = self.journal.clock.now_ms();
        if now_ms - self.last_prune_ms >= PRUNE_INTERVAL_MS {
            self.last_prune_ms = now_ms;
            self.prune_all();
        }
    }

    fn prune_all(&mut self) {
        for fold in &mut self.folds {
            if let Err(error) = fold.prune(&self.journal, &self.db) {
                tracing::warn!(view = fold.view.name(), %error, "a view could not be pruned");
            }
        }
    }
}
