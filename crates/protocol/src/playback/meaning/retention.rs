//! How far viewers get, from the histograms of play sessions; computed when read, from the duration
//! known then.

use serde::{Deserialize, Serialize};

use crate::playback::position::Position;

const PERCENTS: u64 = 100;

/// The retention of a part: the reply of the admin API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = playback::Retention))]
pub struct Retention {
    /// How many play sessions there are.
    pub sessions: u64,
    /// 101 shares, of 0 to 1: how many of the sessions reached 0, 1, … 100 percent.
    pub reached: Vec<f64>,
    /// 100 counts: how many sessions were left within 0 to 1, 1 to 2, … 99 to 100 percent.
    pub left_at: Vec<u64>,
}

impl Retention {
    /// Computes it from the histogram of furthest positions and that of last ones, each with how many
    /// sessions have it, and the duration in seconds; one of 0 counts as 1.
    pub fn of(
        furthest: impl IntoIterator<Item = (Position, u64)>,
        left_at: impl IntoIterator<Item = (Position, u64)>,
        duration_s: u32,
    ) -> Self {
        let percent = |position| percent_of(position, duration_s);
        let mut by_percent = vec![0_u64; 101];
        for (position, count) in furthest {
            by_percent[percent(position)] += count;
        }
        let mut left = vec![0_u64; 100];
        for (position, count) in left_at {
            left[percent(position).min(99)] += count;
        }
        let sessions: u64 = by_percent.iter().sum();
        let mut before = 0;
        let reached = by_percent.into_iter().map(|count| {
            let reached = sessions - before;
            before += count;
            share(reached, sessions)
        });
        Self {
            sessions,
            reached: reached.collect(),
            left_at: left,
        }
    }
}

/// Whole percents, 0 to 100.
fn percent_of(position: Position, duration_s: u32) -> usize {
    let percent = match position {
        Position::At(at_s) => u64::from(at_s) * PERCENTS / u64::from(duration_s.max(1)),
        Position::End => PERCENTS,
    };
    usize::try_from(percent.min(PERCENTS)).unwrap_or_default()
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_counts_by_percent() {
        let furthest = [(0, 1), (99, 1), (100, 1), (200, 1)].map(|(at, n)| (Position::At(at), n));
        let furthest = furthest.into_iter().chain([(Position::End, 4)]);
        let left_at = [
            (Position::At(0), 3),
            (Position::At(200), 1),
            (Position::End, 4),
        ];
        let retention = Retention::of(furthest, left_at, 200);
        assert_eq!(retention.sessions, 8);
        assert_eq!(
            (retention.reached.len(), retention.left_at.len()),
            (101, 100)
        );
        let reached = [0, 1, 49, 50, 51, 100].map(|percent| retention.reached[percent]);
        assert_eq!(reached, [1.0, 0.875, 0.875, 0.75, 0.625, 0.625]);
        assert_eq!((retention.left_at[0], retention.left_at[99]), (3, 5));
    }

    #[test]
    fn without_sessions_or_duration() {
        let retention = Retention::of([], [], 0);
        assert_eq!(retention.sessions, 0);
        assert!(retention.reached.iter().all(|share| *share == 0.0));
        assert_eq!(
            Retention::of([(Position::At(5), 1)], [], 0).reached[100],
            1.0
        );
    }
}
