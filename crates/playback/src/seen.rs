//! What is known of a viewer as a whole: deletes, erasure, and when they were viewing.

mod bytes;
pub(crate) mod code;
mod cuts;
pub(crate) mod lock;
pub(crate) mod runs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use reportd_protocol::playback::meaning::{DeleteScope, OrderKey};

pub(crate) use self::cuts::{Cuts, is_season};
use self::runs::Runs;

/// How long an interval is in which it is counted who was viewing.
pub(crate) const INTERVAL_MS: i64 = 600_000;
/// How long after a delete its undo may arrive, in ms: the undo window of the spec, and what lies between the check of a
/// request and the time of its entry.
const UNDO_ARRIVES_MS: i64 = (24 * 60 + 10) * 60_000;
/// How long after a delete arrived it is final, in ms: no undo in time can still be on its way.
pub(crate) const FINAL_MS: i64 = UNDO_ARRIVES_MS + 10 * 60_000;

/// What is known of a delete: its undo may be folded before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delete {
    pub(crate) made: Option<Made>,
    /// When the first undo arrived.
    pub(crate) undone_at_ms: Option<i64>,
}

/// A delete that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Made {
    /// What is not newer is taken away.
    pub(crate) key: OrderKey,
    pub(crate) scope: DeleteScope,
    /// When its entry arrived: that of an import says that it was made earlier.
    pub(crate) arrived_at_ms: i64,
}

impl Delete {
    fn merge(&mut self, other: Self) {
        self.made = self.made.max(other.made);
        let undone = [self.undone_at_ms, other.undone_at_ms];
        self.undone_at_ms = undone.into_iter().flatten().min();
    }

    /// Whether it was undone in time.
    fn is_undone(&self) -> bool {
        let in_time =
            |made: Made, undone_at_ms| undone_at_ms <= made.arrived_at_ms + UNDO_ARRIVES_MS;
        self.made
            .zip(self.undone_at_ms)
            .is_some_and(|(made, undone_at_ms)| in_time(made, undone_at_ms))
    }

    /// What it takes away.
    fn standing(&self) -> Option<Made> {
        self.made.filter(|_| !self.is_undone())
    }

    fn arrived_at_ms(&self) -> i64 {
        let made = self.made.map(|made| made.arrived_at_ms);
        made.or(self.undone_at_ms).unwrap_or(i64::MAX)
    }
}

/// A row of `playback_seen`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Nothing is to be known of the viewer any more.
    pub(crate) is_erased: bool,
    /// The intervals in which the viewer was viewing; those before the horizon of the fold may be forgotten.
    pub(crate) intervals: Runs,
    /// The same of imports, none of which is forgotten.
    pub(crate) imported: Runs,
    /// By id.
    pub(crate) deletes: BTreeMap<u64, Delete>,
    /// The newest delete, of those that are final, of a season. It stands for ever: a video may still turn out to be of
    /// that season.
    pub(crate) seasons: BTreeMap<i64, OrderKey>,
    /// Deletes that arrived before this are final: what they cover is dropped, or is being dropped.
    pub(crate) final_before_ms: Option<i64>,
}

/// What a batch tells of a viewer.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenNews {
    pub(crate) is_erased: bool,
    pub(crate) deletes: Vec<(u64, Delete)>,
    /// Intervals, and whether by an import.
    pub(crate) intervals: Vec<(i64, bool)>,
}

/// What became of a viewer by a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Intervals in which they are new.
    pub(crate) intervals: Vec<i64>,
    /// Scopes of deletes that came to stand, or do so no longer.
    pub(crate) scopes: Vec<DeleteScope>,
    pub(crate) is_erased: bool,
}

impl Seen {
    /// Takes what a batch tells; all entries that arrived before `horizon_ms` are folded.
    pub(crate) fn take(&mut self, news: &SeenNews, horizon_ms: i64) -> Moved {
        let mut moved = Moved::default();
        for &(interval, is_import) in &news.intervals {
            let known = if is_import {
                &mut self.imported
            } else {
                &mut self.intervals
            };
            if known.insert(interval).is_some() {
                moved.intervals.push(interval);
            }
        }
        if !moved.intervals.is_empty() {
            self.intervals
                .drop_before(horizon_ms.div_euclid(INTERVAL_MS));
        }
        if news.is_erased && !self.is_erased {
            moved.is_erased = true;
            self.is_erased = true;
            self.deletes.clear();
            self.seasons.clear();
            self.final_before_ms = None;
        }
        if !self.is_erased {
            for (id, news) in &news.deletes {
                let delete = self.deletes.entry(*id).or_default();
                let before = delete.standing();
                delete.merge(*news);
                let after = delete.standing();
                if before != after {
                    let scopes = [before, after].into_iter().flatten();
                    moved.scopes.extend(scopes.map(|made| made.scope));
                }
            }
        }
        moved
    }

    /// When the oldest delete arrived that is not final, -1 where there is none: the column `due`.
    pub(crate) fn due(&self) -> i64 {
        let arrivals = self.deletes.values().map(Delete::arrived_at_ms);
        arrivals.min().unwrap_or(-1)
    }

    /// What the deletes take away that stand.
    pub(crate) fn cuts(&self) -> Cuts {
        let standing = self.deletes.values().filter_map(Delete::standing);
        let mut cuts = Cuts::of(standing);
        for (season, key) in &self.seasons {
            cuts.add_season(*season, *key);
        }
        cuts
    }

    /// What those deletes take away for good that stand and arrived before `before_ms`.
    pub(crate) fn final_cuts(&self, before_ms: i64) -> Cuts {
        let standing = self.deletes.values().filter_map(Delete::standing);
        let mut cuts = Cuts::of(standing.filter(|made| made.arrived_at_ms < before_ms));
        for (season, key) in &self.seasons {
            cuts.add_season(*season, *key);
        }
        cuts
    }

    /// Forgets the deletes that arrived before `before_ms`, once what they cover is dropped.
    pub(crate) fn forget_final(&mut self, before_ms: i64) {
        let (seasons, deletes) = (&mut self.seasons, &mut self.deletes);
        deletes.retain(|_, delete| {
            let is_final = delete.arrived_at_ms() < before_ms;
            if let Some((season, key)) = delete.standing().filter(|_| is_final).and_then(of_season)
            {
                let newest = seasons.entry(season).or_insert(key);
                *newest = key.max(*newest);
            }
            !is_final
        });
    }
}

/// The season of a delete, and its key.
fn of_season(made: Made) -> Option<(i64, OrderKey)> {
    match made.scope {
        DeleteScope::Entry(kid) if is_season(kid) => Some((kid.number, made.key)),
        _ => None,
    }
}

/// The deletes of a viewer that can still be undone, or were: id, key, scope, and whether it was undone. `None` where the
/// row cannot be read.
pub(crate) fn standing_deletes(state: &[u8]) -> Option<Vec<(u64, OrderKey, DeleteScope, bool)>> {
    let seen = Seen::decode(state)?;
    let deletes = seen.deletes.iter().filter_map(|(id, delete)| {
        let made = delete.made?;
        Some((*id, made.key, made.scope, delete.is_undone()))
    });
    Some(deletes.collect())
}
