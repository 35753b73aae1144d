//! The bytes of a row of `playback_seen`.

use reportd_journal::{Reader, put_signed, put_unsigned};
use reportd_protocol::playback::meaning::{DeleteScope, Kid};

use super::code::{NO_KEY, put_key, read_flags, read_key};
use super::runs::Runs;
use super::{Delete, Made, Seen};
use crate::watch::facts::{business_code, business_of};

const IS_ERASED: u8 = 1;
const HAS_INTERVALS: u8 = 1 << 1;
const HAS_IMPORTED: u8 = 1 << 2;
const HAS_DELETES: u8 = 1 << 3;
const HAS_SEASONS: u8 = 1 << 4;
const HAS_FINAL: u8 = 1 << 5;
const KNOWN_FLAGS: u8 = (1 << 6) - 1;

const IS_MADE: u8 = 1;
const IS_UNDONE: u8 = 1 << 1;
const COVERS_ALL: u8 = 1 << 2;
const BUSINESS_SHIFT: u8 = 3;
const KNOWN_OF_DELETE: u8 = (1 << 5) - 1;

impl Seen {
    /// Its bytes: none where it says nothing.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let flags = [
            (IS_ERASED, self.is_erased),
            (HAS_INTERVALS, !self.intervals.is_empty()),
            (HAS_IMPORTED, !self.imported.is_empty()),
            (HAS_DELETES, !self.deletes.is_empty()),
            (HAS_SEASONS, !self.seasons.is_empty()),
            (HAS_FINAL, self.final_before_ms.is_some()),
        ];
        let set = flags.iter().filter(|(_, is_set)| *is_set);
        let flags = set.fold(0, |flags, (flag, _)| flags | flag);
        if flags == 0 {
            return Vec::new();
        }
        let mut bytes = vec![flags];
        for runs in [&self.intervals, &self.imported] {
            if !runs.is_empty() {
                runs.put(&mut bytes);
            }
        }
        if !self.deletes.is_empty() {
            put_unsigned(&mut bytes, self.deletes.len() as u64);
            for (id, delete) in &self.deletes {
                bytes.extend(id.to_be_bytes());
                put_delete(&mut bytes, delete);
            }
        }
        if !self.seasons.is_empty() {
            put_unsigned(&mut bytes, self.seasons.len() as u64);
            for (season, key) in &self.seasons {
                put_signed(&mut bytes, *season);
                put_key(&mut bytes, NO_KEY, *key);
            }
        }
        if let Some(before_ms) = self.final_before_ms {
            put_signed(&mut bytes, before_ms);
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote; `None` if it is nothing of that.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut seen = Self::default();
        if bytes.is_empty() {
            return Some(seen);
        }
        let mut reader = Reader::new(bytes);
        let flags = read_flags(&mut reader, KNOWN_FLAGS)?;
        let has = |bit: u8| flags & bit != 0;
        seen.is_erased = has(IS_ERASED);
        if has(HAS_INTERVALS) {
            seen.intervals = Runs::read(&mut reader)?;
        }
        if has(HAS_IMPORTED) {
            seen.imported = Runs::read(&mut reader)?;
        }
        if has(HAS_DELETES) {
            for _ in 0..reader.unsigned()? {
                let id = reader.exact(8)?.try_into().ok().map(u64::from_be_bytes)?;
                seen.deletes.insert(id, read_delete(&mut reader)?);
            }
        }
        if has(HAS_SEASONS) {
            for _ in 0..reader.unsigned()? {
                let season = reader.signed()?;
                seen.seasons.insert(season, read_key(&mut reader, NO_KEY)?);
            }
        }
        if has(HAS_FINAL) {
            seen.final_before_ms = Some(reader.signed()?);
        }
        reader.is_empty().then_some(seen)
    }
}

fn put_delete(bytes: &mut Vec<u8>, delete: &Delete) {
    let undone = delete.undone_at_ms.map_or(0, |_| IS_UNDONE);
    let kid = match delete.made.map(|made| made.scope) {
        Some(DeleteScope::Entry(kid)) => Some(kid),
        _ => None,
    };
    let scope = match (delete.made, kid) {
        (None, _) => 0,
        (Some(_), None) => IS_MADE | COVERS_ALL,
        (Some(_), Some(kid)) => IS_MADE | business_code(kid.business) << BUSINESS_SHIFT,
    };
    bytes.push(undone | scope);
    if let Some(made) = delete.made {
        put_key(bytes, NO_KEY, made.key);
        put_signed(bytes, made.arrived_at_ms - made.key.received_at_ms);
    }
    if let Some(kid) = kid {
        put_signed(bytes, kid.number);
    }
    if let Some(undone_at_ms) = delete.undone_at_ms {
        put_signed(bytes, undone_at_ms);
    }
}

fn read_delete(reader: &mut Reader<'_>) -> Option<Delete> {
    let flags = read_flags(reader, KNOWN_OF_DELETE)?;
    let has = |bit: u8| flags & bit != 0;
    let mut delete = Delete::default();
    if has(IS_MADE) {
        let key = read_key(reader, NO_KEY)?;
        let arrived_at_ms = key.received_at_ms.checked_add(reader.signed()?)?;
        let scope = if has(COVERS_ALL) {
            DeleteScope::All
        } else {
            DeleteScope::Entry(Kid {
                business: business_of(flags >> BUSINESS_SHIFT)?,
                number: reader.signed()?,
            })
        };
        delete.made = Some(Made {
            key,
            scope,
            arrived_at_ms,
        });
    }
    if has(IS_UNDONE) {
        delete.undone_at_ms = Some(reader.signed()?);
    }
    Some(delete)
}
