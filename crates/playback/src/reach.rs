//! How far play sessions got: sparse histograms in few bytes.
//!
//! A row holds the seconds of one chunk, so that a beat, which moves a session by some seconds, touches few bytes. It
//! says itself which seconds they are. The end has a chunk of its own.

use std::collections::BTreeMap;

use reportd_journal::{Reader, put_signed, put_unsigned};
use reportd_protocol::playback::Position;

/// Seconds of a chunk.
const CHUNK_SECONDS: u32 = 128;
/// Seconds that are told apart: six days. A position behind them counts as the last one, so that what players make up makes
/// no read dear.
const MOST_SECONDS: u32 = 4_096 * CHUNK_SECONDS;
/// The chunk of the end.
const END_CHUNK: i64 = -1;

/// The chunk in which a position is counted, and its place in it.
pub(crate) fn chunk_of(position: Position) -> (i64, u32) {
    match position {
        Position::End => (END_CHUNK, 0),
        Position::At(seconds) => {
            let seconds = seconds.min(MOST_SECONDS - 1);
            (i64::from(seconds / CHUNK_SECONDS), seconds % CHUNK_SECONDS)
        }
    }
}

/// How many sessions have a position as their furthest, and as their last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) furthest: i64,
    pub(crate) left_at: i64,
}

/// The histograms of furthest and of last positions, in one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    chunk: i64,
    /// By place in the chunk; none is nothing.
    counts: BTreeMap<u32, Counts>,
}

impl Reach {
    /// An empty one of a chunk.
    pub(crate) const fn of_chunk(chunk: i64) -> Self {
        Self {
            chunk,
            counts: BTreeMap::new(),
        }
    }

    /// Reads what [`Self::encode`] wrote; `None` if it is nothing of that.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.is_empty() {
            return Some(Self::of_chunk(END_CHUNK));
        }
        let chunk = i64::try_from(reader.unsigned()?).ok()? + END_CHUNK;
        let mut counts = BTreeMap::new();
        let mut next = 0_u32;
        while !reader.is_empty() {
            let gap = u32::try_from(reader.unsigned()?).ok()?;
            let place = next
                .checked_add(gap)
                .filter(|place| *place < CHUNK_SECONDS)?;
            let of_place = Counts {
                furthest: reader.signed()?,
                left_at: reader.signed()?,
            };
            counts.insert(place, of_place);
            next = place + 1;
        }
        Some(Self { chunk, counts })
    }

    /// Its bytes: none where it says nothing.
    pub(crate) fn encode(&self) -> Vec<u8> {
        if self.counts.is_empty() {
            return Vec::new();
        }
        let mut bytes = Vec::with_capacity(3 + 4 * self.counts.len());
        put_unsigned(&mut bytes, (self.chunk - END_CHUNK).cast_unsigned());
        let mut next = 0;
        for (place, counts) in &self.counts {
            put_unsigned(&mut bytes, u64::from(place - next));
            put_signed(&mut bytes, counts.furthest);
            put_signed(&mut bytes, counts.left_at);
            next = place + 1;
        }
        bytes
    }

    /// Counts more, or less, at a place.
    pub(crate) fn add(&mut self, place: u32, by: Counts) {
        let counts = self.counts.entry(place).or_default();
        counts.furthest += by.furthest;
        counts.left_at += by.left_at;
        if *counts == Counts::default() {
            self.counts.remove(&place);
        }
    }

    /// How many sessions have each position as their furthest.
    pub(crate) fn furthest(&self) -> impl Iterator<Item = (Position, u64)> {
        self.histogram(|counts| counts.furthest)
    }

    /// How many sessions have each position as their last.
    pub(crate) fn left_at(&self) -> impl Iterator<Item = (Position, u64)> {
        self.histogram(|counts| counts.left_at)
    }

    fn histogram(&self, of: fn(&Counts) -> i64) -> impl Iterator<Item = (Position, u64)> {
        let counts = self.counts.iter();
        counts.filter_map(move |(&place, counts)| {
            let count = u64::try_from(of(counts)).ok().filter(|count| *count > 0)?;
            Some((self.position(place), count))
        })
    }

    fn position(&self, place: u32) -> Position {
        let chunk = u32::try_from(self.chunk).ok();
        let start = chunk.and_then(|chunk| chunk.checked_mul(CHUNK_SECONDS));
        let seconds = start.and_then(|start| start.checked_add(place));
        seconds.map_or(Position::End, Position::At)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_reads_back_as_it_was_counted() {
        let last = Position::At(MOST_SECONDS - 1);
        assert_eq!(chunk_of(Position::At(1 << 31)), chunk_of(last));
        let positions = [0, 1, 127, 128, 1_000, MOST_SECONDS - 1].map(Position::At);
        for position in positions.into_iter().chain([Position::End]) {
            let (chunk, place) = chunk_of(position);
            let mut reach = Reach::of_chunk(chunk);
            for (furthest, left_at) in [(3, 1), (-1, 70), (0, 0)] {
                reach.add(place, Counts { furthest, left_at });
            }
            let bytes = reach.encode();
            let read = Reach::decode(&bytes).unwrap();
            assert_eq!(read, reach);
            assert_eq!(read.furthest().collect::<Vec<_>>(), [(position, 2)]);
            assert_eq!(read.left_at().collect::<Vec<_>>(), [(position, 71)]);
            let cuts = (0..bytes.len()).filter(|&end| Reach::decode(&bytes[..end]).is_some());
            let head = if position == last { 2 } else { 1 };
            assert_eq!(cuts.collect::<Vec<_>>(), [0, head], "these count nothing");
            reach.add(
                place,
                Counts {
                    furthest: -2,
                    left_at: -71,
                },
            );
            assert!(reach.encode().is_empty());
        }
    }

    #[test]
    fn places_of_a_chunk_stand_in_order() {
        let mut reach = Reach::of_chunk(2);
        for place in [127, 0, 5, 6] {
            reach.add(
                place,
                Counts {
                    furthest: 1,
                    left_at: 0,
                },
            );
        }
        let bytes = reach.encode();
        assert_eq!(bytes, [3, 0, 2, 0, 4, 2, 0, 0, 2, 0, 120, 2, 0]);
        let read = Reach::decode(&bytes).unwrap();
        let seconds = read.furthest().map(|(position, _)| position.wire());
        assert_eq!(seconds.collect::<Vec<_>>(), [256, 261, 262, 383]);
        assert_eq!(read.left_at().count(), 0);
        assert_eq!(
            Reach::decode(&[1, 127, 2, 0, 0, 2, 0]),
            None,
            "past the chunk"
        );
    }
}
