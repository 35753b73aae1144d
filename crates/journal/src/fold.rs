//! Folding: a view's batches and its positions, each moved with what it folds in one transaction.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use reportd_db::{Database, DbError, Tx};
use reportd_platform::clock::MINUTE_MS;

use crate::StreamNo;
use crate::block::unpack;
use crate::fresh::Folded;
use crate::positions::{move_on, position, positions_now};
use crate::reads::{Ends, ends_of};
use crate::store::{BlockStore, JournalError, SharedBlock};
use crate::tail::Tail;
use crate::view::{Batch, View};

/// Most unpacked bytes of one batch.
const BATCH_BYTES: u64 = 16 << 20;
/// What arrived within this time of the newest folded block is never pruned: clocks of nodes differ, and run back.
const PRUNE_MARGIN_MS: i64 = 15 * MINUTE_MS;

/// Where blocks come from.
pub(crate) struct Source<'a> {
    pub(crate) store: &'a dyn BlockStore,
    /// The newest blocks of a stream, in memory.
    pub(crate) tail: Option<(StreamNo, &'a Mutex<Tail>)>,
    /// The time, in ms: a new view's lag counts from here.
    pub(crate) now_ms: i64,
}

impl Source<'_> {
    fn position(
        &self,
        db: &Database,
        view: &str,
        stream: StreamNo,
    ) -> Result<Folded, JournalError> {
        position(db, view, stream, self.now_ms, || {
            // The end first: what is appended meanwhile is behind it.
            let end = ends_of(self.store)?.get(&stream).copied();
            let oldest = self.store.from(stream, 1, 1)?;
            let first = oldest.first().map(|block| block.first);
            Ok(first.or(end).unwrap_or(1))
        })
    }
}

/// A view, and how far it has folded each stream.
pub(crate) struct ViewFold {
    pub(crate) view: Box<dyn View>,
    streams: BTreeMap<StreamNo, StreamFold>,
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
    /// A fold of no stream yet.
    pub(crate) fn new(view: Box<dyn View>) -> Self {
        Self {
            view,
            streams: BTreeMap::new(),
        }
    }

    /// Folds a stream from now on, from where the store says that it stands.
    pub(crate) fn take_up(
        &mut self,
        stream: StreamNo,
        source: &Source<'_>,
        db: &Database,
    ) -> Result<Folded, JournalError> {
        if let Some(fold) = self.streams.get(&stream) {
            return Ok(fold.at);
        }
        let at = source.position(db, self.view.name(), stream)?;
        let fold = StreamFold {
            stream,
            at,
            stored_next: Some(at.next),
        };
        self.streams.insert(stream, fold);
        Ok(at)
    }

    /// Folds no other streams than these from now on.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(StreamNo) -> bool) {
        self.streams.retain(|&stream, _| is_kept(stream));
    }

    /// How far a stream is folded.
    pub(crate) fn at(&self, stream: StreamNo) -> Option<Folded> {
        self.streams.get(&stream).map(|fold| fold.at)
    }

    /// True where entries of a stream are left before its end.
    pub(crate) fn is_behind(&self, ends: &BTreeMap<StreamNo, u64>) -> bool {
        ends.iter().any(|(stream, &end)| {
            let fold = self.streams.get(stream);
            fold.is_none_or(|fold| fold.at.next < end)
        })
    }

    /// Folds the next batch of a stream, of what stands before `end`; returns how many entries of the view were in it.
    pub(crate) fn step(
        &mut self,
        (stream, end): (StreamNo, u64),
        source: &Source<'_>,
        db: &Database,
    ) -> Result<u64, JournalError> {
        self.take_up(stream, source, db)?;
        match self.streams.get_mut(&stream) {
            Some(fold) => fold.step(self.view.as_mut(), end, source, db),
            None => Ok(0),
        }
    }

    /// Writes positions that only moved over entries of other kinds.
    pub(crate) fn save(&mut self, db: &Database) -> Result<(), JournalError> {
        let view = self.view.name();
        for fold in self.streams.values_mut() {
            if fold
                .stored_next
                .is_some_and(|stored| stored != fold.at.next)
            {
                fold.commit(view, db, fold.at, |_| Ok(()))?;
            }
        }
        Ok(())
    }

    /// Lets the view drop what no entry can need that is still to be folded, of any stream. Positions must be written
    /// before (see [`Self::save`]); `ends` are as of `as_of_ms` or later.
    pub(crate) fn prune(
        &mut self,
        ends: &Ends,
        as_of_ms: i64,
        db: &Database,
    ) -> Result<(), JournalError> {
        let view = self.view.as_mut();
        let folded = positions_now(db, view.name())?;
        let horizon_ms = prune_horizon_ms(&folded, ends, as_of_ms);
        Ok(db.write(|tx| view.prune(tx, horizon_ms))?)
    }

    /// After a fault: the view forgets what it learnt, and positions are read anew before the next batch.
    pub(crate) fn forget(&mut self) {
        for fold in self.streams.values_mut() {
            fold.stored_next = None;
        }
        self.view.rolled_back();
    }
}

