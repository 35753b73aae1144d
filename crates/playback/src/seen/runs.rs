//! A set of whole numbers, such as days, as runs: neighbours cost nothing.

use reportd_journal::{Reader, put_signed, put_unsigned};

/// A set of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Runs(Vec<Run>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: i64,
    /// Included.
    last: i64,
}

/// Between which members of a set a new one came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Between {
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
}

impl Runs {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a number; `None` where it is known.
    pub(crate) fn insert(&mut self, number: i64) -> Option<Between> {
        // Of the runs from here on the first is the one that may hold it, or stand behind it.
        let place = self.0.partition_point(|run| run.last < number);
        let next = self.0.get(place).copied();
        if next.is_some_and(|run| run.first <= number) {
            return None;
        }
        let previous = place.checked_sub(1).and_then(|place| self.0.get(place));
        let between = Between {
            before: previous.map(|run| run.last),
            after: next.map(|run| run.first),
        };
        let joins_previous = between.before.is_some_and(|last| last + 1 == number);
        let joins_next = between.after.is_some_and(|first| first - 1 == number);
        match (joins_previous, joins_next) {
            (true, true) => {
                let next = self.0.remove(place);
                self.0[place - 1].last = next.last;
            }
            (true, false) => self.0[place - 1].last = number,
            (false, true) => self.0[place].first = number,
            (false, false) => self.0.insert(
                place,
                Run {
                    first: number,
                    last: number,
                },
            ),
        }
        Some(between)
    }

    /// Drops what is less.
    pub(crate) fn drop_before(&mut self, number: i64) {
        self.0.retain(|run| run.last >= number);
        if let Some(run) = self.0.first_mut() {
            run.first = run.first.max(number);
        }
    }

    /// Its members, the least first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().flat_map(|run| run.first..=run.last)
    }

    /// Writes it: how many runs, and for each how far it begins behind the one before, and how much longer than one it is.
    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        put_unsigned(bytes, self.0.len() as u64);
        let mut end = 0;
        for run in &self.0 {
            put_signed(bytes, run.first - end);
            put_signed(bytes, run.last - run.first);
            end = run.last;
        }
    }

    /// Reads what [`Self::put`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.unsigned()?;
        let mut runs = Vec::new();
        let mut end = 0_i64;
        for place in 0..count {
            let first = end.checked_add(reader.signed()?)?;
            let last = first.checked_add(reader.signed()?)?;
            if last < first || (place > 0 && first.checked_sub(end)? < 2) {
                return None;
            }
            runs.push(Run { first, last });
            end = last;
        }
        Some(Self(runs))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_a_set_and_read_back(numbers in proptest::collection::vec(-3..30_i64, 0..40), cut in -4..32_i64) {
            let (mut runs, mut model) = (Runs::default(), BTreeSet::new());
            for number in numbers {
                let expected = (!model.contains(&number)).then(|| Between {
                    before: model.range(..number).next_back().copied(),
                    after: model.range(number..).next().copied(),
                });
                prop_assert_eq!(runs.insert(number), expected);
                model.insert(number);
            }
            let mut bytes = Vec::new();
            runs.put(&mut bytes);
            prop_assert_eq!(Runs::read(&mut Reader::new(&bytes)), Some(runs.clone()));
            for end in 0..bytes.len() {
                prop_assert_eq!(Runs::read(&mut Reader::new(&bytes[..end])), None);
            }
            prop_assert!(runs.iter().eq(model.iter().copied()));
            runs.drop_before(cut);
            prop_assert!(runs.iter().eq(model.range(cut..).copied()));
        }
    }

    #[test]
    fn other_bytes_are_no_set() {
        for bytes in [&[1, 2, 1][..], &[2, 2, 0, 2, 0], &[2, 2, 0, 1, 0], &[9]] {
            assert_eq!(Runs::read(&mut Reader::new(bytes)), None, "{bytes:?}");
        }
    }
}
