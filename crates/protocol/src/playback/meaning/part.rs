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

use super::order::Newest;
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

    /// Drops each B that is older than the newest A: whatever is deleted or undone later, it can give
    /// no position any more.
    fn forget_the_passed(&mut self) {
        if let Some(active) = &self.active {
            let key = active.key;
            self.newest.retain(|_, beat| beat.key >= key);
        }
    }
}
