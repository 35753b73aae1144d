//! The window in which the `ts` of a report must lie.
//!
//! It bounds how long identities must be remembered: a request older than the window is refused by
//! its `ts`, so it need not be known any more (`spec comm-report`, Idempotency).

use std::fmt;

use super::refusal::Refusal;
use super::reply::Ret;

/// Checks that `ts_ms` is at most `max_age_ms` before and `max_ahead_ms` after `now_ms`, both
/// included. All are in milliseconds.
///
/// # Errors
/// 40004; the message says by how much `ts` is outside, and what the window is.
pub fn check_window(
    ts_ms: i64,
    now_ms: i64,
    max_age_ms: i64,
    max_ahead_ms: i64,
) -> Result<(), Refusal> {
    let ahead_ms = ts_ms.saturating_sub(now_ms);
    let age_ms = now_ms.saturating_sub(ts_ms);
    let (outside_ms, side) = if age_ms > max_age_ms {
        (age_ms.saturating_sub(max_age_ms), "too old")
    } else if ahead_ms > max_ahead_ms {
        (ahead_ms.saturating_sub(max_ahead_ms), "too far ahead")
    } else {
        return Ok(());
    };
    let msg = format!(
        "ts: {} {side}; accepted from {} ago to {} ahead",
        Seconds(outside_ms),
        Seconds(max_age_ms),
        Seconds(max_ahead_ms)
    );
    Err(Refusal::new(Ret::OutsideWindow, msg))
}

/// Milliseconds, shown in seconds; the fraction only where there is one.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (seconds, 0) => write!(f, "{seconds} s"),
            (seconds, ms) => write!(f, "{seconds}.{ms:03} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_763_700_000_000;
    const DAY_MS: i64 = 86_400_000;

    fn check(ts_ms: i64) -> Result<(), String> {
        check_window(ts_ms, NOW_MS, DAY_MS, 600_000).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn both_ends_belong_to_the_window() {
        assert_eq!(check(NOW_MS - DAY_MS), Ok(()));
        assert_eq!(check(NOW_MS + 600_000), Ok(()));
    }

    #[test]
    fn outside_says_how_far() {
        let window = "accepted from 86400 s ago to 600 s ahead";
        assert_eq!(
            check(NOW_MS - DAY_MS - 1).unwrap_err(),
            format!("40004: ts: 0.001 s too old; {window}")
        );
        assert_eq!(
            check(NOW_MS + 605_000).unwrap_err(),
            format!("40004: ts: 5 s too far ahead; {window}")
        );
    }

    #[test]
    fn extremes_do_not_overflow() {
        assert!(check_window(i64::MAX, i64::MIN, 0, 0).is_err());
        assert!(check_window(0, i64::MAX, i64::MAX, 0).is_ok());
    }
}
