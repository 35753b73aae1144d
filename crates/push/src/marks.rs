//! Marks: which devices of a part did what. A *part* is 1,024 devices whose numbers follow each other; a device of it is
//! told by a few bits. The marks of a part are a few sets of devices, one for each thing that some of them did on a day,
//! and stand in one row: a feed that tells of many devices at once touches one row for 1,024 of them, and a lone receipt
//! one row, which is mostly below the 2 kB from which PostgreSQL keeps a value apart. Counters need no rows of their own
//! for what was seen: a device is new to a counter where none of the sets that feed it has it.

use reportd_journal::{Reader, put_signed, put_unsigned};

/// Devices of a part.
pub(crate) const PART_DEVICES: i64 = 1 << PLACE_BITS;
/// Bits of a place in a part.
pub(crate) const PLACE_BITS: u32 = 10;
const WORDS: usize = 1 << (PLACE_BITS - u64::BITS.ilog2());
const BITMAP_BYTES: usize = 8 * WORDS;

/// The part of a device, and its place in it.
pub(crate) fn part_of(device: i64) -> (i64, u16) {
    let place = u16::try_from(device.rem_euclid(PART_DEVICES));
    // The rest of a division by less than 2¹⁶.
    (device.div_euclid(PART_DEVICES), place.unwrap_or_default())
}

/// Some of the devices of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Devices([u64; WORDS]);

impl Devices {
    pub(crate) fn insert(&mut self, place: u16) {
        self.0[usize::from(place / 64)] |= 1 << (place % 64);
    }

    /// Those at these places.
    #[cfg(test)]
    pub(crate) fn of(places: &[u16]) -> Self {
        let mut devices = Self::default();
        for &place in places {
            devices.insert(place);
        }
        devices
    }

    pub(crate) fn union(mut self, other: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
        self
    }

    /// Those that `other` has not.
    pub(crate) fn without(mut self, other: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= !other;
        }
        self
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn count(self) -> i64 {
        self.0.iter().map(|word| i64::from(word.count_ones())).sum()
    }

    /// Their places, ascending.
    pub(crate) fn places(self) -> impl Iterator<Item = u16> {
        (0_u16..)
            .step_by(64)
            .zip(self.0)
            .flat_map(|(first, mut word)| {
                std::iter::from_fn(move || {
                    let place = u16::try_from(word.trailing_zeros()).ok()?;
                    (word != 0).then(|| {
                        word &= word - 1;
                        first + place
                    })
                })
            })
    }

    /// Writes them, of which there is at least one: 0 for all; 255 and a bit for each place; or how many, and for each,
    /// ascending, how many places are between it and the one before. Whichever is the shortest.
    pub(crate) fn put(self, bytes: &mut Vec<u8>) {
        let count = self.count();
        if count == PART_DEVICES {
            return bytes.push(ALL);
        }
        let begin = bytes.len();
        if let Some(count) = u8::try_from(count)
            .ok()
            .filter(|count| *count <= MOST_LISTED)
        {
            bytes.push(count);
            let mut next = 0;
            for place in self.places() {
                put_unsigned(bytes, u64::from(place - next));
                next = place + 1;
            }
            if bytes.len() - begin <= BITMAP_BYTES {
                return;
            }
            bytes.truncate(begin);
        }
        bytes.push(BITMAP);
        bytes.extend(self.0.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// Reads what [`Self::put`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut devices = Self::default();
        match reader.byte()? {
            ALL => devices.0 = [u64::MAX; WORDS],
            BITMAP => {
                for word in &mut devices.0 {
                    *word = u64::from_le_bytes(reader.exact(8)?.try_into().ok()?);
                }
            }
            count => {
                let mut next = 0;
                for _ in 0..count {
                    let place = u16::try_from(reader.unsigned()?).ok()?.checked_add(next)?;
                    if i64::from(place) >= PART_DEVICES {
                        return None;
                    }
                    devices.insert(place);
                    next = place + 1;
                }
            }
        }
        Some(devices)
    }
}

const ALL: u8 = 0;
const BITMAP: u8 = 255;
/// Of more devices a list is never the shortest.
const MOST_LISTED: u8 = 127;

/// What some devices did, by its code ([`crate::deed`]), and on which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Deed {
    pub(crate) day: i64,
    pub(crate) what: u64,
}

/// The marks of a part: each deed once, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Marks(Vec<(Deed, Devices)>);

