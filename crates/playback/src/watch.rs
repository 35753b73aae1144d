//! Where a viewer is in a video.
//!
//! Of a video only its newest part is ever read back. So the registers of the spec, two for each part and source, are
//! one [`PartState`] of the whole video, whose sources are pairs of a part and a source: its newest A is that of the
//! newest part, and of the B only those matter that are not older.
//!
//! The row also holds the play session that was told of last: as a rule it is the next to be told of.

mod code;
pub(crate) mod facts;
pub(crate) mod fold;
#[cfg(test)]
mod tests;

use reportd_protocol::playback::meaning::{DeletedVideo, Newest, OrderKey, PartState};
use reportd_protocol::playback::{Business, Device, PlayType, Position};

use self::facts::{Facts, business_code};
use crate::plays::Plays;
use crate::seen::runs::Runs;

/// Most B that are kept: the newest. Whoever has paused on more devices since the active one was heard of is at the
/// newest of these.
const MOST_SOURCES: usize = 32;
/// Most seasons that are known of a video: the least.
const MOST_SEASONS: usize = 16;

/// A source of a video: the part, and the source.
pub(crate) type Source = (i64, u64);
/// The registers of a video.
pub(crate) type Registers = PartState<Source, Facts>;

/// A row of `playback_watch`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Watch {
    /// On which days the viewer watched.
    pub(crate) days: Runs,
    /// The seasons that reports have named, in order.
    pub(crate) seasons: Vec<i64>,
    /// Whether a report has called it an episode.
    pub(crate) is_episode: bool,
    pub(crate) registers: Registers,
    /// The newest delete that covered it when the row was written, where that takes something away.
    pub(crate) cut: Option<OrderKey>,
    /// The play sessions of one name, those that were told of last.
    pub(crate) slot: Option<Slot>,
    /// Whether `playback_play` has play sessions of it.
    pub(crate) has_more_plays: bool,
}

/// Play sessions of one name at a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) cid: i64,
    /// A hash of the name, [`crate::plays::UNNAMED`] without one.
    pub(crate) session: i64,
    pub(crate) plays: Plays,
}

/// Where an entry stands in the history: the columns `view_at`, `number` and `business`.
pub(crate) type PlaceColumns = (i64, i64, i64);

/// Of a row that is not in the history.
pub(crate) const NO_PLACE: PlaceColumns = (-1, 0, 0);

impl Watch {
    /// Takes what a beat says.
    pub(crate) fn take(&mut self, source: Source, play_type: PlayType, beat: Newest<Facts>) {
        self.registers
            .merge(Registers::of_beat(source, play_type, beat));
        if self.registers.sources().count() > MOST_SOURCES {
            self.keep_newest_sources();
        }
    }

    /// Of the registers the newest stay. One that is passed by so many only comes back by a newer beat of its own, so
    /// what stays is the same in any order.
    fn keep_newest_sources(&mut self) {
        let mut sources: Vec<_> = self.registers.sources().map(|(s, b)| (*s, *b)).collect();
        sources.sort_unstable_by_key(|(_, beat)| std::cmp::Reverse(beat.key));
        sources.truncate(MOST_SOURCES);
        self.registers = Registers::from_parts(self.registers.active().copied(), sources);
    }

    /// Adds a season; true where the row did not know it.
    pub(crate) fn name_season(&mut self, season: i64) -> bool {
        let Err(place) = self.seasons.binary_search(&season) else {
            return false;
        };
        self.seasons.insert(place, season);
        self.seasons.truncate(MOST_SEASONS);
        true
    }

    /// Drops all that says where the viewer is.
    pub(crate) fn erase(&mut self) {
        self.registers = Registers::default();
        self.seasons.clear();
        self.is_episode = false;
        self.cut = None;
    }

    /// Drops the registers that a delete covers, for good.
    pub(crate) fn drop_to(&mut self, cut: OrderKey) {
        let active = self.registers.active().filter(|active| active.key > cut);
        let newest = self.registers.sources().filter(|(_, beat)| beat.key > cut);
        let newest: Vec<_> = newest.map(|(source, beat)| (*source, *beat)).collect();
        self.registers = Registers::from_parts(active.copied(), newest);
    }

    /// The newest delete that covers it, where it takes something away.
    pub(crate) fn set_cut(&mut self, cut: Option<OrderKey>) {
        let keys = self.registers.sources().map(|(_, beat)| beat.key);
        let keys = keys.chain(self.registers.active().map(|active| active.key));
        let oldest = keys.min();
        self.cut = cut.filter(|cut| oldest.is_some_and(|oldest| oldest <= *cut));
    }

    pub(crate) fn as_deleted(&self, aid: i64) -> DeletedVideo<'_> {
        DeletedVideo {
            aid,
            seasons: &self.seasons,
            is_episode: self.is_episode,
        }
    }

    /// The place of its entry.
    pub(crate) fn place(&self, aid: i64) -> PlaceColumns {
        let Some((_, beat)) = self.position() else {
            return NO_PLACE;
        };
        let kid = beat.value.kid(aid);
        (
            beat.key.received_at_ms.div_euclid(1000),
            kid.number,
            business_code(kid.business).into(),
        )
    }

    /// The beat that gives the position.
    fn position(&self) -> Option<(&Source, &Newest<Facts>)> {
        let counts = |key: OrderKey| self.cut.is_none_or(|cut| key > cut);
        let registers = &self.registers;
        let active = registers.active().filter(|active| counts(active.key));
        // It is passed by where too many have paused since.
        let of_active = active.and_then(|active| {
            let mut sources = registers.sources();
            sources.find(|(source, _)| **source == active.value)
        });
        of_active.or_else(|| {
            let counted = registers.sources().filter(|(_, beat)| counts(beat.key));
            counted.max_by_key(|(_, beat)| beat.key)
        })
    }
}

/// The entry of a video in the history of a viewer, as its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) aid: i64,
    /// The newest part.
    pub(crate) cid: i64,
    pub(crate) position: Position,
    pub(crate) duration_s: Option<u32>,
    pub(crate) device: Option<Device>,
    pub(crate) business: Business,
    pub(crate) season_id: Option<i64>,
    pub(crate) episode_id: Option<i64>,
    pub(crate) view_at_ms: i64,
}

/// What the row of a video says, deletes applied; `None` where the video is not in the history, or the row cannot be
/// read.
pub(crate) fn shown(aid: i64, state: &[u8]) -> Option<Shown> {
    let watch = Watch::decode(state)?;
    let (&(cid, _), beat) = watch.position()?;
    let Facts {
        position,
        duration_s,
        device,
        business,
        season_id,
        episode_id,
    } = beat.value;
    Some(Shown {
        aid,
        cid,
        position,
        duration_s,
        device,
        business,
        season_id,
        episode_id,
        view_at_ms: beat.key.received_at_ms,
    })
}
