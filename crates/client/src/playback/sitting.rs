//! What a player has done so far, and the beats that tell it. No time passes in here but the one that
//! is given.

use std::borrow::Cow;

use reportd_protocol::playback::{Beat, MAX_SECONDS, PlayType, Position};

/// One sitting: from the start of a video to its end in one player.
#[derive(Debug)]
pub(super) struct Sitting {
    /// What all beats have in common.
    common: Beat<'static>,
    position: Position,
    is_playing: bool,
    played_ms: i64,
    /// Until when [`Self::played_ms`] is counted.
    counted_to_ms: i64,
}

impl Sitting {
    /// A sitting that starts playing now, with the beat that says so. Of `video` it takes the
    /// position and what stays the same.
    pub(super) fn start(
        video: Beat<'static>,
        session: String,
        now_ms: i64,
    ) -> (Self, Beat<'static>) {
        let mut sitting = Self {
            position: video.position,
            common: Beat {
                session: Some(Cow::Owned(session)),
                // One start for all beats: the seed has it in seconds.
                start_ts: Some(now_ms.div_euclid(1000).max(0)),
                ..video
            },
            is_playing: true,
            played_ms: 0,
            counted_to_ms: now_ms,
        };
        let beat = sitting.beat(PlayType::Start, now_ms);
        (sitting, beat)
    }

    /// Takes note of where the player is.
    pub(super) fn move_to(&mut self, position: Position) {
        self.position = position;
    }

    /// The beat of a player that plays on; `None` while it is paused, when nothing changes.
    pub(super) fn tick(&mut self, now_ms: i64) -> Option<Beat<'static>> {
        self.is_playing
            .then(|| self.beat(PlayType::Playing, now_ms))
    }

    /// The beat of a pause; `None` if it is paused already.
    pub(super) fn pause(&mut self, now_ms: i64) -> Option<Beat<'static>> {
        if !self.is_playing {
            return None;
        }
        let beat = self.beat(PlayType::Pause, now_ms);
        self.is_playing = false;
        Some(beat)
    }

    /// The beat of playing on after a pause; `None` if it plays already.
    pub(super) fn resume(&mut self, now_ms: i64) -> Option<Beat<'static>> {
        if self.is_playing {
            return None;
        }
        let beat = self.beat(PlayType::Resume, now_ms);
        self.is_playing = true;
        Some(beat)
    }

    /// The last beat.
    pub(super) fn end(&mut self, now_ms: i64) -> Beat<'static> {
        let beat = self.beat(PlayType::End, now_ms);
        self.is_playing = false;
        beat
    }

    fn beat(&mut self, play_type: PlayType, now_ms: i64) -> Beat<'static> {
        self.count_to(now_ms);
        let played_s = u32::try_from(self.played_ms / 1000).unwrap_or(MAX_SECONDS);
        Beat {
            play_type,
            position: self.position,
            // Without pauses: it is the total time of playing (`seed playback-report`).
            realtime_s: Some(played_s.min(MAX_SECONDS)),
            ..self.common.clone()
        }
    }

    /// Counts the time that has passed as played, if it was. A clock that is set back takes none away.
    fn count_to(&mut self, now_ms: i64) {
        if self.is_playing {
            let passed_ms = now_ms.saturating_sub(self.counted_to_ms).max(0);
            self.played_ms = self.played_ms.saturating_add(passed_ms);
        }
        self.counted_to_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> (Sitting, Beat<'static>) {
        let video = Beat {
            aid: 2,
            position: Position::At(30),
            ..Beat::default()
        };
        Sitting::start(video, "s".to_owned(), 1_000_999)
    }

    fn told(beat: &Beat<'_>) -> (u8, i64, u32) {
        let played_s = beat.realtime_s.unwrap();
        (beat.play_type.number(), beat.position.wire(), played_s)
    }

    #[test]
    fn pauses_are_not_played() {
        let (mut sitting, beat) = start();
        assert_eq!(told(&beat), (1, 30, 0));
        sitting.move_to(Position::At(44));
        assert_eq!(told(&sitting.tick(1_015_998).unwrap()), (0, 44, 14));
        assert_eq!(told(&sitting.pause(1_015_999).unwrap()), (2, 44, 15));
        assert_eq!(sitting.tick(1_030_999), None);
        assert_eq!(sitting.pause(1_030_999), None);
        sitting.move_to(Position::At(10));
        assert_eq!(told(&sitting.resume(1_100_999).unwrap()), (3, 10, 15));
        assert_eq!(sitting.resume(1_100_999), None);
        sitting.move_to(Position::End);
        assert_eq!(told(&sitting.end(1_105_999)), (4, -1, 20));
    }

    #[test]
    fn all_beats_have_the_session_and_the_start() {
        let (mut sitting, first) = start();
        for beat in [first, sitting.end(9_000_000)] {
            assert_eq!((beat.aid, beat.start_ts), (2, Some(1000)));
            assert_eq!(beat.session.as_deref(), Some("s"));
        }
    }

    #[test]
    fn a_clock_that_jumps_takes_nothing_away_and_adds_no_more_than_a_beat_can_hold() {
        let (mut sitting, _) = start();
        assert_eq!(sitting.tick(1_010_999).unwrap().realtime_s, Some(10));
        assert_eq!(sitting.tick(0).unwrap().realtime_s, Some(10));
        assert_eq!(sitting.tick(5_000).unwrap().realtime_s, Some(15));
        let late = sitting.tick(i64::MAX).unwrap();
        assert_eq!(late.realtime_s, Some(MAX_SECONDS));
    }
}
