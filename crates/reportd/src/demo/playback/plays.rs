//! Who watched what, and what their players told meanwhile.

use reportd_client::protocol::playback::{Beat, Device, PlayType, Position, VideoType};
use reportd_platform::clock::{HOUR_MS, SECOND_MS};

use super::catalogue::{VIDEOS, VIRAL_VIDEO, duration_s};
use super::{FIRST_AID, FIRST_CID, SEED, mid};
use crate::demo::draw::{Draw, Shares, place, scaled};
use crate::demo::rhythm::{VIDEOS as EVENINGS, day, start_of};
use crate::demo::steps::Steps;

/// Plays of the history, and how many beats they have together.
pub(super) const PLAYS: u64 = 5_000;
const BEATS: u64 = 100_000;
/// Those of them that are of the video of which everybody spoke, so many days before the last.
const VIRAL_PLAYS: u64 = 430;
const VIRAL_DAYS_AGO: i64 = 9;
/// People who watch.
const VIEWERS: u64 = 1_500;
/// Between two beats of a player.
pub(super) const CADENCE_S: u32 = 15;

/// A beat, of whom and when.
pub(super) struct TimedBeat {
    pub(super) mid: i64,
    pub(super) at_ms: i64,
    pub(super) beat: Beat<'static>,
}

/// Somebody watches a video.
pub(super) struct Play {
    viewer: u64,
    video: u64,
    at_ms: i64,
    /// Where the viewer began, and how long they stayed, in seconds.
    from_s: u32,
    stays_s: u32,
    pauses: bool,
    device: Option<Device>,
    number: u64,
}

/// All plays of the history, by time.
pub(super) fn plays(steps: &Steps) -> Vec<Play> {
    let last = day(steps.ends_ms());
    let viral_ms = start_of(last - VIRAL_DAYS_AGO) + 11 * HOUR_MS;
    let mut draw = Draw::of(SEED, 0);
    let mut all = Vec::with_capacity(place(PLAYS));
    let mut shares = Shares::new(PLAYS - VIRAL_PLAYS, steps.weight(&EVENINGS));
    for &(from_ms, to_ms) in steps.all() {
        let share = shares.give(EVENINGS.at(from_ms) * (to_ms - from_ms).unsigned_abs());
        for _ in 0..share {
            let at_ms = draw.between(from_ms, to_ms - 1);
            let mut play = Play::of(all.len() as u64, at_ms);
            // The first viewer watches most days, and the video that the lines name is a favourite.
            if draw.happens(9) {
                play.viewer = 0;
            }
            if draw.happens(16) {
                play.set_video(0);
            }
            all.push(play);
        }
    }
    for number in 0..VIRAL_PLAYS {
        // It begins at noon, is everywhere in the evening, and is over after two days.
        let later_ms = draw.wait(9 * HOUR_MS);
        let at_ms = (viral_ms + later_ms).min(steps.ends_ms() - HOUR_MS);
        let mut play = Play::of(PLAYS + number, at_ms);
        play.set_video(VIRAL_VIDEO);
        all.push(play);
    }
    stretch(&mut all);
    all
}

/// Lengthens or shortens all stays alike, so that the beats are as many as they should be.
fn stretch(plays: &mut [Play]) {
    for _ in 0..8 {
        let beats: u64 = plays.iter().map(|play| play.beat_count()).sum();
        let times = BEATS as f64 / beats as f64;
        if (0.997..1.003).contains(&times) {
            return;
        }
        for play in plays.iter_mut().filter(|play| !play.sees_all()) {
            let stays_s = scaled(u64::from(play.stays_s), times.powf(1.6)).max(6);
            play.stays_s = u32::try_from(stays_s).unwrap_or(6).min(play.left_s());
        }
    }
}

impl Play {
    fn of(number: u64, at_ms: i64) -> Self {
        let mut draw = Draw::of(SEED ^ 3, number);
        // A few viewers watch every day, most come now and then, and each day some for the first time.
        let viewer = if draw.happens(120) {
            draw.below(VIEWERS)
        } else {
            draw.skewed(VIEWERS)
        };
        // A browser, phones, a tablet, a television.
        let device = [2, 1, 3, 4, 33][draw.weighted([38, 34, 18, 7, 3].into_iter())];
        let device = Device::from_number(device);
        let mut play = Self {
            viewer,
            video: 0,
            at_ms,
            from_s: 0,
            stays_s: 0,
            pauses: draw.happens(140),
            device,
            number,
        };
        let video = draw.skewed(VIDEOS) * draw.between(1, 10).unsigned_abs() / 10;
        play.set_video(video.wrapping_mul(331) % VIDEOS);
        play
    }

