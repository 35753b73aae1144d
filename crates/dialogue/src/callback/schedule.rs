//! When a delivery is attempted again: a pure function of what was tried and what the receiver said.

use std::time::{Duration, SystemTime};

use reportd_platform::random::Random;

/// How far a wait is moved at random, to both sides: receivers that were down are not met by all at once.
const JITTER: f64 = 0.2;
/// The longest that a receiver can make a delivery wait.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The shortest: a receiver cannot ask for «at once».
const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The waits behind the first attempt, the second, and so on: 5 s, 30 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.
#[must_use]
pub fn default_schedule() -> Vec<Duration> {
    [5, 30, 300, 1800, 7200, 18_000, 36_000, 36_000]
        .map(Duration::from_secs)
        .to_vec()
}

/// How long to wait behind the attempt of this number, which failed; `None` where it was the last. `chance` is 0 to 1.
///
/// A `Retry-After` lengthens a wait and never shortens one: a receiver that asks to be tried each second would else use
/// all attempts up in some seconds, and the delivery would be dead while it is only busy.
pub(super) fn wait(
    schedule: &[Duration],
    attempt: usize,
    chance: f64,
    retry_after: Option<Duration>,
) -> Option<Duration> {
    let step = *schedule.get(attempt.checked_sub(1)?)?;
    let wait = step.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0));
    let asked = retry_after.map(|asked| asked.clamp(SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER));
    Some(asked.map_or(wait, |asked| wait.max(asked)))
}

/// A chance from 0 to 1; the middle where there is no randomness to be had.
pub(super) fn chance(random: &dyn Random) -> f64 {
    let mut bytes = [0; 4];
    match random.fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// Reads a `Retry-After`: seconds, or a date of HTTP. One in the past asks for nothing.
pub(super) fn retry_after(value: &str, now_ms: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has is longer than the longest.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    let at = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(now_ms).ok()?);
    Some(at.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn waits_follow_the_schedule_with_jitter_and_what_the_receiver_asks() {
        let schedule = default_schedule();
        let cases: [(usize, f64, Option<u64>, Option<u64>); 17] = [
            (1, 0.0, None, Some(4)),
            (1, 0.5, None, Some(5)),
            (1, 1.0, None, Some(6)),
            (2, 0.5, None, Some(30)),
            (3, 0.0, None, Some(240)),
            (4, 0.5, None, Some(1800)),
            (5, 0.5, None, Some(7200)),
            (6, 0.5, None, Some(18_000)),
            (7, 1.0, None, Some(43_200)),
            (8, 0.5, None, Some(36_000)),
            (9, 0.5, None, None),
            (9, 0.5, Some(60), None),
            (0, 0.5, None, None),
            (1, 0.5, Some(7), Some(7)),
            (1, 0.5, Some(0), Some(5)),
            (2, 0.5, Some(7), Some(30)),
            (1, 0.5, Some(u64::MAX), Some(86_400)),
        ];
        for (attempt, chance, asked, expected) in cases {
            let told = wait(&schedule, attempt, chance, asked.map(S));
            let told = told.map(|told| (told.as_secs_f64() * 1e3).round() / 1e3);
            let expected = expected.map(|expected| S(expected).as_secs_f64());
            assert_eq!(
                told, expected,
                "attempt {attempt}, chance {chance}, asked {asked:?}"
            );
        }
        assert_eq!(wait(&[], 1, 0.5, None), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now_ms = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now_ms), expected.map(S), "{value}");
        }
    }
}
