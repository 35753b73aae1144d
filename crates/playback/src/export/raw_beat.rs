//! A raw report, and the form in which the export shows it.

use reportd_protocol::playback::{Position, bvid_of};
use serde::Serialize;

use crate::entry::BeatRecord;

/// A report as it was accepted. As JSON it is an object with the names of a heartbeat's fields, without those that it has
/// no value for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RawBeat<'a> {
    /// When it arrived, in ms.
    #[serde(rename = "received_at")]
    pub received_at_ms: i64,
    /// When it counts, in ms: when it arrived, or what an import says.
    #[serde(rename = "at")]
    pub at_ms: i64,
    /// The viewer, where the number in the entry is somebody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<i64>,
    /// The video.
    pub aid: i64,
    /// The same as a bvid, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bvid: Option<String>,
    /// The part, or 0: the whole video.
    pub cid: i64,
    /// Where the viewer was, in seconds; -1 is the end.
    pub progress: i64,
    /// What the player did.
    pub play_type: i64,
    /// The sitting, by a hash of what the player calls it. None where nobody is named: entries from before there were
    /// hashes hold the player's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    /// The platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<&'a str>,
    /// What sort of video it is.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub video_type: Option<i64>,
    /// What sort of season.
    #[serde(rename = "sub_type", skip_serializing_if = "Option::is_none")]
    pub season_type: Option<i64>,
    /// On what it was watched.
    #[serde(rename = "dt", skip_serializing_if = "Option::is_none")]
    pub device: Option<i64>,
    /// The episode.
    #[serde(rename = "epid", skip_serializing_if = "Option::is_none")]
    pub episode_id: Option<i64>,
    /// The season.
    #[serde(rename = "sid", skip_serializing_if = "Option::is_none")]
    pub season_id: Option<i64>,
    /// How long the part is, in seconds.
    #[serde(rename = "duration", skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<i64>,
    /// How long the player said it was open, in seconds.
    #[serde(rename = "realtime", skip_serializing_if = "Option::is_none")]
    pub realtime_s: Option<i64>,
    /// How long it said it had played, in seconds.
    #[serde(rename = "real_played_time", skip_serializing_if = "Option::is_none")]
    pub real_played_s: Option<i64>,
    /// When it said it began: only entries from before 2026-11-22 hold it, and it is shown where somebody is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_ts: Option<i64>,
    /// Where the player was last, in seconds; -1 is the end.
    #[serde(
        rename = "last_play_progress_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_progress: Option<i64>,
    /// The furthest it had been, in seconds; -1 is the end.
    #[serde(
        rename = "max_play_progress_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_progress: Option<i64>,
}

impl<'a> RawBeat<'a> {
    pub(super) fn new(received_at_ms: i64, mid: Option<i64>, record: &'a BeatRecord<'_>) -> Self {
        let beat = &record.beat;
        let mid = mid.filter(|_| !record.is_anonymous);
        Self {
            received_at_ms,
            at_ms: record.at_ms.unwrap_or(received_at_ms),
            mid,
            aid: beat.aid,
            bvid: bvid_of(beat.aid),
            cid: beat.cid,
            progress: beat.position.wire(),
            play_type: beat.play_type.number().into(),
            session: beat.session.as_deref().filter(|_| mid.is_some()),
            platform: beat.platform.as_deref(),
            video_type: beat.video_type.map(|of| of.number().into()),
            season_type: beat.season_type.map(|of| of.number().into()),
            device: beat.device.map(|device| device.number().into()),
            episode_id: beat.episode_id,
            season_id: beat.season_id,
            duration_s: beat.duration_s.map(i64::from),
            realtime_s: beat.realtime_s.map(i64::from),
            real_played_s: beat.real_played_s.map(i64::from),
            start_ts: beat.start_ts.filter(|_| mid.is_some()),
            last_progress: beat.last_progress.map(Position::wire),
            max_progress: beat.max_progress.map(Position::wire),
        }
    }
}
