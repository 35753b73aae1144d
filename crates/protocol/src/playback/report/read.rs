//! Reads both reports. What is refused and what is ignored is `spec playback-report`, both endpoints
//! and Tolerance.

use std::borrow::Cow;

use super::kinds::{Device, PlayType, SeasonType, VideoType};
use super::{Beat, MAX_PLATFORM_CHARS, MAX_PLAY_SESSION_CHARS};
use crate::playback::bvid::aid_of;
use crate::playback::form::{Form, Name};
use crate::playback::number;
use crate::playback::position::Position;
use crate::playback::refusal::Refusal;
use crate::values::{Problem, limit_chars};

impl<'f> Beat<'f> {
    /// Reads a history/report: it is a beat of play type 0.
    ///
    /// # Errors
    /// -400 for the first of `aid`, `cid` and `progress` that is malformed, or a missing `aid`. What is
    /// merely kept (`platform`, `type`, `sub_type`, `dt`, `duration`, `sid`, `epid`) is ignored where
    /// it is not valid.
    pub fn history_report(form: &'f Form<'_>) -> Result<Self, Refusal> {
        let mut ignored = Ignored(0);
        let aid = form.optional(Name::Aid, number::id)?;
        let aid = aid.ok_or_else(|| form.missing(Name::Aid))?;
        let duration_s = ignored.unless(form.optional(Name::Duration, number::seconds));
        let duration_s = known_duration(duration_s.flatten());
        let video_type = ignored.find(form, Name::Type, VideoType::from_number);
        Ok(Self {
            aid,
            cid: form.optional(Name::Cid, number::natural)?.unwrap_or(0),
            position: read_position(form, Name::Progress)?.within(duration_s),
            platform: ignored.unless(text(form, Name::Platform, MAX_PLATFORM_CHARS)),
            video_type,
            season_type: ignored.find_season_type(form, video_type),
            device: ignored.find(form, Name::Dt, Device::from_number),
            episode_id: optional_id(ignored.unless(form.optional(Name::Epid, number::natural))),
            season_id: optional_id(ignored.unless(form.optional(Name::Sid, number::natural))),
            duration_s,
            ignored_values: ignored.0,
            ..Self::default()
        })
    }

    /// Reads a heartbeat. `mid` is not looked at: the session says who.
    ///
    /// # Errors
    /// -400 for the first field that is malformed; if neither `aid` nor `bvid` is there; if both are
    /// and name two videos. Unknown values of `type`, `sub_type`, `dt` and `play_type` are ignored, and
    /// so is a `start_ts` that is none: it is no key.
    pub fn heartbeat(form: &'f Form<'_>) -> Result<Self, Refusal> {
        let mut ignored = Ignored(0);
        let seconds = |name| form.optional(name, number::seconds).map(Option::flatten);
        let duration_s = known_duration(seconds(Name::VideoDuration)?);
        let video_type = ignored.find(form, Name::Type, VideoType::from_number);
        Ok(Self {
            aid: read_video(form)?,
            cid: form.optional(Name::Cid, number::natural)?.unwrap_or(0),
            position: read_position(form, Name::PlayedTime)?.within(duration_s),
            play_type: ignored
                .find(form, Name::PlayType, PlayType::from_number)
                .unwrap_or_default(),
            session: text(form, Name::Session, MAX_PLAY_SESSION_CHARS)?,
            platform: None,
            video_type,
            season_type: ignored.find_season_type(form, video_type),
            device: ignored.find(form, Name::Dt, Device::from_number),
            episode_id: optional_id(form.optional(Name::Epid, number::natural)?),
            season_id: optional_id(form.optional(Name::Sid, number::natural)?),
            duration_s,
            realtime_s: seconds(Name::Realtime)?,
            real_played_s: seconds(Name::RealPlayedTime)?,
            start_ts: ignored.unless(form.optional(Name::StartTs, number::natural)),
            last_progress: form.optional(Name::LastProgress, number::position)?,
            max_progress: form.optional(Name::MaxProgress, number::position)?,
            ignored_values: ignored.0,
        })
    }
}

/// The video of `aid`, `bvid` or both.
pub(in crate::playback) fn read_video(form: &Form<'_>) -> Result<i64, Refusal> {
    let aid = form.optional(Name::Aid, number::id)?;
    let of_bvid = form.optional(Name::Bvid, |text| {
        aid_of(text.trim_ascii()).ok_or(Problem::Expected("a bvid"))
    })?;
    match (aid, of_bvid) {
        (Some(aid), Some(of_bvid)) if aid != of_bvid => {
            let problem = Problem::Refused("not the video of aid");
            Err(Refusal::field(Name::Bvid, problem))
        }
        (Some(aid), _) | (None, Some(aid)) => Ok(aid),
        (None, None) => Err(form.missing(Name::Aid)),
    }
}

fn read_position(form: &Form<'_>, name: Name) -> Result<Position, Refusal> {
    let position = form.optional(name, number::position)?;
    Ok(position.unwrap_or_default())
}

/// A text that a store can keep.
fn text<'f>(
    form: &'f Form<'_>,
    name: Name,
    max_chars: usize,
) -> Result<Option<Cow<'f, str>>, Refusal> {
    form.optional(name, |text| {
        limit_chars(text, max_chars)?;
        if text.chars().any(char::is_control) {
            return Err(Problem::Refused("holds a control character"));
        }
        Ok(Cow::Borrowed(text))
    })
}

/// A player that does not know the duration yet says 0.
fn known_duration(duration_s: Option<u32>) -> Option<u32> {
    duration_s.filter(|duration_s| *duration_s > 0)
}

/// Players send 0 where there is no episode or season.
fn optional_id(id: Option<i64>) -> Option<i64> {
    id.filter(|id| *id > 0)
}

/// Counts what is ignored.
struct Ignored(u8);

impl Ignored {
    /// A value of a set; one that nobody knows is ignored, and so is one that is no number.
    fn find<T>(
        &mut self,
        form: &Form<'_>,
        name: Name,
        find: impl FnOnce(i64) -> Option<T>,
    ) -> Option<T> {
        let found = form.optional(name, |text| {
            find(number::integer(text)?).ok_or(Problem::OutOfRange)
        });
        self.unless(found)
    }

    /// `sub_type` says something about episodes alone.
    fn find_season_type(
        &mut self,
        form: &Form<'_>,
        video_type: Option<VideoType>,
    ) -> Option<SeasonType> {
        let found = self.find(form, Name::SubType, SeasonType::from_number);
        found.filter(|_| video_type == Some(VideoType::Episode))
    }

    fn unless<T>(&mut self, value: Result<Option<T>, Refusal>) -> Option<T> {
        value.unwrap_or_else(|_| {
            self.0 += 1;
            None
        })
    }
}
