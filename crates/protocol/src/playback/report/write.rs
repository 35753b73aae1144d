//! Writes reports as clients send them: urlencoded bodies.

use super::Beat;
use crate::playback::form::{FormWriter, Name};

/// What proves the session of a history/report, beside the cookie.
#[derive(Clone, Copy)]
pub enum HistoryProof<'a> {
    /// The session's `access_key`; no cookie is needed.
    AccessKey(&'a str),
    /// The session's csrf token; `SESSDATA` is sent as a cookie.
    Csrf(&'a str),
}

/// The body of a history/report. It has no field for `session`, nor for what a player counts.
#[must_use]
pub fn history_form(beat: &Beat<'_>, proof: HistoryProof<'_>) -> String {
    let mut form = FormWriter::new();
    match proof {
        HistoryProof::AccessKey(key) => form.text(Name::AccessKey, key),
        HistoryProof::Csrf(csrf) => form.text(Name::Csrf, csrf),
    }
    write_place(&mut form, beat);
    form.number(Name::Progress, beat.position.wire());
    form.optional_text(Name::Platform, beat.platform.as_deref());
    form.optional(Name::Duration, beat.duration_s);
    form.finish()
}

/// The body of a heartbeat; `SESSDATA` is sent as a cookie.
#[must_use]
pub fn heartbeat_form(beat: &Beat<'_>, csrf: Option<&str>) -> String {
    let mut form = FormWriter::new();
    write_place(&mut form, beat);
    form.number(Name::PlayedTime, beat.position.wire());
    form.number(Name::PlayType, beat.play_type.number());
    form.optional(Name::Realtime, beat.realtime_s);
    form.optional(Name::RealPlayedTime, beat.real_played_s);
    form.optional(Name::StartTs, beat.start_ts);
    form.optional(Name::VideoDuration, beat.duration_s);
    form.optional(Name::LastProgress, beat.last_progress.map(|at| at.wire()));
    form.optional(Name::MaxProgress, beat.max_progress.map(|at| at.wire()));
    form.optional_text(Name::Session, beat.session.as_deref());
    form.optional_text(Name::Csrf, csrf);
    form.finish()
}

fn write_place(form: &mut FormWriter, beat: &Beat<'_>) {
    form.number(Name::Aid, beat.aid);
    form.number(Name::Cid, beat.cid);
    form.optional(Name::Epid, beat.episode_id);
    form.optional(Name::Sid, beat.season_id);
    form.optional(Name::Type, beat.video_type.map(|kind| kind.number()));
    form.optional(Name::SubType, beat.season_type.map(|kind| kind.number()));
    form.optional(Name::Dt, beat.device.map(|device| device.number()));
}
