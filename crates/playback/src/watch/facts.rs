//! What a beat says of where a viewer is.

use reportd_journal::{Reader, put_signed};
use reportd_protocol::playback::meaning::Kid;
use reportd_protocol::playback::{Beat, Business, Device, Position};

use crate::seen::code::{
    device_code, device_of, put_position, put_seconds, read_position, read_seconds,
};

/// What is kept of the newest beat of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) position: Position,
    pub(crate) duration_s: Option<u32>,
    pub(crate) device: Option<Device>,
    pub(crate) business: Business,
    pub(crate) season_id: Option<i64>,
    pub(crate) episode_id: Option<i64>,
}

impl Facts {
    pub(crate) fn of(beat: &Beat<'_>) -> Self {
        Self {
            position: beat.position,
            duration_s: beat.duration_s,
            device: beat.device,
            business: Business::of(beat.video_type),
            season_id: beat.season_id,
            episode_id: beat.episode_id,
        }
    }

    /// The name of the video's entry in the history.
    pub(crate) fn kid(&self, aid: i64) -> Kid {
        Kid::of(self.business, aid, self.season_id)
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        let flag = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        bytes.push(
            device_code(self.device)
                | business_code(self.business) << BUSINESS_SHIFT
                | flag(self.season_id.is_some(), HAS_SEASON)
                | flag(self.episode_id.is_some(), HAS_EPISODE),
        );
        put_position(bytes, self.position);
        put_seconds(bytes, self.duration_s);
        for id in [self.season_id, self.episode_id].into_iter().flatten() {
            put_signed(bytes, id);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let head = reader.byte()?;
        let position = read_position(reader)?;
        let duration_s = read_seconds(reader)?;
        let mut id = |bit: u8| match head & bit {
            0 => Some(None),
            _ => reader.signed().map(Some),
        };
        Some(Self {
            position,
            duration_s,
            device: device_of(head & DEVICE_BITS)?,
            business: business_of(head >> BUSINESS_SHIFT & BUSINESS_BITS)?,
            season_id: id(HAS_SEASON)?,
            episode_id: id(HAS_EPISODE)?,
        })
    }
}

const DEVICE_BITS: u8 = 0b1111;
const BUSINESS_SHIFT: u8 = 4;
const BUSINESS_BITS: u8 = 0b11;
const HAS_SEASON: u8 = 1 << 6;
const HAS_EPISODE: u8 = 1 << 7;

/// A business as it is stored, here and in the column: the order is that of places.
pub(crate) const fn business_code(business: Business) -> u8 {
    match business {
        Business::Archive => 0,
        Business::Pgc => 1,
        Business::Cheese => 2,
    }
}

/// The business of a code.
pub(crate) fn business_of(code: u8) -> Option<Business> {
    Business::ALL.get(usize::from(code)).copied()
}
