//! The projector: one thread that feeds views with what has come since their last fold.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reportd_db::Database;
use reportd_platform::clock::SECOND_MS;

use crate::StreamNo;
use crate::fold::{ViewFold, guarded};
use crate::fresh::ViewProgress;
use crate::journal::Journal;
use crate::metrics::ViewLabel;
use crate::reads::Ends;
use crate::store::JournalError;
use crate::thread::Thread;
use crate::view::View;

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
            longest_pause: Duration::from_millis(200),
            rest_factor: 6,
        }
    }
}

/// Pause before a view that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How often views drop what is no longer needed, and positions of quiet views are written.
const PRUNE_INTERVAL_MS: i64 = SECOND_MS;
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
    thread: Thread,
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
            .map(|view| RunningFold::load(view, &journal, &db))
            .collect::<Result<Vec<_>, JournalError>>()?;
        journal.set_views(&db);
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
        let thread = Thread::default();
        thread.start("projector", move || worker.run())?;
        Ok(Self {
            journal,
            views,
            thread,
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
        self.thread.join("the projector");
    }
}

/// A view that is being folded.
struct RunningFold {
    fold: ViewFold,
    progress: Arc<ViewProgress>,
    /// It failed: when it is tried again, by the monotonic clock.
    retry_at: Option<Duration>,
    /// Why it could not be pruned the last time.
    prune_fault: Option<String>,
}

impl RunningFold {
    fn load(view: Box<dyn View>, journal: &Journal, db: &Database) -> Result<Self, JournalError> {
        let (name, kind) = (view.name(), view.kind());
        let mut fold = ViewFold::new(view);
        let folded = fold.take_up(journal.stream, &journal.source(), db)?;
        // Among several nodes the store may tell of a block that this one is only about to acknowledge.
        if folded.next > journal.end() && folded.next > journal.stored_end()? {
            return Err(JournalError::Missing {
                place: format!("view {name}"),
                stream: journal.stream,
                from: journal.end(),
                to: folded.next,
            });
        }
        Ok(Self {
            fold,
            progress: journal.progress.register(name, kind, folded),
            retry_at: None,
            prune_fault: None,
        })
    }

    /// Runs `work`; where it fails or panics the view forgets what it learnt, and the text of the fault comes back.
    fn guarded(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), JournalError>,
    ) -> Result<(), String> {
        let told = guarded(|| work(self));
        if told.is_err() {
            self.fold.forget();
        }
        told
    }

    /// Writes positions, and where the ends of all streams are told drops what no node needs any more.
    fn prune(&mut self, ends: Option<&EndsAsOf>, db: &Database) -> Result<(), JournalError> {
        self.fold.save(db)?;
        match ends {
            Some(ends) => self.fold.prune(&ends.ends, ends.as_of_ms, db),
            None => Ok(()),
        }
    }

    fn is_due(&self, now: Duration) -> bool {
        self.retry_at.is_none_or(|at| now >= at)
    }

    /// Folds the next batch of each stream that is behind.
    fn step(
        &mut self,
        journal: &Journal,
        ends: &BTreeMap<StreamNo, u64>,
        db: &Database,
    ) -> Result<(), JournalError> {
        let label = ViewLabel {
            view: self.fold.view.name().to_owned(),
        };
        for (&stream, &end) in ends {
            let told = self.fold.step((stream, end), &journal.source(), db);
            if stream == journal.stream
                && let Some(at) = self.fold.at(stream)
            {
                // Also after a failure: the position may have been found further on.
                self.progress.set_folded(at);
            }
            let folded = journal.metrics.folded.get_or_create(&label);
            folded.inc_by(told?);
        }
        Ok(())
    }
}

/// Where all streams end.
struct EndsAsOf {
    ends: Ends,
    /// What is not before the ends came at this time or later, in ms.
    as_of_ms: i64,
}

impl EndsAsOf {
    fn now(journal: &Journal) -> Result<Self, JournalError> {
        let as_of_ms = journal.clock.now_ms();
        let ends = journal.ends()?;
        Ok(Self { ends, as_of_ms })
    }
}

struct Worker {
    journal: Arc<Journal>,
    db: Database,
    folds: Vec<RunningFold>,
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
        for RunningFold { fold, .. } in &mut self.folds {
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
        let due: Vec<_> = self.folds.iter().filter(|fold| fold.is_due(now)).collect();
        let is_any_stuck = self.folds.iter().any(|fold| fold.retry_at.is_some());
        let at_most = if is_any_stuck { RETRY_PAUSE } else { IDLE_LOOK };
        self.journal.progress.sleep_while(at_most, || {
            let ends = self.journal.ends_to_fold();
            !due.iter().any(|due| due.fold.is_behind(&ends))
        });
    }

    /// Folds what is acknowledged now, a batch of each view in turn, until all views that can go on are there. What comes
    /// meanwhile is for the next time: larger batches cost less an entry.
    fn catch_up(&mut self) {
        let ends = self.journal.ends_to_fold();
        for RunningFold { fold, .. } in &mut self.folds {
            fold.keep(|stream| ends.contains_key(&stream));
        }
        loop {
            let mut is_behind = false;
            for index in 0..self.folds.len() {
                if self.is_time_up() {
                    return;
                }
                is_behind |= self.take_turn(index, &ends);
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

    /// Folds a batch of a view; true where more is left up to `ends` and it can go on.
    fn take_turn(&mut self, index: usize, ends: &BTreeMap<StreamNo, u64>) -> bool {
        let (journal, db, running) = (&self.journal, &self.db, &mut self.folds[index]);
        let now = journal.clock.monotonic();
        if !running.fold.is_behind(ends) || !running.is_due(now) {
            return false;
        }
        let told = running.guarded(|running| running.step(journal, ends, db));
        running.retry_at = told.is_err().then(|| now + RETRY_PAUSE);
        let goes_on = told.is_ok();
        note(&running.progress, told.err());
        goes_on && running.fold.is_behind(ends)
    }

    /// Lets go of blocks in memory that every view has folded.
    fn forget_folded(&self) {
        let folded = self
            .folds
            .iter()
            .map(|running| running.progress.folded().next);
        let folded = folded.min();
        let mut tail = self
            .journal
            .tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tail.forget_before(folded.unwrap_or(u64::MAX));
    }

    fn publish(&self) {
        for running in &self.folds {
            let label = ViewLabel {
                view: running.progress.name.to_owned(),
            };
            let lag = self.journal.metrics.view_lag_ms.get_or_create(&label);
            lag.set(self.journal.lag_ms(&running.progress));
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
        let leads = journal.progress.leads();
        let ends = guarded(|| leads.then(|| EndsAsOf::now(journal)).transpose());
        let (ends, no_ends) = match ends {
            Ok(ends) => (ends, None),
            Err(fault) => (None, Some(fault)),
        };
        for running in &mut self.folds {
            let pruned = running.guarded(|running| running.prune(ends.as_ref(), db));
            let fault = pruned.err().or_else(|| no_ends.clone());
            if let Some(error) = fault.as_ref().filter(|_| fault != running.prune_fault) {
                tracing::warn!(
                    view = running.progress.name,
                    error,
                    "a view could not be pruned"
                );
            }
            running.prune_fault = fault;
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
