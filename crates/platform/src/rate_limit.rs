//! Rate limits: a bucket for each key, in memory, of bounded number.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How much a key may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Units a minute, also the most that may come at once. Never 0.
    pub per_minute: u32,
}

impl Rate {
    pub(crate) fn interval(self) -> Duration {
        Duration::from_secs(60) / self.per_minute.max(1)
    }
}

/// Limits many keys. A key that has been quiet is forgotten; where `max_keys` are busy at once, a new one is refused.
pub struct RateLimiter<K> {
    /// When the bucket of a key will be full again, as a monotonic time.
    full_at: Mutex<HashMap<K, Duration>>,
    max_keys: usize,
}

impl<K: Hash + Eq> RateLimiter<K> {
    /// A limiter that remembers at most `max_keys` busy keys.
    #[must_use]
    pub fn new(max_keys: usize) -> Self {
        Self {
            full_at: Mutex::new(HashMap::new()),
            max_keys,
        }
    }

    /// Whether a unit could be taken from the bucket of `key` now; nothing is.
    ///
    /// # Errors
    /// The time to wait.
    pub fn check(&self, key: &K, rate: Rate, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full_at.get(key).copied().unwrap_or(now).max(now) + rate.interval();
        let most = now + rate.interval() * rate.per_minute.max(1);
        if next > most {
            Err(next.saturating_sub(most))
        } else {
            Ok(())
        }
    }

    /// Takes `units` from the bucket of `key` at the monotonic time `now`.
    ///
    /// # Errors
    /// The time to wait before trying again; nothing was taken.
    pub fn take(&self, key: K, units: u32, rate: Rate, now: Duration) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = full_at.get(&key).copied().unwrap_or(now).max(now);
        let next = start + rate.interval() * units;
        // A request larger than the whole bucket passes when the bucket is full: it could never pass otherwise.
        let most = now + (rate.interval() * rate.per_minute.max(units));
        if next > most {
            return Err(next.saturating_sub(most));
        }
        if !full_at.contains_key(&key) && full_at.len() >= self.max_keys {
            full_at.retain(|_, &mut full| full > now);
            if full_at.len() >= self.max_keys {
                return Err(rate.interval());
            }
        }
        full_at.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let limiter = RateLimiter::new(2);
        let rate = Rate { per_minute: 6 };
        let at = Duration::from_secs;
        for _ in 0..6 {
            assert_eq!(limiter.check(&"a", rate, at(100)), Ok(()));
            assert_eq!(limiter.take("a", 1, rate, at(100)), Ok(()));
        }
        assert_eq!(limiter.check(&"a", rate, at(100)), Err(at(10)));
        assert_eq!(limiter.take("a", 1, rate, at(100)), Err(at(10)));
        assert_eq!(
            limiter.take("b", 1, rate, at(100)),
            Ok(()),
            "keys do not share"
        );
        assert_eq!(
            limiter.take("c", 1, rate, at(100)),
            Err(at(10)),
            "no room for a third busy key"
        );
        assert_eq!(limiter.take("a", 1, rate, at(110)), Ok(()));
        assert_eq!(
            limiter.take("c", 1, rate, at(111)),
            Ok(()),
            "b was quiet and is forgotten"
        );
        assert_eq!(
            limiter.take("c", 10, rate, at(300)),
            Ok(()),
            "larger than the bucket, and it is full"
        );
        assert_eq!(limiter.take("c", 1, rate, at(300)), Err(at(50)));
    }
}
