//! A small filter over the keys in a block, so that raw reads pass over blocks that cannot hold what they look for.
//!
//! It says «surely not» or «perhaps». It is a Bloom filter of two bits a key, built at its largest size and then folded
//! in half as long as few enough bits are set: so its size follows the number of distinct keys.

use reportd_platform::AppNo;

use crate::entry::Kind;

const LARGEST_BYTES: usize = 8 << 10;
const SMALLEST_BYTES: usize = 8;
/// Folding stops where more than this share of bits would be set: four tenths let at most one key in six pass that is
/// not there.
const MOST_BITS_SET_PER_TEN: usize = 4;

/// The key of a value in a field of entries of a kind, of an app. Stored in blocks: it never changes. Field 255 is the
/// journal's own.
#[must_use]
pub fn filter_key(kind: Kind, app: AppNo, field: u8, value: &[u8]) -> u64 {
    // FNV-1a, with a finishing mix so that every bit depends on every byte.
    let start = 0xcbf2_9ce4_8422_2325_u64
        ^ (u64::from(kind.0) << 40 | u64::from(app) << 8 | u64::from(field))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = value.iter().fold(start, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

/// The key of an owner of entries: in the filter of each block that holds one of them.
#[must_use]
pub fn owner_key(kind: Kind, owner: u64) -> u64 {
    const OWNER: u8 = u8::MAX;
    filter_key(kind, 0, OWNER, &owner.to_le_bytes())
}

fn bits(key: u64, bytes: usize) -> [(usize, u8); 2] {
    [key, key >> 32].map(|half| {
        let bit = usize::try_from(half & 0xffff_ffff).unwrap_or(0) & (bytes * 8 - 1);
        (bit / 8, 1 << (bit % 8))
    })
}

/// A filter that is being filled.
#[derive(Debug)]
pub(crate) struct FilterBuilder {
    bytes: Vec<u8>,
}

impl FilterBuilder {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; LARGEST_BYTES],
        }
    }

    pub(crate) fn insert(&mut self, key: u64) {
        for (byte, bit) in bits(key, LARGEST_BYTES) {
            self.bytes[byte] |= bit;
        }
    }

    /// The filter at its final size.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        while self.bytes.len() > SMALLEST_BYTES {
            let half = self.bytes.len() / 2;
            let folded: Vec<u8> = (0..half)
                .map(|at| self.bytes[at] | self.bytes[at + half])
                .collect();
            let set: usize = folded.iter().map(|byte| byte.count_ones() as usize).sum();
            if set * 10 > half * 8 * MOST_BITS_SET_PER_TEN {
                break;
            }
            self.bytes = folded;
        }
        self.bytes
    }
}

/// False where a block with this filter surely does not hold `key`.
pub(crate) fn may_hold(filter: &[u8], key: u64) -> bool {
    if !filter.len().is_power_of_two() {
        return true;
    }
    bits(key, filter.len())
        .into_iter()
        .all(|(byte, bit)| filter[byte] & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_holds_its_keys_and_few_others() {
        for count in [0_u32, 1, 30, 1_000, 5_000] {
            let key = |number: u32| filter_key(Kind(1), 1, 2, &number.to_le_bytes());
            let mut builder = FilterBuilder::new();
            (0..count).for_each(|number| builder.insert(key(number)));
            let filter = builder.finish();
            assert!((0..count).all(|number| may_hold(&filter, key(number))));
            let strangers = (count..count + 10_000)
                .filter(|&number| may_hold(&filter, key(number)))
                .count();
            // Two bits of which four tenths are set at most let 1,600 pass on average.
            assert!(
                strangers < 1_900,
                "{strangers} of 10,000 strangers pass among {count}"
            );
            assert!(
                filter.len() <= (count as usize * 2).max(8).next_power_of_two(),
                "{count}: {}",
                filter.len()
            );
        }
    }

    #[test]
    fn keys_never_change() {
        // What a released reportd has written: a change here makes raw reads pass over blocks that hold what they seek.
        assert_eq!(
            filter_key(Kind(1), 1, 2, b"youtube"),
            15_086_187_585_420_087_803
        );
        let keys = [
            filter_key(Kind(1), 1, 2, b"a"),
            filter_key(Kind(2), 1, 2, b"a"),
            filter_key(Kind(1), 2, 2, b"a"),
            filter_key(Kind(1), 1, 3, b"a"),
            filter_key(Kind(1), 1, 2, b"b"),
        ];
        assert_eq!(
            keys.map(|key| keys.iter().filter(|&&other| other == key).count()),
            [1; 5]
        );
    }
}
