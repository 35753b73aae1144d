//! The play sessions of a viewer at one part whose beats carry no `session`: beats at most 30 minutes
//! apart are one (`spec playback-report`, Play session).
//!
//! Of a session it is enough to know its first and last beat to see what joins it: between them no
//! two neighbours are further apart than that. So a late beat may join two sessions, and no beat ever
//! splits one: what is united only grows.

use std::collections::BTreeMap;

use super::play::{PlaySession, Tally};

/// How far apart two beats of one session may be, included: 30 minutes.
pub const JOIN_GAP_MS: i64 = 30 * 60 * 1000;

/// Some sessions of (viewer, aid, cid), each more than 30 minutes from the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JoinedSessions(Vec<PlaySession>);

impl JoinedSessions {
    /// Joins sessions, or single beats, of one viewer and part.
    pub fn join(sessions: impl IntoIterator<Item = PlaySession>) -> Self {
        let mut sessions: Vec<_> = sessions.into_iter().collect();
        sessions.sort_unstable_by_key(|session| session.first);
        sessions.dedup_by(|next, session| {
            let gap_ms = next.first_ms().saturating_sub(session.last_ms());
            let joins = gap_ms <= JOIN_GAP_MS;
            if joins {
                session.merge(next);
            }
            joins
        });
        Self(sessions)
    }

    /// Unites two sets. The order of merges, and what is merged twice, makes no difference.
    pub fn merge(&mut self, other: Self) {
        let own = std::mem::take(&mut self.0);
        *self = Self::join(own.into_iter().chain(other.0));
    }

    /// The sessions, the earliest first.
    pub fn iter(&self) -> impl Iterator<Item = &PlaySession> {
        self.0.iter()
    }
}

/// How the figures of a part move when the sessions `before` have become `after`: by how much each
/// tally counts more, or less. What did not change is not among it.
///
/// Differences add up: whatever the order of folds, the sum is what the sessions say at the end.
#[must_use]
pub fn tally_changes<'s>(
    before: impl IntoIterator<Item = &'s PlaySession>,
    after: impl IntoIterator<Item = &'s PlaySession>,
) -> Vec<(Tally, i64)> {
    let mut changes: BTreeMap<Tally, i64> = BTreeMap::new();
    for session in before {
        *changes.entry(session.tally()).or_default() -= 1;
    }
    for session in after {
        *changes.entry(session.tally()).or_default() += 1;
    }
    let changes = changes.into_iter();
    changes.filter(|(_, difference)| *difference != 0).collect()
}
