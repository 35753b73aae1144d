//! Reading an entry.

use std::borrow::Cow;

use reportd_journal::Reader;
use reportd_platform::secret::hex;
use reportd_protocol::playback::meaning::{DeleteScope, Kid};
use reportd_protocol::playback::{
    Beat, Business, Device, PlayType, Position, SeasonType, VideoType,
};

use super::{
    BeatRecord, Record, SESSION_BYTES, VERSION, ViewerNo, has, scope, source_of_session, tag,
};

impl<'a> Record<'a> {
    /// Reads a payload; `None` where it is none of this room's.
    pub(crate) fn decode(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        if reader.byte()? != VERSION {
            return None;
        }
        let tag = reader.byte()?;
        let viewer = number(&mut reader)?;
        let record = match tag {
            tag::BEAT => Record::Beat(beat(&mut reader, viewer)?),
            tag::DELETE => delete(&mut reader, viewer)?,
            tag::UNDO => undo(&mut reader, viewer)?,
            tag::ERASE => Record::Erase { viewer },
            _ => return None,
        };
        reader.is_empty().then_some(record)
    }
}

fn number(reader: &mut Reader<'_>) -> Option<u64> {
    Some(u64::from_be_bytes(reader.exact(8)?.try_into().ok()?))
}

fn delete(reader: &mut Reader<'_>, viewer: ViewerNo) -> Option<Record<'static>> {
    let id = number(reader)?;
    let bits = reader.byte()?;
    let deleted = match bits & !scope::AT {
        scope::ALL => DeleteScope::All,
        scope::ENTRY => {
            let place = usize::try_from(reader.unsigned()?).ok()?;
            DeleteScope::Entry(Kid {
                business: *Business::ALL.get(place)?,
                number: reader.signed()?,
            })
        }
        _ => return None,
    };
    let at_ms = optional(bits & scope::AT != 0, || reader.signed())?;
    Some(Record::Delete {
        viewer,
        id,
        scope: deleted,
        at_ms,
    })
}

fn undo(reader: &mut Reader<'_>, viewer: ViewerNo) -> Option<Record<'static>> {
    let count = reader.unsigned()?;
    // What is not there is not read, so a wrong count allocates nothing.
    let ids = (0..count).map(|_| number(reader)).collect::<Option<_>>()?;
    Some(Record::Undo { viewer, ids })
}

/// What `read` reads where it is there.
#[expect(
    clippy::option_option,
    reason = "what is absent and what cannot be read are two things"
)]
fn optional<T>(is_there: bool, read: impl FnOnce() -> Option<T>) -> Option<Option<T>> {
    if is_there {
        read().map(Some)
    } else {
        Some(None)
    }
}

fn beat<'a>(reader: &mut Reader<'a>, viewer: ViewerNo) -> Option<BeatRecord<'a>> {
    let &[low, middle, high] = reader.exact(3)?.first_chunk()?;
    let bits = u32::from_le_bytes([low, middle, high, 0]);
    let is_there = |bit: u32| bits & bit != 0;
    let source = optional(is_there(has::SOURCE), || number(reader))?;
    let day = reader.signed()?;
    let at_ms = optional(is_there(has::AT), || reader.signed())?;
    let mut beat = Beat {
        aid: reader.signed()?,
        cid: reader.signed()?,
        position: position(reader)?,
        ..kinds(bits)?
    };
    beat.session = session(reader, bits)?;
    beat.platform = optional(is_there(has::PLATFORM), || reader.text())?.map(Cow::Borrowed);
    facts(reader, bits, &mut beat)?;
    let source = match (source, &beat.session) {
        (Some(source), _) => source,
        (None, Some(session)) => source_of_session(session),
        (None, None) => return None,
    };
    Some(BeatRecord {
        viewer,
        is_anonymous: is_there(has::ANONYMOUS),
        source,
        day,
        at_ms,
        beat,
    })
}

#[expect(
    clippy::option_option,
    reason = "what is absent and what cannot be read are two things"
)]
fn session<'a>(reader: &mut Reader<'a>, bits: u32) -> Option<Option<Cow<'a, str>>> {
    if bits & has::SESSION_HEX != 0 {
        return Some(Some(hex(reader.exact(SESSION_BYTES)?).into()));
    }
    let text = optional(bits & has::SESSION_TEXT != 0, || reader.text())?;
    Some(text.map(Cow::Borrowed))
}

fn position(reader: &mut Reader<'_>) -> Option<Position> {
    Position::from_wire(reader.signed()?)
}

fn seconds(reader: &mut Reader<'_>) -> Option<u32> {
    u32::try_from(reader.unsigned()?).ok()
}

fn facts(reader: &mut Reader<'_>, bits: u32, beat: &mut Beat<'_>) -> Option<()> {
    let is_there = |bit: u32| bits & bit != 0;
    beat.device = optional(is_there(has::DEVICE), || {
        Device::from_number(i64::from(reader.byte()?))
    })?;
    beat.episode_id = optional(is_there(has::EPISODE), || reader.signed())?;
    beat.season_id = optional(is_there(has::SEASON), || reader.signed())?;
    beat.duration_s = optional(is_there(has::DURATION), || seconds(reader))?;
    beat.realtime_s = optional(is_there(has::REALTIME), || seconds(reader))?;
    beat.real_played_s = optional(is_there(has::REAL_PLAYED), || seconds(reader))?;
    beat.start_ts = optional(is_there(has::START_TS), || reader.signed())?;
    beat.last_progress = optional(is_there(has::LAST), || position(reader))?;
    beat.max_progress = optional(is_there(has::MAX), || position(reader))?;
    beat.ignored_values = optional(is_there(has::IGNORED), || reader.byte())?.unwrap_or(0);
    Some(())
}

/// The small sets.
fn kinds(bits: u32) -> Option<Beat<'static>> {
    let video_type = match bits >> has::VIDEO_TYPE_AT & 3 {
        0 => None,
        place => Some(*VideoType::ALL.get(usize::try_from(place).ok()? - 1)?),
    };
    let season_type = match bits >> has::SEASON_TYPE_AT & 7 {
        0 => None,
        number => Some(SeasonType::from_number(i64::from(number))?),
    };
    Some(Beat {
        play_type: PlayType::from_number(i64::from(bits & 7))?,
        video_type,
        season_type,
        ..Beat::default()
    })
}
