//! The bytes of a row of `playback_watch`. Keys are told from that of the newest register: in the row of somebody who
//! watches on one device they all are one key.

use reportd_journal::{Reader, put_signed, put_unsigned};
use reportd_protocol::playback::meaning::{Newest, OrderKey};

use super::facts::Facts;
use super::{Registers, Slot, Source, Watch};
use crate::plays::{Plays, UNNAMED};
use crate::seen::code::{NO_KEY, put_key, read_flags, read_key};
use crate::seen::runs::Runs;

const IS_EPISODE: u8 = 1;
const HAS_SEASONS: u8 = 1 << 1;
const HAS_REGISTERS: u8 = 1 << 2;
const HAS_ACTIVE: u8 = 1 << 3;
/// The newest A is the newest B.
const ACTIVE_IS_FIRST: u8 = 1 << 4;
const HAS_CUT: u8 = 1 << 5;
const HAS_SLOT: u8 = 1 << 6;
const HAS_MORE_PLAYS: u8 = 1 << 7;

/// The part of the play sessions is that of the first register.
const SAME_PART: u8 = 1;
/// Their name is the source of the first register.
const SAME_SESSION: u8 = 1 << 1;
const IS_UNNAMED: u8 = 1 << 2;
const KNOWN_OF_SLOT: u8 = (1 << 3) - 1;

type Register = (Source, Newest<Facts>);

impl Watch {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut registers: Vec<Register> =
            self.registers.sources().map(|(s, b)| (*s, *b)).collect();
        registers.sort_unstable_by_key(|(_, beat)| std::cmp::Reverse(beat.key));
        let first = registers.first().copied();
        let active = self.registers.active();
        let active_is_first = first.zip(active).is_some_and(|((source, beat), active)| {
            beat.key == active.key && source == active.value
        });
        let mut bytes = Vec::with_capacity(64);
        let flags = [
            (IS_EPISODE, self.is_episode),
            (HAS_SEASONS, !self.seasons.is_empty()),
            (HAS_REGISTERS, first.is_some()),
            (HAS_ACTIVE, active.is_some() && !active_is_first),
            (ACTIVE_IS_FIRST, active_is_first),
            (HAS_CUT, self.cut.is_some()),
            (HAS_SLOT, self.slot.is_some()),
            (HAS_MORE_PLAYS, self.has_more_plays),
        ];
        let set = flags.iter().filter(|(_, is_set)| *is_set);
        bytes.push(set.fold(0, |flags, (flag, _)| flags | flag));
        self.days.put(&mut bytes);
        if !self.seasons.is_empty() {
            put_unsigned(&mut bytes, self.seasons.len() as u64);
            for season in &self.seasons {
                put_signed(&mut bytes, *season);
            }
        }
        if first.is_some() {
            put_registers(&mut bytes, &registers);
        }
        let from = first.map_or(NO_KEY, |(_, beat)| beat.key);
        if let Some(active) = active.filter(|_| !active_is_first) {
            put_key(&mut bytes, from, active.key);
            put_source(&mut bytes, active.value);
        }
        if let Some(cut) = self.cut {
            put_key(&mut bytes, from, cut);
        }
        if let Some(slot) = &self.slot {
            put_slot(&mut bytes, first.map(|(source, _)| source), from, slot);
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote; `None` if it is nothing of that.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let flags = reader.byte()?;
        let has = |bit: u8| flags & bit != 0;
        let days = Runs::read(&mut reader)?;
        let mut seasons = Vec::new();
        if has(HAS_SEASONS) {
            for _ in 0..reader.unsigned()? {
                seasons.push(reader.signed()?);
            }
        }
        let registers = if has(HAS_REGISTERS) {
            read_registers(&mut reader)?
        } else {
            Vec::new()
        };
        let first = registers.first().copied();
        let from = first.map_or(NO_KEY, |(_, beat)| beat.key);
        let active = if has(ACTIVE_IS_FIRST) {
            let (value, beat) = first?;
            let key = beat.key;
            Some(Newest { key, value })
        } else if has(HAS_ACTIVE) {
            let key = read_key(&mut reader, from)?;
            let value = read_source(&mut reader)?;
            Some(Newest { key, value })
        } else {
            None
        };
        let mut cut = None;
        if has(HAS_CUT) {
            cut = Some(read_key(&mut reader, from)?);
        }
        let mut slot = None;
        if has(HAS_SLOT) {
            slot = Some(read_slot(
                &mut reader,
                first.map(|(source, _)| source),
                from,
            )?);
        }
        let watch = Self {
            days,
            seasons,
            is_episode: has(IS_EPISODE),
            registers: Registers::from_parts(active, registers),
            cut,
            slot,
            has_more_plays: has(HAS_MORE_PLAYS),
        };
        reader.is_empty().then_some(watch)
    }
}

fn put_registers(bytes: &mut Vec<u8>, registers: &[Register]) {
    put_unsigned(bytes, registers.len() as u64);
    let mut from = NO_KEY;
    for (source, beat) in registers {
        put_key(bytes, from, beat.key);
        from = beat.key;
        put_source(bytes, *source);
        beat.value.put(bytes);
    }
}

fn read_registers(reader: &mut Reader<'_>) -> Option<Vec<Register>> {
    let count = reader.unsigned()?;
    let mut registers = Vec::new();
    let mut key = NO_KEY;
    for _ in 0..count {
        key = read_key(reader, key)?;
        let source = read_source(reader)?;
        let value = Facts::read(reader)?;
        registers.push((source, Newest { key, value }));
    }
    Some(registers)
}

fn put_source(bytes: &mut Vec<u8>, (cid, source): Source) {
    put_signed(bytes, cid);
    bytes.extend(source.to_be_bytes());
}

fn read_source(reader: &mut Reader<'_>) -> Option<Source> {
    let cid = reader.signed()?;
    Some((cid, read_hash(reader)?))
}

fn read_hash(reader: &mut Reader<'_>) -> Option<u64> {
    reader.exact(8)?.try_into().ok().map(u64::from_be_bytes)
}

fn put_slot(bytes: &mut Vec<u8>, first: Option<Source>, from: OrderKey, slot: &Slot) {
    let same_part = first.is_some_and(|(cid, _)| cid == slot.cid);
    let is_unnamed = slot.session == UNNAMED;
    let same_session = first.is_some_and(|(_, source)| source.cast_signed() == slot.session);
    let same_session = same_session && !is_unnamed;
    let flags = [
        (SAME_PART, same_part),
        (SAME_SESSION, same_session),
        (IS_UNNAMED, is_unnamed),
    ];
    let set = flags.iter().filter(|(_, is_set)| *is_set);
    bytes.push(set.fold(0, |flags, (flag, _)| flags | flag));
    if !same_part {
        put_signed(bytes, slot.cid);
    }
    if !is_unnamed && !same_session {
        bytes.extend(slot.session.to_be_bytes());
    }
    slot.plays.put(bytes, from);
}

fn read_slot(reader: &mut Reader<'_>, first: Option<Source>, from: OrderKey) -> Option<Slot> {
    let flags = read_flags(reader, KNOWN_OF_SLOT)?;
    let has = |bit: u8| flags & bit != 0;
    let cid = if has(SAME_PART) {
        first?.0
    } else {
        reader.signed()?
    };
    let session = if has(IS_UNNAMED) {
        UNNAMED
    } else if has(SAME_SESSION) {
        first?.1.cast_signed()
    } else {
        read_hash(reader)?.cast_signed()
    };
    Some(Slot {
        cid,
        session,
        plays: Plays::read(reader, session, from)?,
    })
}
