//! The two names of a video: `aid`, a number, and `bvid`, twelve characters (`spec playback-report`,
//! Tolerance).

/// The greatest aid that has a bvid: 2⁵¹ − 1.
pub const MAX_BVID_AID: i64 = (1 << 51) - 1;

const MARK: i64 = 1 << 51;
const MASK: i64 = 23_442_827_791_579;
const ALPHABET: &[u8; 58] = b"FcwAPNKTMug3GV5Lj7EJnHpWsx4tb8haYeviqBz6rkCy12mUSDQX9RdoZf";
const CHARS: usize = 12;
const FIRST_DIGIT: usize = 3;
const SWAPS: [(usize, usize); 2] = [(3, 9), (4, 7)];

/// The bvid of a video; `None` if the aid is not within 1 and [`MAX_BVID_AID`].
///
/// ```
/// # use reportd_protocol::playback::bvid_of;
/// assert_eq!(bvid_of(170_001).unwrap(), "BV17x411w7KC");
/// ```
#[must_use]
pub fn bvid_of(aid: i64) -> Option<String> {
    if !(1..=MAX_BVID_AID).contains(&aid) {
        return None;
    }
    let mut chars = ['B', 'V', '1', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '];
    let mut rest = (MARK | aid) ^ MASK;
    for place in chars[FIRST_DIGIT..].iter_mut().rev() {
        let digit = usize::try_from(rest % 58).unwrap_or_default();
        *place = char::from(ALPHABET[digit]);
        rest /= 58;
    }
    for (left, right) in SWAPS {
        chars.swap(left, right);
    }
    Some(chars.iter().collect())
}

/// The aid of a bvid; `None` if [`bvid_of`] writes no such text: so a video has one bvid only.
///
/// ```
/// # use reportd_protocol::playback::aid_of;
/// assert_eq!(aid_of("BV1xx411c7mD"), Some(2));
/// ```
#[must_use]
pub fn aid_of(bvid: &str) -> Option<i64> {
    let mut bytes: [u8; CHARS] = bvid.as_bytes().try_into().ok()?;
    if !bytes.starts_with(b"BV1") {
        return None;
    }
    for (left, right) in SWAPS {
        bytes.swap(left, right);
    }
    let number = bytes[FIRST_DIGIT..].iter().try_fold(0, |number, byte| {
        let digit = ALPHABET.iter().position(|known| known == byte)?;
        Some(number * 58 + i64::try_from(digit).ok()?)
    })?;
    // Nine digits hold more than 52 bits: without the mark, or beyond it, it is nobody's bvid.
    if !(MARK..2 * MARK).contains(&number) {
        return None;
    }
    let aid = (number & MAX_BVID_AID) ^ MASK;
    (aid > 0).then_some(aid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors() {
        for (aid, bvid) in [
            (2, "BV1xx411c7mD"),
            (1, "BV1xx411c7mQ"),
            (170_001, "BV17x411w7KC"),
            (305_988_942, "BV1aP411K7it"),
            (111_298_867_365_120, "BV1L9Uoa9EUx"),
            (MAX_BVID_AID, "BV1aPPTfmvQq"),
        ] {
            assert_eq!(bvid_of(aid).as_deref(), Some(bvid));
            assert_eq!(aid_of(bvid), Some(aid));
        }
    }

    #[test]
    fn ids_without_a_bvid() {
        for aid in [i64::MIN, -1, 0, MAX_BVID_AID + 1, i64::MAX] {
            assert_eq!(bvid_of(aid), None, "{aid}");
        }
    }

    #[test]
    fn texts_that_are_no_bvid() {
        for text in [
            "",
            "BV1",
            "BV1xx411c7m",
            "BV1xx411c7mDD",
            "bv1xx411c7mD",
            "BV2xx411c7mD",
            "av2",
            "BV1xx411c7m0",
            "BV1xx411c7m油",
            "BV1fffffffff",
            "BV1FFFFFFFFF",
        ] {
            assert_eq!(aid_of(text), None, "{text}");
        }
    }
}
