//! Both reports as one value, a [`Beat`]: what a history/report and a heartbeat have in common is
//! that a viewer is at some place of a video.

mod kinds;
mod read;
mod write;

use std::borrow::Cow;

pub use kinds::{Business, Device, PlayType, SeasonType, VideoType};
pub(super) use read::read_video;
pub use write::{HistoryProof, heartbeat_form, history_form};

use super::position::Position;

/// Most characters of `session`; real ones have 32. Our limit.
pub const MAX_PLAY_SESSION_CHARS: usize = 128;

/// Most characters of `platform`. Our limit.
pub const MAX_PLATFORM_CHARS: usize = 32;

/// A report, valid and normalised. What is `None` was absent, empty, or a value that is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beat<'a> {
    /// The video; at least 1. A `bvid` has become its aid.
    pub aid: i64,
    /// The part of it, or 0: the whole video.
    pub cid: i64,
    /// Where the viewer is: `progress` or `played_time`. Past [`duration_s`](Self::duration_s) it is
    /// the end.
    pub position: Position,
    /// What the player does.
    pub play_type: PlayType,
    /// `session`: the player's own name of this sitting. Only of heartbeats.
    pub session: Option<Cow<'a, str>>,
    /// `platform`. Only of history/reports.
    pub platform: Option<Cow<'a, str>>,
    /// What sort of video it is.
    pub video_type: Option<VideoType>,
    /// What sort of season; of episodes alone.
    pub season_type: Option<SeasonType>,
    /// The device.
    pub device: Option<Device>,
    /// `epid`: the episode.
    pub episode_id: Option<i64>,
    /// `sid`: the season.
    pub season_id: Option<i64>,
    /// How long the part is, as the player says, in seconds; at least 1.
    pub duration_s: Option<u32>,
    /// `realtime`: for how long the player says it has been open, in seconds.
    pub realtime_s: Option<u32>,
    /// `real_played_time`: for how long it says it has played, in seconds.
    pub real_played_s: Option<u32>,
    /// `start_ts`: when it says it began, as it was sent; no key, since some clients compute it anew
    /// on each beat.
    pub start_ts: Option<i64>,
    /// `last_play_progress_time`: where the player was last.
    pub last_progress: Option<Position>,
    /// `max_play_progress_time`: the furthest it has been.
    pub max_progress: Option<Position>,
    /// How many values were sent that nobody knows, and are ignored.
    pub ignored_values: u8,
}
