//! Writing an entry.

use reportd_journal::{put_bytes, put_signed, put_unsigned};
use reportd_protocol::playback::meaning::DeleteScope;
use reportd_protocol::playback::{Beat, Business, Position, SeasonType, VideoType};

use super::{
    BeatRecord, Record, SESSION_BYTES, VERSION, ViewerNo, has, scope, source_of_session, tag,
};

/// Room for most beats.
const USUAL_BYTES: usize = 96;

impl Record<'_> {
    /// The entry's payload.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        match self {
            Record::Beat(record) => put_beat(&mut bytes, record),
            Record::Delete {
                viewer,
                id,
                scope,
                at_ms,
            } => {
                put_head(&mut bytes, tag::DELETE, *viewer);
                bytes.extend(id.to_be_bytes());
                put_scope(&mut bytes, *scope, *at_ms);
            }
            Record::Undo { viewer, ids } => {
                put_head(&mut bytes, tag::UNDO, *viewer);
                put_unsigned(&mut bytes, ids.len() as u64);
                bytes.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
            }
            Record::Erase { viewer } => put_head(&mut bytes, tag::ERASE, *viewer),
        }
        bytes
    }
}

fn put_head(bytes: &mut Vec<u8>, tag: u8, viewer: ViewerNo) {
    bytes.extend([VERSION, tag]);
    bytes.extend(viewer.to_be_bytes());
}

fn put_scope(bytes: &mut Vec<u8>, deleted: DeleteScope, at_ms: Option<i64>) {
    let at = if at_ms.is_some() { scope::AT } else { 0 };
    match deleted {
        DeleteScope::All => bytes.push(scope::ALL | at),
        DeleteScope::Entry(kid) => {
            bytes.push(scope::ENTRY | at);
            let place = Business::ALL
                .iter()
                .position(|business| *business == kid.business);
            put_unsigned(bytes, place.unwrap_or_default() as u64);
            put_signed(bytes, kid.number);
        }
    }
    if let Some(at_ms) = at_ms {
        put_signed(bytes, at_ms);
    }
}

/// A session as its bytes, where it is 32 lower-case hexadecimal digits.
fn session_bytes(session: &str) -> Option<[u8; SESSION_BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits: &[u8; 2 * SESSION_BYTES] = session.as_bytes().try_into().ok()?;
    let mut bytes = [0; SESSION_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn put_beat(bytes: &mut Vec<u8>, record: &BeatRecord<'_>) {
    let beat = &record.beat;
    let session = beat.session.as_deref();
    let in_hex = session.and_then(session_bytes);
    let is_of_session = session.is_some_and(|session| source_of_session(session) == record.source);
    let mut bits = kinds(beat);
    let mut mark = |bit: u32, is_there: bool| bits |= if is_there { bit } else { 0 };
    mark(has::ANONYMOUS, record.is_anonymous);
    mark(has::SOURCE, !is_of_session);
    mark(has::AT, record.at_ms.is_some());
    mark(has::SESSION_TEXT, session.is_some() && in_hex.is_none());
    mark(has::SESSION_HEX, in_hex.is_some());
    mark(has::PLATFORM, beat.platform.is_some());
    mark(has::DEVICE, beat.device.is_some());
    mark(has::EPISODE, beat.episode_id.is_some());
    mark(has::SEASON, beat.season_id.is_some());
    mark(has::DURATION, beat.duration_s.is_some());
    mark(has::REALTIME, beat.realtime_s.is_some());
    mark(has::REAL_PLAYED, beat.real_played_s.is_some());
    mark(has::START_TS, beat.start_ts.is_some());
    mark(has::LAST, beat.last_progress.is_some());
    mark(has::MAX, beat.max_progress.is_some());
    mark(has::IGNORED, beat.ignored_values > 0);
    put_head(bytes, tag::BEAT, record.viewer);
    bytes.extend(&bits.to_le_bytes()[..3]);
    if !is_of_session {
        bytes.extend(record.source.to_be_bytes());
    }
    put_signed(bytes, record.day);
    put_optional(bytes, record.at_ms);
    put_signed(bytes, beat.aid);
    put_signed(bytes, beat.cid);
    put_position(bytes, Some(beat.position));
    match (in_hex, session) {
        (Some(digits), _) => bytes.extend(digits),
        (None, Some(session)) => put_bytes(bytes, session.as_bytes()),
        (None, None) => {}
    }
    if let Some(platform) = &beat.platform {
        put_bytes(bytes, platform.as_bytes());
    }
    put_facts(bytes, beat);
}

/// What is seldom all there, in the order of its bits.
fn put_facts(bytes: &mut Vec<u8>, beat: &Beat<'_>) {
    bytes.extend(beat.device.map(|device| device.number()));
    put_optional(bytes, beat.episode_id);
    put_optional(bytes, beat.season_id);
    let seconds = [beat.duration_s, beat.realtime_s, beat.real_played_s];
    for seconds in seconds.into_iter().flatten() {
        put_unsigned(bytes, u64::from(seconds));
    }
    put_optional(bytes, beat.start_ts);
    put_position(bytes, beat.last_progress);
    put_position(bytes, beat.max_progress);
    if beat.ignored_values > 0 {
        bytes.push(beat.ignored_values);
    }
}

/// The small sets of a beat, as the lowest bits.
fn kinds(beat: &Beat<'_>) -> u32 {
    let place = |known: VideoType| VideoType::ALL.iter().position(|kind| *kind == known);
    let video_type = beat.video_type.and_then(place).map_or(0, |place| place + 1);
    let video_type = u32::try_from(video_type).unwrap_or_default();
    let season_type = beat.season_type.map_or(0, SeasonType::number);
    u32::from(beat.play_type.number())
        | video_type << has::VIDEO_TYPE_AT
        | u32::from(season_type) << has::SEASON_TYPE_AT
}

fn put_optional(bytes: &mut Vec<u8>, number: Option<i64>) {
    if let Some(number) = number {
        put_signed(bytes, number);
    }
}

/// Positions as they are on the wire, so that the end is short too.
fn put_position(bytes: &mut Vec<u8>, position: Option<Position>) {
    put_optional(bytes, position.map(Position::wire));
}
