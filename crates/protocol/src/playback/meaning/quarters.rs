//! Which quarter-minutes of a day hold a beat: a set of numbers, as runs.

/// How long a quarter-minute is, in ms. They begin with each minute of UTC.
pub const QUARTER_MS: i64 = 15_000;

/// A set of quarter-minutes since 1970. Whoever watches on is one run, whatever the length.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct QuarterSet {
    /// Sorted, and never adjacent.
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Run {
    first: u64,
    /// Included.
    last: u64,
}

impl QuarterSet {
    /// The quarter-minute that holds a time in ms since 1970; before that it is the first.
    #[must_use]
    pub fn of_time(time_ms: i64) -> Self {
        let quarter = u64::try_from(time_ms / QUARTER_MS).unwrap_or(0);
        Self {
            runs: vec![Run {
                first: quarter,
                last: quarter,
            }],
        }
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        let lengths = self.runs.iter().map(|run| run.last - run.first + 1);
        lengths.fold(0, u64::saturating_add)
    }

    /// Unites two sets.
    pub fn merge(&mut self, other: &Self) {
        self.runs.extend_from_slice(&other.runs);
        self.runs.sort_unstable_by_key(|run| run.first);
        self.runs.dedup_by(|next, run| {
            let joins = next.first <= run.last.saturating_add(1);
            if joins {
                run.last = run.last.max(next.last);
            }
            joins
        });
    }

    /// The set in few bytes: for each run how far it begins behind the one before, and how much longer
    /// it is than one, as varints (base 128, the low bits first). A run of a session has two to four
    /// bytes, but for the first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 2 * self.runs.len());
        let mut end = 0;
        for run in &self.runs {
            put(&mut bytes, run.first - end);
            put(&mut bytes, run.last - run.first);
            end = run.last;
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` if it is nothing of that.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut runs: Vec<Run> = Vec::new();
        while !bytes.is_empty() {
            let (gap, length) = (take(&mut bytes)?, take(&mut bytes)?);
            let (end, least_gap) = runs.last().map_or((0, 0), |run| (run.last, 2));
            if gap < least_gap {
                return None;
            }
            let first = end.checked_add(gap)?;
            let last = first.checked_add(length)?;
            runs.push(Run { first, last });
        }
        Some(Self { runs })
    }
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_quarters(quarters: &[i64]) -> QuarterSet {
        let mut set = QuarterSet::default();
        for quarter in quarters {
            set.merge(&QuarterSet::of_time(quarter * QUARTER_MS + 14_999));
        }
        set
    }

    #[test]
    fn neighbours_are_one_run() {
        let set = of_quarters(&[5, 7, 6, 7, 1]);
        assert_eq!((set.count(), set.runs.len()), (4, 2));
        assert_eq!(set.to_bytes(), [1, 0, 4, 2]);
        assert_eq!(QuarterSet::of_time(-1), of_quarters(&[0]));
        let of_today = of_quarters(&[117_580_000, 117_580_001, 117_580_400]);
        assert_eq!(of_today.to_bytes().len(), 4 + 1 + 2 + 1);
        assert_eq!(QuarterSet::from_bytes(&of_today.to_bytes()), Some(of_today));
    }

    #[test]
    fn other_bytes_are_no_set() {
        for bytes in [
            &[1][..],
            &[1, 0x80],
            &[1, 2, 1, 0],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1],
        ] {
            assert_eq!(QuarterSet::from_bytes(bytes), None, "{bytes:?}");
        }
        assert_eq!(QuarterSet::from_bytes(&[]), Some(QuarterSet::default()));
    }
}
