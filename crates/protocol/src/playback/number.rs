//! Numbers in forms (`spec playback-report`, Tolerance): fractions are cut, ids are 64-bit, seconds
//! end at 2³¹.

use super::position::Position;
use crate::values::Problem;

/// The greatest number of seconds: 2³¹.
pub const MAX_SECONDS: u32 = 1 << 31;

const FINISHED: i64 = -1;

/// A number of at least 1.
pub(super) fn id(text: &str) -> Result<i64, Problem> {
    match integer(text)? {
        number @ 1.. => Ok(number),
        _ => Err(Problem::OutOfRange),
    }
}

/// A number of at least 0.
pub(super) fn natural(text: &str) -> Result<i64, Problem> {
    match integer(text)? {
        number @ 0.. => Ok(number),
        _ => Err(Problem::OutOfRange),
    }
}

/// Seconds into a video; -1 is the end.
pub(super) fn position(text: &str) -> Result<Position, Problem> {
    Ok(seconds(text)?.map_or(Position::End, Position::At))
}

/// A length of time in seconds; `None` for -1, by which a player says that it does not know.
pub(super) fn seconds(text: &str) -> Result<Option<u32>, Problem> {
    match integer(text)? {
        FINISHED => Ok(None),
        number => u32::try_from(number)
            .ok()
            .filter(|seconds| *seconds <= MAX_SECONDS)
            .map(Some)
            .ok_or(Problem::OutOfRange),
    }
}

/// A decimal number without its fraction; -0.5 is 0.
pub(super) fn integer(text: &str) -> Result<i64, Problem> {
    let text = text.trim_ascii();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal(whole) || !is_decimal(fraction) || whole.len() + fraction.len() == 0 {
        return Err(Problem::Expected("a number"));
    }
    if whole.is_empty() {
        return Ok(0);
    }
    let signed = &text[..text.len() - unsigned.len() + whole.len()];
    signed.parse().map_err(|_| Problem::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut() {
        for (text, number) in [
            ("0", 0),
            ("007", 7),
            ("1248.9", 1248),
            ("5.", 5),
            (".9", 0),
            ("-0.5", 0),
            ("-1.0", -1),
            (" 5 ", 5),
            ("9223372036854775807.5", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text), Ok(number), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_numbers() {
        for text in [
            "-",
            ".",
            "-.",
            "1e3",
            "0x5",
            "+5",
            "1,5",
            "1.2.3",
            "1.-2",
            "--1",
            "NaN",
            "Infinity",
            "null",
            "undefined",
            "５",
            "1 2",
            " ",
        ] {
            let problem = integer(text).unwrap_err();
            assert_eq!(problem, Problem::Expected("a number"), "{text}");
        }
        assert_eq!(integer("9223372036854775808"), Err(Problem::OutOfRange));
    }

    #[test]
    fn seconds_are_0_to_2_31_or_the_end() {
        assert_eq!(position("0"), Ok(Position::At(0)));
        assert_eq!(position("-1"), Ok(Position::End));
        assert_eq!(position("-1.9"), Ok(Position::End));
        assert_eq!(position("2147483648.9"), Ok(Position::At(MAX_SECONDS)));
        assert_eq!(seconds("-1"), Ok(None));
        for text in ["-2", "2147483649", "99999999999999999999"] {
            assert_eq!(position(text), Err(Problem::OutOfRange), "{text}");
        }
    }

    #[test]
    fn ids_are_64_bit_and_not_0() {
        assert_eq!(id("9223372036854775807"), Ok(i64::MAX));
        for text in ["0", "-1", "0.9", "9223372036854775808"] {
            assert_eq!(id(text), Err(Problem::OutOfRange), "{text}");
        }
        assert_eq!(natural("0"), Ok(0));
        assert_eq!(natural("-1"), Err(Problem::OutOfRange));
    }
}
