//! Whether and when a failed request is sent again.
//!
//! The wait doubles with each try, and is spread so that clients which failed together do not come
//! back together. The spread comes from a hash of what is sent and the try, not from a random
//! source: different clients send different bodies, so their waits differ just as well, and a test
//! of one client sees the same waits each time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::error::ClientError;

/// When a request is sent again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// How often a request is sent at most, the first time included.
    pub(crate) attempts: u32,
    /// The wait after the first try, before it is spread.
    pub(crate) first_wait: Duration,
    /// The longest wait between two tries.
    pub(crate) longest_wait: Duration,
}

impl RetryPolicy {
    /// How long to wait before a request is sent again, when try number `attempt` (from 1) ended
    /// with `error`; `None` to give up. `seed` tells the request from others: its body, or when it was
    /// first sent.
    ///
    /// The server's `Retry-After` lengthens the wait. If it asks for more than the longest wait,
    /// the request is given up: sooner it would be refused again, and the caller should know rather
    /// than hang.
    pub(crate) fn wait(&self, error: &ClientError, attempt: u32, seed: &[u8]) -> Option<Duration> {
        if attempt >= self.attempts || !error.is_retryable() {
            return None;
        }
        let asked = error.retry_after().unwrap_or_default();
        if asked > self.longest_wait {
            return None;
        }
        let doubled = self
            .first_wait
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        Some(
            doubled
                .min(self.longest_wait)
                .mul_f64(spread(seed, attempt))
                .max(asked),
        )
    }
}

/// A factor from 0.5 to 1.0, the same for the same seed and try.
fn spread(seed: &[u8], attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, attempt).hash(&mut hasher);
    let bytes = hasher.finish().to_le_bytes();
    0.5 + f64::from(u16::from_le_bytes([bytes[0], bytes[1]])) / f64::from(u16::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 4,
        first_wait: Duration::from_millis(200),
        longest_wait: Duration::from_secs(30),
    };

    fn refused(http: u16, retry_after_s: Option<u64>) -> ClientError {
        with_code(http, 1, retry_after_s)
    }

    fn with_code(http: u16, code: i64, retry_after_s: Option<u64>) -> ClientError {
        let retry_after = retry_after_s.map(Duration::from_secs);
        ClientError::Refused {
            http,
            code,
            msg: String::new(),
            retry_after,
        }
    }

    #[test]
    fn only_what_is_safe_and_may_help_is_sent_again() {
        for http in [429, 502, 503, 504] {
            assert!(
                POLICY.wait(&refused(http, None), 1, b"").is_some(),
                "{http}"
            );
        }
        for http in [200, 302, 400, 401, 404, 413, 500] {
            assert_eq!(POLICY.wait(&refused(http, None), 1, b""), None, "{http}");
        }
        assert!(
            POLICY
                .wait(&ClientError::Timeout(Duration::ZERO), 1, b"")
                .is_some()
        );
        assert!(
            POLICY
                .wait(&ClientError::Connect("no route".into()), 1, b"")
                .is_some()
        );
        assert!(
            POLICY
                .wait(&ClientError::Transport("reset".into()), 1, b"")
                .is_some()
        );
        assert_eq!(
            POLICY.wait(&ClientError::Setup(String::new()), 1, b""),
            None
        );
    }

    #[test]
    fn a_push_report_over_its_rate_limit_is_asked_for_again() {
        for code in [10003, 10005] {
            let error = with_code(401, code, None);
            assert!(POLICY.wait(&error, 1, b"").is_some(), "{code}");
        }
        assert_eq!(POLICY.wait(&with_code(401, 10001, None), 1, b""), None);
        assert_eq!(POLICY.wait(&with_code(400, 10003, None), 1, b""), None);
    }

    #[test]
    fn a_playback_report_is_put_off_by_its_code_alone() {
        for code in [-503, -509] {
            let error = with_code(200, code, None);
            assert!(POLICY.wait(&error, 1, b"").is_some(), "{code}");
        }
        for code in [-101, -111, -400, -404] {
            let error = with_code(200, code, None);
            assert_eq!(POLICY.wait(&error, 1, b""), None, "{code}");
        }
    }

    #[test]
    fn tries_are_counted() {
        assert!(POLICY.wait(&refused(503, None), 3, b"").is_some());
        assert_eq!(POLICY.wait(&refused(503, None), 4, b""), None);
    }

    #[test]
    fn waits_double_within_their_spread_and_their_bound() {
        let endless = RetryPolicy {
            attempts: u32::MAX,
            ..POLICY
        };
        for (attempt, whole_ms) in [
            (1, 200),
            (2, 400),
            (3, 800),
            (9, 30_000),
            (4_000_000_000, 30_000),
        ] {
            let wait = endless.wait(&refused(503, None), attempt, b"body").unwrap();
            let whole = Duration::from_millis(whole_ms);
            assert!((whole / 2..=whole).contains(&wait), "{attempt}: {wait:?}");
        }
    }

    #[test]
    fn waits_are_the_same_for_the_same_body_and_differ_between_bodies() {
        let wait = |body: &[u8]| POLICY.wait(&refused(503, None), 1, body).unwrap();
        assert_eq!(wait(b"a"), wait(b"a"));
        assert_ne!(wait(b"a"), wait(b"b"));
    }

    #[test]
    fn retry_after_lengthens_the_wait_up_to_the_bound() {
        assert_eq!(
            POLICY.wait(&refused(503, Some(7)), 1, b""),
            Some(Duration::from_secs(7))
        );
        assert!(POLICY.wait(&refused(503, Some(0)), 1, b"").unwrap() >= POLICY.first_wait / 2);
        assert_eq!(
            POLICY.wait(&refused(429, Some(30)), 1, b""),
            Some(Duration::from_secs(30))
        );
        assert_eq!(POLICY.wait(&refused(429, Some(31)), 1, b""), None);
    }
}