    fn set_video(&mut self, video: u64) {
        self.video = video;
        let (mut draw, duration_s) = (Draw::of(SEED ^ 4, self.number), duration_s(video));
        // Who returns goes on where they were.
        self.from_s = if draw.happens(110) {
            part(duration_s, draw.unit() * 0.5)
        } else {
            0
        };
        let left_s = duration_s - self.from_s;
        // How good it is: some videos keep a third of their viewers, others two.
        let keeps = 230 + Draw::of(SEED ^ 5, video).below(420);
        self.stays_s = if draw.happens(keeps) {
            left_s
        } else if draw.happens(280) {
            part(left_s, 0.02 + draw.unit() * 0.1)
        } else {
            part(left_s, draw.unit().powf(0.8))
        };
    }

    fn left_s(&self) -> u32 {
        duration_s(self.video) - self.from_s
    }

    fn sees_all(&self) -> bool {
        self.stays_s >= self.left_s()
    }

    fn beat_count(&self) -> u64 {
        u64::from(self.stays_s / CADENCE_S) + 2 + if self.pauses { 2 } else { 0 }
    }

    /// What the player tells: a start, a beat each 15 seconds, a pause perhaps, and the end.
    pub(super) fn beats(&self) -> impl Iterator<Item = TimedBeat> {
        let mut beats = Vec::with_capacity(place(self.beat_count()));
        let pause_at_s = self
            .pauses
            .then_some(self.stays_s / 2 / CADENCE_S * CADENCE_S);
        let paused_s = 20 + u32::try_from(self.number % 90).unwrap_or(0);
        let mut late_s = 0;
        for stayed_s in (0..self.stays_s).step_by(CADENCE_S as usize) {
            let kind = if stayed_s == 0 {
                PlayType::Start
            } else {
                PlayType::Playing
            };
            beats.push(self.beat(kind, stayed_s, late_s));
            if pause_at_s == Some(stayed_s) {
                beats.push(self.beat(PlayType::Pause, stayed_s + 2, late_s));
                late_s = paused_s;
                beats.push(self.beat(PlayType::Resume, stayed_s + 2, late_s));
            }
        }
        beats.push(self.beat(PlayType::End, self.stays_s, late_s));
        beats.into_iter()
    }

    fn beat(&self, play_type: PlayType, stayed_s: u32, late_s: u32) -> TimedBeat {
        let stayed_s = stayed_s.min(self.stays_s);
        let (duration_s, position_s) = (duration_s(self.video), self.from_s + stayed_s);
        let mut session = Draw::of(SEED ^ 6, self.number);
        let session = format!("{:016x}{:016x}", session.next(), session.next());
        TimedBeat {
            mid: mid(self.viewer),
            at_ms: self.at_ms + i64::from(stayed_s + late_s) * SECOND_MS,
            beat: Beat {
                play_type,
                device: self.device,
                realtime_s: Some(stayed_s + late_s),
                real_played_s: Some(stayed_s),
                start_ts: Some(self.at_ms / SECOND_MS),
                ..beat(self.video, position_s, duration_s, session)
            },
        }
    }
}

/// A beat at some place of a video.
pub(super) fn beat(video: u64, position_s: u32, duration_s: u32, session: String) -> Beat<'static> {
    Beat {
        aid: FIRST_AID + video.cast_signed(),
        cid: FIRST_CID + video.cast_signed(),
        position: Position::At(position_s).within(Some(duration_s)),
        session: Some(session.into()),
        video_type: Some(VideoType::Upload),
        device: Some(Device::WEB),
        duration_s: Some(duration_s),
        ..Beat::default()
    }
}

fn part(of_s: u32, share: f64) -> u32 {
    u32::try_from(scaled(u64::from(of_s), share))
        .unwrap_or(of_s)
        .clamp(3, of_s.max(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_thousand_plays_have_twenty_beats_each_and_many_leave_early() {
        let steps = Steps::of_days(30, 1_795_341_600_000);
        let plays = plays(&steps);
        assert_eq!(plays.len() as u64, PLAYS);
        let beats: usize = plays.iter().map(|play| play.beats().count()).sum();
        assert!((96_000..104_000).contains(&beats), "{beats}");
        let whole = plays.iter().filter(|play| play.sees_all()).count();
        assert!((1_500..3_200).contains(&whole), "{whole}");
        let viewers: std::collections::HashSet<_> = plays.iter().map(|play| play.viewer).collect();
        assert!(viewers.len() > 800, "{}", viewers.len());
        for play in &plays {
            let beats: Vec<_> = play.beats().collect();
            assert!(beats.is_sorted_by_key(|beat| beat.at_ms));
        }
        // Of those who do not see all, some leave in each part: the curve falls to its end.
        for part in 0..5 {
            let leaves =
                |play: &&Play| !play.sees_all() && play.stays_s * 5 / play.left_s() == part;
            let count = plays.iter().filter(leaves).count();
            assert!(count > 150, "{count} leave in part {part}");
        }
        let videos: std::collections::HashSet<_> = plays.iter().map(|play| play.video).collect();
        assert!(videos.len() > 700, "{}", videos.len());
    }
}
