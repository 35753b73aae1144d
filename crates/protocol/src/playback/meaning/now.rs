//! Who is viewing now.

use super::finish::FinishRule;
use crate::playback::position::Position;
use crate::playback::report::PlayType;

/// How old the newest beat of a viewer may be, exclusive: 45 seconds (`spec playback-report`).
pub const VIEWING_WINDOW_MS: i64 = 45_000;

/// The newest beat of a viewer, of any source and any video: a register by viewer. Whoever watches
/// two videos at once is viewing the one that spoke last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastBeat {
    /// When it was received, in ms since 1970.
    pub received_at_ms: i64,
    /// What the player did.
    pub play_type: PlayType,
    /// Where it was.
    pub position: Position,
    /// How long the part is, in seconds, as known now.
    pub duration_s: Option<u32>,
}

impl LastBeat {
    /// Whether the viewer is viewing: under 45 s ago, playing, and not finished.
    #[must_use]
    pub fn is_viewing(&self, now_ms: i64, rule: &FinishRule) -> bool {
        now_ms.saturating_sub(self.received_at_ms) < VIEWING_WINDOW_MS
            && self.play_type.is_viewing()
            && !rule.is_finished(self.position, self.duration_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewing_is_under_45_s_playing_and_not_finished() {
        let beat = LastBeat {
            received_at_ms: 1000,
            play_type: PlayType::Playing,
            position: Position::At(10),
            duration_s: Some(100),
        };
        let rule = FinishRule::default();
        let is_viewing = |beat: LastBeat, now_ms| beat.is_viewing(now_ms, &rule);
        assert!(is_viewing(beat, 45_999) && !is_viewing(beat, 46_000));
        assert!(is_viewing(beat, 0), "a clock of another node is ahead");
        for play_type in PlayType::ALL {
            let expected = matches!(play_type.number(), 0 | 1 | 3);
            assert_eq!(is_viewing(LastBeat { play_type, ..beat }, 1000), expected);
        }
        let position = Position::End;
        assert!(!is_viewing(LastBeat { position, ..beat }, 1000));
        let position = Position::At(96);
        assert!(!is_viewing(LastBeat { position, ..beat }, 1000));
    }
}
