//! Whether a video counts as seen to its end: judged when read, by the duration known then.

use crate::playback::position::Position;

/// How near the end is the end (`spec playback-report`, Finished).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishRule {
    /// So many seconds before the end, included.
    pub within_s: u32,
    /// Or so many percent of the duration before the end, included.
    pub within_percent: u32,
}

impl Default for FinishRule {
    fn default() -> Self {
        Self {
            within_s: 5,
            within_percent: 3,
        }
    }
}

impl FinishRule {
    /// Whether a position counts as the end. A duration of 0 is not known.
    #[must_use]
    pub fn is_finished(&self, position: Position, duration_s: Option<u32>) -> bool {
        let (Position::At(at_s), Some(duration_s)) = (position, duration_s.filter(|s| *s > 0))
        else {
            return position == Position::End;
        };
        let left_s = u64::from(duration_s.saturating_sub(at_s));
        let near_s = u64::from(self.within_s);
        left_s <= near_s || left_s * 100 <= u64::from(duration_s) * u64::from(self.within_percent)
    }

    /// A position as it reads back: finished is the end, -1.
    #[must_use]
    pub fn read_back(&self, position: Position, duration_s: Option<u32>) -> Position {
        if self.is_finished(position, duration_s) {
            Position::End
        } else {
            position
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_5_s_or_3_percent_of_a_known_duration() {
        let rule = FinishRule::default();
        for (at_s, duration_s, is_finished) in [
            (94, Some(100), false),
            (95, Some(100), true),
            (101, Some(100), true),
            (969, Some(1000), false),
            (970, Some(1000), true),
            (u32::MAX, Some(u32::MAX), true),
            (970, None, false),
            (970, Some(0), false),
            (0, Some(6), false),
        ] {
            let found = rule.is_finished(Position::At(at_s), duration_s);
            assert_eq!(found, is_finished, "{at_s} of {duration_s:?}");
        }
        assert!(rule.is_finished(Position::End, None));
        assert_eq!(rule.read_back(Position::At(95), Some(100)), Position::End);
        assert_eq!(rule.read_back(Position::At(94), Some(100)).wire(), 94);
    }
}
