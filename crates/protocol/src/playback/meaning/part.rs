//! Where a viewer is in one part of a video.
//!
//! The rule (`spec playback-report`, Position) has two registers for each source, a device or player
//! session: A, the newest beat that is no pause, and B, the newest beat. The position is B of the
//! source whose A is newest, or the newest B where no source has an A.
//!
//! So of all the A only the newest can ever matter, and of a B only one that is newer than that: an
//! older one comes to matter by a later beat of its source alone, which replaces it. What is kept is
//! therefore one A for the part, and the few B from there on: as a rule one, and one more for each
//! device that has been paused since. A viewer who opens a video a thousand times costs one row.

use std::collections::BTreeMap;

use super::order::{Newest, OrderKey};
use crate::playback::report::PlayType;

/// The registers of (viewer, aid, cid). `S` names a source, `T` is what a beat says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartState<S, T> {
    active: Option<Newest<S>>,
    newest: BTreeMap<S, Newest<T>>,
}

impl<S, T> Default for PartState<S, T> {
    fn default() -> Self {
        Self {
            active: None,
            newest: BTreeMap::new(),
        }
    }
}

impl<S: Ord + Clone, T> PartState<S, T> {
    /// The state after one beat.
    pub fn of_beat(source: S, play_type: PlayType, beat: Newest<T>) -> Self {
        let active = play_type.is_active().then(|| Newest {
            key: beat.key,
            value: source.clone(),
        });
        Self {
            active,
            newest: BTreeMap::from([(source, beat)]),
        }
    }

    /// The state that was kept: `active` is [`active`](Self::active), `newest` is
    /// [`sources`](Self::sources).
    pub fn from_parts(
        active: Option<Newest<S>>,
        newest: impl IntoIterator<Item = (S, Newest<T>)>,
    ) -> Self {
        let mut state = Self {
            active,
            newest: newest.into_iter().collect(),
        };
        state.forget_the_passed();
        state
    }

    /// Unites two states. The order of merges, and what is merged twice, makes no difference.
    pub fn merge(&mut self, other: Self) {
        if let Some(active) = other.active {
            Newest::merge_into(&mut self.active, active);
        }
        for (source, beat) in other.newest {
            match self.newest.get_mut(&source) {
                Some(register) => register.merge(beat),
                None => {
                    self.newest.insert(source, beat);
                }
            }
        }
        self.forget_the_passed();
    }

    /// The newest beat that is no pause, and its source: the newest A.
    #[must_use]
    pub const fn active(&self) -> Option<&Newest<S>> {
        self.active.as_ref()
    }

    /// The newest beat of each source that may still matter: the B.
    pub fn sources(&self) -> impl Iterator<Item = (&S, &Newest<T>)> {
        self.newest.iter()
    }

    /// The beat that gives the position, of those newer than `deleted`, the newest delete that covers
    /// them ([`Deletes::newest_covering`](super::Deletes::newest_covering)). Its time is `view_at`.
    #[must_use]
    pub fn resume_point(&self, deleted: Option<OrderKey>) -> Option<&Newest<T>> {
        match self.active_after(deleted) {
            Some(active) => self.newest.get(&active.value),
            None => self
                .newest
                .values()
                .filter(|beat| counts(beat.key, deleted))
                .max_by_key(|beat| beat.key),
        }
    }

    /// By what a video's parts are compared: the greatest is its newest part, the one whose A is
    /// newest; among parts without an A, the one with the newest B. `None` if nothing counts.
    #[must_use]
    pub fn rank(&self, deleted: Option<OrderKey>) -> Option<PartRank> {
        match self.active_after(deleted) {
            Some(active) => Some(PartRank::Active(active.key)),
            None => self
                .resume_point(deleted)
                .map(|beat| PartRank::Paused(beat.key)),
        }
    }

    fn active_after(&self, deleted: Option<OrderKey>) -> Option<&Newest<S>> {
        self.active
            .as_ref()
            .filter(|active| counts(active.key, deleted))
    }

    /// Drops each B that is older than the newest A: whatever is deleted or undone later, it can give
    /// no position any more.
    fn forget_the_passed(&mut self) {
        if let Some(active) = &self.active {
            let key = active.key;
            self.newest.retain(|_, beat| beat.key >= key);
        }
    }
}

/// How new a part is; see [`PartState::rank`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartRank {
    /// All that is known of it are pauses.
    Paused(OrderKey),
    /// It was played.
    Active(OrderKey),
}

fn counts(key: OrderKey, deleted: Option<OrderKey>) -> bool {
    deleted.is_none_or(|deleted| key > deleted)
}
