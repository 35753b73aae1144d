//! Play sessions, and how long of one was watched.

use super::order::{Newest, OrderKey};
use super::quarters::{QUARTER_MS, QuarterSet};
use crate::playback::position::Position;
use crate::playback::report::Beat;

/// How long the player says it has played. Derived order is the rule «the greatest
/// `real_played_time`, else the greatest `realtime`» (`spec playback-report`, Watched seconds): the
/// greatest claim counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlayedClaim {
    /// `realtime`, in seconds.
    Realtime(u32),
    /// `real_played_time`, in seconds: greater than any realtime.
    RealPlayed(u32),
}

impl PlayedClaim {
    /// What a beat claims; `None` if it has neither field.
    #[must_use]
    pub fn of(beat: &Beat<'_>) -> Option<Self> {
        let real_played = beat.real_played_s.map(Self::RealPlayed);
        real_played.or_else(|| beat.realtime_s.map(Self::Realtime))
    }

    /// The seconds it claims.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Realtime(seconds) | Self::RealPlayed(seconds) => seconds,
        }
    }
}

/// What the beats of one play session add up to: minima, maxima, a union and a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaySession {
    /// The first beat.
    pub first: FirstBeat,
    /// The newest beat, a pause or not, and where it was.
    pub last: Newest<Position>,
    /// The furthest that a beat was; the end is the furthest.
    pub furthest: Position,
    /// The greatest claim of how long was played.
    pub claim: Option<PlayedClaim>,
    /// The quarter-minutes that hold a beat that is no pause. Empty as soon as there is a claim: they
    /// do not count then, and a claim never goes away.
    pub quarters: QuarterSet,
}

/// The beat with the least key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirstBeat {
    /// Its key.
    pub key: OrderKey,
    /// Its day in the app's zone, as its entry says; in days since 1970.
    pub day: i64,
}

impl PlaySession {
    /// The session of one beat.
    #[must_use]
    pub fn of_beat(first: FirstBeat, beat: &Beat<'_>) -> Self {
        let claim = PlayedClaim::of(beat);
        let quarters = if claim.is_none() && beat.play_type.is_active() {
            QuarterSet::of_time(first.key.received_at_ms)
        } else {
            QuarterSet::default()
        };
        Self {
            first,
            last: Newest {
                key: first.key,
                value: beat.position,
            },
            furthest: beat.position,
            claim,
            quarters,
        }
    }

    /// Unites what two folds know of one session. The order of merges, and what is merged twice,
    /// makes no difference.
    pub fn merge(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last.merge(other.last);
        self.furthest = self.furthest.max(other.furthest);
        self.claim = self.claim.max(other.claim);
        if self.claim.is_none() {
            self.quarters.merge(&other.quarters);
        } else {
            self.quarters = QuarterSet::default();
        }
    }

    /// How much was watched, in seconds: what the player claims, but no more than the time from the
    /// first to the last beat and 15 s; without a claim 15 s for each quarter-minute.
    #[must_use]
    pub fn watched_s(&self) -> i64 {
        let quarter_s = QUARTER_MS / 1000;
        let Some(claim) = self.claim else {
            let count = i64::try_from(self.quarters.count()).unwrap_or(i64::MAX);
            return count.saturating_mul(quarter_s);
        };
        let (first_ms, last_ms) = (self.first_ms(), self.last_ms());
        let open_s = last_ms.saturating_sub(first_ms) / 1000;
        i64::from(claim.seconds()).min(open_s.saturating_add(quarter_s))
    }

    /// What it counts as.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            day: self.first.day,
            watched_s: self.watched_s(),
            furthest: self.furthest,
            left_at: self.last.value,
        }
    }

    /// When the first beat was received, in ms since 1970.
    #[must_use]
    pub const fn first_ms(&self) -> i64 {
        self.first.key.received_at_ms
    }

    /// When the last beat was received, in ms since 1970.
    #[must_use]
    pub const fn last_ms(&self) -> i64 {
        self.last.key.received_at_ms
    }
}

/// What one play session adds to the figures of its part: one play and some seconds on a day, and one
/// in each histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tally {
    /// The day of the first beat, in days since 1970.
    pub day: i64,
    /// Watched seconds.
    pub watched_s: i64,
    /// The bucket in the histogram of furthest positions.
    pub furthest: Position,
    /// The bucket in the histogram of last positions.
    pub left_at: Position,
}
