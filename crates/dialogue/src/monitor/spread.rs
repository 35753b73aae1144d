//! How times are spread: counts by bucket, from which percentiles of any range of days are read.
//!
//! A bucket is an eighth of a power of two wide: a percentile is at most an eighth above the true one, and up to 16 ms it
//! is exact. A day has some hundred buckets, however many times are in it.

use std::collections::BTreeMap;

/// Times up to which each millisecond is a bucket of its own.
const EXACT: u64 = 16;
/// Buckets in a power of two, as bits.
const PART_BITS: u32 = 3;

/// Times by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spread(BTreeMap<u64, i64>);

/// The bucket of a time in ms.
pub(super) fn bucket(ms: i64) -> u64 {
    let ms = u64::try_from(ms).unwrap_or(0);
    if ms < EXACT {
        return ms;
    }
    let power = ms.ilog2();
    let part = (ms >> (power - PART_BITS)) & 7;
    EXACT + u64::from(power - 4) * 8 + part
}

/// The longest time in a bucket, in ms.
pub(super) fn longest(bucket: u64) -> i64 {
    let longest = if bucket < EXACT {
        bucket
    } else {
        let (power, part) = ((bucket - EXACT) / 8 + 4, (bucket - EXACT) % 8);
        let next = u128::from(8 + part + 1) << (power - u64::from(PART_BITS)).min(96);
        u64::try_from(next - 1).unwrap_or(u64::MAX)
    };
    i64::try_from(longest).unwrap_or(i64::MAX)
}

impl Spread {
    /// Adds times of a bucket.
    pub(super) fn add(&mut self, bucket: u64, count: i64) {
        *self.0.entry(bucket).or_default() += count;
    }

    /// How many times there are.
    pub(crate) fn count(&self) -> i64 {
        self.0.values().sum()
    }

    /// The time that `percent` of all do not exceed, in ms; `None` where there is none.
    pub(crate) fn percentile_ms(&self, percent: i64) -> Option<i64> {
        let all = self.count();
        let rank = (all * percent + 99) / 100;
        let mut below = 0;
        self.0.iter().find_map(|(&bucket, count)| {
            below += count;
            (all > 0 && below >= rank.max(1)).then(|| longest(bucket))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_an_eighth_wide_at_most() {
        for ms in (0..5_000).chain((13..40).map(|power| (1 << power) + 1)) {
            let of = bucket(ms);
            let end = longest(of);
            assert!(end >= ms && end <= ms + ms / 8, "{ms}: {end}");
            assert!(bucket(end) == of && bucket(end + 1) == of + 1, "{ms}");
        }
        assert_eq!(bucket(-5), 0);
        assert!(longest(bucket(i64::MAX)) == i64::MAX && longest(u64::MAX) == i64::MAX);
    }

    #[test]
    fn percentiles_are_read_from_buckets() {
        let mut spread = Spread::default();
        assert_eq!(spread.percentile_ms(50), None);
        for ms in 1..=10 {
            spread.add(bucket(ms), 1);
        }
        assert_eq!(spread.count(), 10);
        let percentiles = [50, 95, 99, 100].map(|percent| spread.percentile_ms(percent));
        assert_eq!(percentiles, [Some(5), Some(10), Some(10), Some(10)]);
        spread.add(bucket(1_000), 990);
        assert_eq!(spread.percentile_ms(1), Some(10));
        assert_eq!(spread.percentile_ms(2), Some(1_023));
    }
}
