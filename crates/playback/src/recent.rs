//! The newest beats of viewers, as folds hand them to all nodes: a row for each batch, for two minutes.

use reportd_journal::{Reader, put_signed, put_unsigned};
use reportd_platform::AppNo;
use reportd_protocol::playback::meaning::LastBeat;
use reportd_protocol::playback::{Device, PlayType};

use crate::entry::ViewerNo;
use crate::seen::code::{
    device_code, device_of, put_position, put_seconds, read_position, read_seconds,
};

/// How old a beat may be, against the newest of its batch, to be handed on.
pub(crate) const HANDED_ON_MS: i64 = 60_000;
/// How long a row stays.
pub(crate) const KEPT_MS: i64 = 120_000;

/// The newest beat of a viewer in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recent {
    pub(crate) app: AppNo,
    pub(crate) viewer: ViewerNo,
    pub(crate) aid: i64,
    pub(crate) cid: i64,
    pub(crate) beat: LastBeat,
    pub(crate) device: Option<Device>,
}

/// Writes beats, each about 25 bytes.
pub(crate) fn encode_recent(recent: &[Recent]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32 * recent.len());
    let mut at_ms = 0;
    for of_viewer in recent {
        let beat = &of_viewer.beat;
        put_unsigned(&mut bytes, u64::from(of_viewer.app));
        bytes.extend(of_viewer.viewer.to_be_bytes());
        put_signed(&mut bytes, beat.received_at_ms - at_ms);
        at_ms = beat.received_at_ms;
        put_signed(&mut bytes, of_viewer.aid);
        put_signed(&mut bytes, of_viewer.cid);
        bytes.push(device_code(of_viewer.device) | beat.play_type.number() << PLAY_TYPE_SHIFT);
        put_position(&mut bytes, beat.position);
        put_seconds(&mut bytes, beat.duration_s);
    }
    bytes
}

/// The beats of a row; a `None` among them is the last, where the row cannot be read on.
pub(crate) fn decode_recent(state: &[u8]) -> impl Iterator<Item = Option<Recent>> {
    let mut reader = Reader::new(state);
    let (mut at_ms, mut is_broken) = (0, false);
    std::iter::from_fn(move || {
        if reader.is_empty() || is_broken {
            return None;
        }
        let recent = read_recent(&mut reader, at_ms);
        at_ms = recent.map_or(0, |recent| recent.beat.received_at_ms);
        is_broken = recent.is_none();
        Some(recent)
    })
}

const PLAY_TYPE_SHIFT: u8 = 4;
const DEVICE_BITS: u8 = 0b1111;

fn read_recent(reader: &mut Reader<'_>, before_ms: i64) -> Option<Recent> {
    let app = AppNo::try_from(reader.unsigned()?).ok()?;
    let viewer = reader.exact(8)?.try_into().ok().map(u64::from_be_bytes)?;
    let received_at_ms = before_ms.checked_add(reader.signed()?)?;
    let (aid, cid) = (reader.signed()?, reader.signed()?);
    let kinds = reader.byte()?;
    let beat = LastBeat {
        received_at_ms,
        play_type: PlayType::from_number((kinds >> PLAY_TYPE_SHIFT).into())?,
        position: read_position(reader)?,
        duration_s: read_seconds(reader)?,
    };
    Some(Recent {
        app,
        viewer,
        aid,
        cid,
        beat,
        device: device_of(kinds & DEVICE_BITS)?,
    })
}

#[cfg(test)]
mod tests {
    use reportd_protocol::playback::Position;

    use super::*;

    #[test]
    fn beats_go_in_and_come_out() {
        let recent = |n: u32, position, device| Recent {
            app: n,
            viewer: (1 << 62) + u64::from(n),
            aid: i64::from(n) << 40,
            cid: i64::from(n),
            beat: LastBeat {
                received_at_ms: 1_795_233_600_000 - i64::from(n),
                play_type: PlayType::ALL[n as usize],
                position,
                duration_s: Some(n).filter(|n| *n > 1),
            },
            device: Device::from_number(device),
        };
        let all = [
            recent(1, Position::End, 0),
            recent(2, Position::At(0), 7),
            recent(4, Position::At(1 << 31), 33),
        ];
        let bytes = encode_recent(&all);
        assert!(decode_recent(&bytes).eq(all.into_iter().map(Some)));
        for end in 0..bytes.len() {
            let read: Vec<_> = decode_recent(&bytes[..end]).collect();
            let whole = read.iter().flatten().count();
            assert!(read.len() - whole <= 1, "none behind the one that is cut");
            assert!(read.iter().flatten().eq(&all[..whole]), "{end}");
        }
    }
}
