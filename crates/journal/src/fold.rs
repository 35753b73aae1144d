//! Folding: a view's batches and its positions, each moved with what it folds in one transaction.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reportd_db::{Database, DbError, Tx};
use reportd_platform::clock::MINUTE_MS;

use crate::StreamNo;
use crate::block::unpack;
use crate::fresh::{Folded, ViewProgress};
use crate::journal::Journal;
use crate::metrics::ViewLabel;
use crate::store::{JournalError, SharedBlock};
use crate::view::{Batch, View};

/// Most unpacked bytes of one batch.
const BATCH_BYTES: u64 = 16 << 20;
/// What arrived within this time of the newest folded block is never pruned: clocks of nodes differ, and run back.
const PRUNE_MARGIN_MS: i64 = MINUTE_MS;

/// A view, and how far it has folded each stream.
pub(crate) struct ViewFold {
    pub(crate) view: Box<dyn View>,
    pub(crate) progress: Arc<ViewProgress>,
    /// One for each stream that the view folds: today the node's own alone.
    streams: Vec<StreamFold>,
    /// It failed: when it is tried again, by the monotonic clock.
    pub(crate) retry_at: Option<Duration>,
    /// Why it could not be pruned the last time.
    pub(crate) prune_fault: Option<String>,
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
    pub(crate) fn load(
        view: Box<dyn View>,
        journal: &Journal,
        db: &Database,
    ) -> Result<Self, JournalError> {
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
    pub(crate) fn next(&self) -> u64 {
        let next = self.streams.iter().map(|fold| fold.at.next).min();
        next.unwrap_or(u64::MAX)
    }

    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.retry_at.is_none_or(|at| now >= at)
    }

    /// Folds the next batch of each stream.
    pub(crate) fn step(&mut self, journal: &Journal, db: &Database) -> Result<(), JournalError> {
        for fold in &mut self.streams {
            let told = fold.step(self.view.as_mut(), journal, db);
            // Also after a failure: the position may have been found further on.
            self.progress.set_folded(fold.at);
            told?;
        }
        Ok(())
    }

    /// Writes positions that only moved over entries of other kinds.
    pub(crate) fn save(&mut self, db: &Database) -> Result<(), JournalError> {
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

    pub(crate) fn prune(&mut self, journal: &Journal, db: &Database) -> Result<(), JournalError> {
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
    pub(crate) fn guarded(
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
        let at = stored_position(view, stream, db, journal.clock.now_ms())?;
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
            self.at = stored_position(view, self.stream, db, self.at.received_at_ms)?;
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

/// The position of a view in a stream. A new view begins at the first entry, and its lag counts from `now_ms`.
fn stored_position(
    view: &str,
    stream: StreamNo,
    db: &Database,
    now_ms: i64,
) -> Result<Folded, DbError> {
    let key = [view.into(), stream.into()];
    let first = "INSERT INTO view_position (view, stream, next, received_at) VALUES ($1, $2, 1, $3) \
                 ON CONFLICT (view, stream) DO NOTHING";
    let sql = "SELECT next, received_at FROM view_position WHERE view = $1 AND stream = $2";
    db.write(|tx| {
        tx.execute(first, &[key[0], key[1], now_ms.into()])?;
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
