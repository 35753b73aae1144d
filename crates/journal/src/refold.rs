//! Folding anew: a journal, from a base or from its first entry, into another store of views. To rebuild, to verify, and
//! to seal a base.

use std::collections::BTreeMap;
use std::sync::Arc;

use reportd_db::{Database, DbError, Tx};
use reportd_platform::clock::Clock;

use crate::StreamNo;
use crate::fold::{Source, ViewFold};
use crate::positions::{close, folded_by_all};
use crate::reads::{Ends, ends_of};
use crate::store::{BlockStore, JournalError};
use crate::view::View;

/// Batches between two prunes.
const BATCHES_A_PRUNE: u32 = 16;

/// Up to where entries are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The end by stream.
    pub ends: Ends,
    /// The ends of views that have ends of their own.
    pub by_view: BTreeMap<&'static str, Ends>,
    /// Entries behind those ends arrive at this time or later, in ms. Where that is not known nothing is pruned.
    pub as_of_ms: Option<i64>,
}

impl Goal {
    /// All that a journal holds now.
    pub fn now(store: &dyn BlockStore, clock: &dyn Clock) -> Result<Self, JournalError> {
        // The time first: what comes between is behind the ends and later than it.
        let as_of_ms = clock.now_ms();
        Ok(Self {
            ends: ends_of(store)?,
            by_view: BTreeMap::new(),
            as_of_ms: Some(as_of_ms),
        })
    }

    fn of(&self, view: &str) -> &Ends {
        self.by_view.get(view).unwrap_or(&self.ends)
    }
}

/// Up to where the views of a store have folded each stream, all of them.
pub fn views_ends(tx: &mut Tx<'_>, views: &[&str]) -> Result<Ends, DbError> {
    folded_by_all(tx, views)
}

/// A fold of a journal that nobody appends to or that others append to, into a store of its own.
pub struct Refold {
    store: Arc<dyn BlockStore>,
    clock: Arc<dyn Clock>,
    db: Database,
    folds: Vec<ViewFold>,
    batches: u32,
}

impl Refold {
    /// A fold into `db`, from where its positions stand.
    #[must_use]
    pub fn new(
        store: Arc<dyn BlockStore>,
        clock: Arc<dyn Clock>,
        db: Database,
        views: Vec<Box<dyn View>>,
    ) -> Self {
        Self {
            store,
            clock,
            db,
            folds: views.into_iter().map(ViewFold::new).collect(),
            batches: 0,
        }
    }

    /// The journal that is folded.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn BlockStore> {
        &self.store
    }

    /// The store that is folded into.
    #[must_use]
    pub fn db(&self) -> &Database {
        &self.db
    }

    /// Lets all views forget single entries of a stream before `sequence`, in a store of theirs.
    pub(crate) fn forget(
        &mut self,
        db: &Database,
        stream: StreamNo,
        sequence: u64,
    ) -> Result<(), DbError> {
        self.folds
            .iter_mut()
            .try_for_each(|fold| db.write(|tx| fold.view.forget(tx, stream, sequence)))
    }

    /// The views.
    pub fn views(&self) -> impl Iterator<Item = &dyn View> {
        self.folds.iter().map(|fold| fold.view.as_ref())
    }

    /// Up to where a store has folded what these views fold.
    pub(crate) fn folded_in(&self, views: &mut Tx<'_>) -> Result<Ends, DbError> {
        let names: Vec<_> = self.views().map(|view| view.name()).collect();
        folded_by_all(views, &names)
    }

    /// What each view of a store has folded, as a goal. Nothing is pruned by it: what stands behind it may have arrived
    /// long ago.
    pub fn goal_of(&self, views: &mut Tx<'_>) -> Result<Goal, DbError> {
        let ends = |view: &'static str, views: &mut Tx<'_>| folded_by_all(views, &[view]);
        let by_view = (self.views().map(|view| view.name()))
            .map(|view| Ok((view, ends(view, views)?)))
            .collect::<Result<_, DbError>>()?;
        Ok(Goal {
            ends: self.folded_in(views)?,
            by_view,
            as_of_ms: None,
        })
    }

    /// [`Self::goal_of`] of views that were replaced: nothing more is folded into them, by any node.
    pub fn goal_of_closed(&self, views: &mut Tx<'_>) -> Result<Goal, DbError> {
        close(views)?;
        self.goal_of(views)
    }

    /// Entries that are left up to `goal`, counted once a view.
    pub fn left(&mut self, goal: &Goal) -> Result<u64, JournalError> {
        let source = source(&self.store, self.clock.as_ref());
        let mut left = 0;
        for fold in &mut self.folds {
            for (&stream, &end) in goal.of(fold.view.name()) {
                let at = fold.take_up(stream, &source, &self.db)?;
                left += end.saturating_sub(at.next);
            }
        }
        Ok(left)
    }

    /// Folds up to `goal`, streams side by side in the order of arrival, and tells after each batch how many entries it
    /// took; `tell` returns false to stop. Positions are durable with each batch, so a fold that was interrupted can go on.
    pub fn fold_to(
        &mut self,
        goal: &Goal,
        tell: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), JournalError> {
        self.left(goal)?;
        for index in 0..self.folds.len() {
            while let Some(stream) = self.oldest_behind(index, goal) {
                self.step(index, stream, goal, tell)?;
            }
            self.settle(index, goal)?;
        }
        Ok(())
    }

    /// Writes positions, and prunes where that is known to be safe.
    fn settle(&mut self, index: usize, goal: &Goal) -> Result<(), JournalError> {
        let fold = &mut self.folds[index];
        fold.save(&self.db)?;
        match goal.as_of_ms {
            Some(as_of_ms) => fold.prune(goal.of(fold.view.name()), as_of_ms, &self.db),
            None => Ok(()),
        }
    }

    /// Of the streams that are behind, the one whose next entries are the oldest, as far as is known.
    fn oldest_behind(&self, index: usize, goal: &Goal) -> Option<(StreamNo, u64)> {
        let fold = &self.folds[index];
        let behind = goal
            .of(fold.view.name())
            .iter()
            .filter_map(|(&stream, &end)| {
                let at = fold.at(stream)?;
                let age = if at.next > 1 { at.received_at_ms } else { 0 };
                (at.next < end).then_some((age, stream, end))
            });
        behind.min().map(|(_, stream, end)| (stream, end))
    }

    fn step(
        &mut self,
        index: usize,
        (stream, end): (StreamNo, u64),
        goal: &Goal,
        tell: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), JournalError> {
        let source = source(&self.store, self.clock.as_ref());
        let fold = &mut self.folds[index];
        let next = |fold: &ViewFold| fold.at(stream).map_or(0, |at| at.next);
        let before = next(fold);
        if let Err(error) = fold.step((stream, end), &source, &self.db) {
            fold.forget();
            return Err(error);
        }
        if !tell(next(fold).saturating_sub(before)) {
            return Err(JournalError::Interrupted);
        }
        self.batches += 1;
        if self.batches.is_multiple_of(BATCHES_A_PRUNE) {
            self.settle(index, goal)?;
        }
        Ok(())
    }
}

fn source<'a>(store: &'a Arc<dyn BlockStore>, clock: &dyn Clock) -> Source<'a> {
    Source {
        store: store.as_ref(),
        tail: None,
        now_ms: clock.now_ms(),
    }
}