impl Marks {
    /// Reads what [`Self::encode`] wrote; `None` where these are no marks.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        Self::decode_with(bytes, Devices::read)
    }

    /// The same, where sets of devices are written otherwise.
    pub(crate) fn decode_with(
        bytes: &[u8],
        read: impl Fn(&mut Reader<'_>) -> Option<Devices>,
    ) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut marks = Vec::new();
        let mut day = 0;
        while !reader.is_empty() {
            day += reader.signed()?;
            let what = reader.unsigned()?;
            marks.push((Deed { day, what }, read(&mut reader)?));
        }
        Some(Self(marks))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 12);
        let mut last_day = 0;
        for (deed, devices) in &self.0 {
            put_signed(&mut bytes, deed.day - last_day);
            last_day = deed.day;
            put_unsigned(&mut bytes, deed.what);
            devices.put(&mut bytes);
        }
        bytes
    }

    /// All devices that did one of the deeds that `is_meant`.
    pub(crate) fn of(&self, is_meant: impl Fn(Deed) -> bool) -> Devices {
        let meant = self.0.iter().filter(|(deed, _)| is_meant(*deed));
        meant.fold(Devices::default(), |all, (_, devices)| all.union(*devices))
    }

    /// All devices that did this.
    pub(crate) fn of_deed(&self, deed: Deed) -> Devices {
        let place = self.0.binary_search_by_key(&deed, |(known, _)| *known);
        place.map_or(Devices::default(), |place| self.0[place].1)
    }

    /// Adds devices to a deed; true where some of them are new to it.
    pub(crate) fn add(&mut self, deed: Deed, devices: Devices) -> bool {
        match self.0.binary_search_by_key(&deed, |(known, _)| *known) {
            Ok(place) => {
                let known = &mut self.0[place].1;
                let is_new = !devices.without(*known).is_empty();
                *known = known.union(devices);
                is_new
            }
            Err(place) => {
                self.0.insert(place, (deed, devices));
                true
            }
        }
    }

    /// These marks and `added`, which are in order and name each deed once: one walk over both.
    pub(crate) fn merged(self, added: Vec<(Deed, Devices)>) -> Self {
        let mut merged = Vec::with_capacity(self.0.len() + added.len());
        let mut added = added.into_iter().peekable();
        for (deed, mut devices) in self.0 {
            while let Some(before) = added.next_if(|(new, _)| *new < deed) {
                merged.push(before);
            }
            if let Some((_, more)) = added.next_if(|(new, _)| *new == deed) {
                devices = devices.union(more);
            }
            merged.push((deed, devices));
        }
        merged.extend(added);
        Self(merged)
    }

    /// How many deeds there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Deed, Devices)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const PLACES: u16 = 1 << PLACE_BITS;

    proptest! {
        #[test]
        fn marks_are_sets_and_read_back(
            added in proptest::collection::vec((0..4_i64, 0..3_u64, 0..PLACES), 0..1500),
            lone in proptest::collection::vec((0..4_i64, 3..9_u64, 0..PLACES), 0..40),
            all in any::<bool>(),
        ) {
            let mut marks = Marks::default();
            let mut model = BTreeSet::new();
            let every = (0..PLACES).map(|place| (19_000, 5, place));
            let every: Vec<_> = if all { every.collect() } else { Vec::new() };
            for &(day, what, place) in added.iter().chain(&lone).chain(&every) {
                let mut devices = Devices::default();
                devices.insert(place);
                let is_new = marks.add(Deed { day, what }, devices);
                prop_assert_eq!(is_new, model.insert((day, what, place)));
            }
            let read = Marks::decode(&marks.encode()).unwrap();
            prop_assert_eq!(&read, &marks);
            let of_what = |wanted| marks.of(|deed| deed.what == wanted).places().collect::<BTreeSet<_>>();
            for what in 0..9 {
                let expected: BTreeSet<u16> = model.iter().filter(|deed| deed.1 == what).map(|deed| deed.2).collect();
                prop_assert_eq!(of_what(what), expected);
            }
        }
    }

    #[test]
    fn devices_are_written_the_shortest_way() {
        let every = |step: usize| (0..PLACES).step_by(step).collect::<Vec<_>>();
        for (places, bytes) in [
            (vec![1023], 3),
            (vec![0, 1, 2], 4),
            (every(9), 1 + 114),
            (every(8), 1 + BITMAP_BYTES),
            // Some of a few are so far apart that a list would be as long.
            (every(2), 1 + BITMAP_BYTES),
            (every(1), 1),
        ] {
            let devices = Devices::of(&places);
            let mut written = Vec::new();
            devices.put(&mut written);
            assert_eq!(written.len(), bytes, "{} devices", places.len());
            let read = Devices::read(&mut Reader::new(&written));
            assert_eq!(read, Some(devices), "{} devices", places.len());
        }
        let beyond = [1, 0x80, 0x08];
        assert_eq!(Devices::read(&mut Reader::new(&beyond)), None);
    }

    #[test]
    fn devices_fall_into_parts_by_their_number() {
        assert_eq!(part_of(1), (0, 1));
        assert_eq!(part_of(1023), (0, 1023));
        assert_eq!(part_of(1024), (1, 0));
        assert_eq!(part_of(1_000_000), (976, 576));
    }
}