/// Runs `work`; where it fails or panics the text of the fault comes back.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, JournalError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("it panicked: {}", panic_text(panic.as_ref()))),
    }
}

/// All entries that arrived before this are folded, of any stream: the arrival of the newest folded entry of the stream
/// that is furthest behind, with a margin. What was not in a stream when its end was read, at `as_of_ms` or later, arrives
/// later than that. Of a stream that stands alone only what is folded is trusted, since a process that was stopped may
/// still write what arrived before; among several such a one has lost its stream by then.
fn prune_horizon_ms(folded: &BTreeMap<StreamNo, Folded>, ends: &Ends, as_of_ms: i64) -> i64 {
    let horizon = |(stream, &end): (&StreamNo, &u64)| match folded.get(stream) {
        Some(at) if at.next >= end && ends.len() > 1 => as_of_ms,
        Some(at) if at.next > 1 => at.received_at_ms.min(as_of_ms),
        _ if end <= 1 => as_of_ms,
        _ => 0,
    };
    ends.iter().map(horizon).min().unwrap_or(as_of_ms) - PRUNE_MARGIN_MS
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

impl StreamFold {
    fn step(
        &mut self,
        view: &mut dyn View,
        end: u64,
        source: &Source<'_>,
        db: &Database,
    ) -> Result<u64, JournalError> {
        self.settle(view.name(), db)?;
        if self.at.next >= end {
            return Ok(0);
        }
        let blocks = next_blocks(source, self.stream, self.at.next, end)?;
        let batch = Batch::new(view.kind(), (self.stream, self.at.next), blocks)?;
        let to = Folded {
            next: batch.end(),
            received_at_ms: batch.received_at_ms(),
        };
        let count = batch.entries().count() as u64;
        if count > 0 {
            self.commit(view.name(), db, to, |tx| view.apply(tx, &batch))?;
            view.committed();
        }
        self.at = to;
        Ok(count)
    }

    /// After a commit that failed: takes the position from the store, which knows whether it was made.
    fn settle(&mut self, view: &str, db: &Database) -> Result<(), DbError> {
        if self.stored_next.is_none() {
            let stored = positions_now(db, view)?;
            self.at = stored
                .get(&self.stream)
                .copied()
                .ok_or_else(|| DbError::Statement(format!("view {view}: its position is gone")))?;
            self.stored_next = Some(self.at.next);
        }
        Ok(())
    }

    /// Moves the stored position and does `work`, in one transaction.
    fn commit(
        &mut self,
        view: &str,
        db: &Database,
        to: Folded,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        self.settle(view, db)?;
        // Until the commit is told, its outcome is not known: also where `work` panics.
        let from = self.stored_next.take();
        db.write(|tx| {
            move_on(tx, view, self.stream, from, to)?;
            work(tx)
        })?;
        self.stored_next = Some(to.next);
        Ok(())
    }
}

/// Blocks from `next` on that begin before `end`: from memory, or where they are no longer there from the store, checked.
fn next_blocks(
    source: &Source<'_>,
    stream: StreamNo,
    next: u64,
    end: u64,
) -> Result<Vec<SharedBlock>, JournalError> {
    let most_bytes = usize::try_from(BATCH_BYTES).unwrap_or(usize::MAX);
    let tail = source.tail.filter(|(of, _)| *of == stream);
    let in_memory = tail.and_then(|(_, tail)| {
        tail.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .from(next, most_bytes)
    });
    let mut blocks = match in_memory {
        Some(blocks) => blocks,
        None => stored_blocks(source.store, stream, next)?,
    };
    blocks.retain(|block| block.first < end);
    if blocks.is_empty() {
        return Err(JournalError::Missing {
            place: "store".to_owned(),
            stream,
            from: next,
            to: end,
        });
    }
    Ok(blocks)
}

/// Blocks of the store from `next` on, up to the first that is damaged or missing: that fault is told where no block
/// stands before it.
fn stored_blocks(
    store: &dyn BlockStore,
    stream: StreamNo,
    next: u64,
) -> Result<Vec<SharedBlock>, JournalError> {
    let mut blocks: Vec<SharedBlock> = Vec::new();
    let mut expected = next;
    for raw in &store.from(stream, next, BATCH_BYTES)? {
        let problem = if raw.first > expected {
            Some(JournalError::Missing {
                place: store.place_of(raw),
                stream,
                from: expected,
                to: raw.first,
            })
        } else {
            unpack(raw, store)
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
    Ok(blocks)
}
