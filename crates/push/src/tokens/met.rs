//! Tokens that this node has looked up a moment ago: a client that reads again and again costs no look-up each time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use reportd_platform::AppNo;
use reportd_platform::secret::SecretHash;

/// How long a look-up holds. A log-out on another node acts within it; the spec asks for a second.
const HOLDS: Duration = Duration::from_millis(500);

/// Tokens that are remembered at once.
const MOST_MET: usize = 10_000;

/// Tokens that were looked up and are in force, by their hashes.
#[derive(Default)]
pub struct MetTokens {
    met: Mutex<HashMap<SecretHash, Met, RandomState>>,
}

#[derive(Clone, Copy)]
struct Met {
    holder: Holder,
    looked_up: Duration,
}

/// Whose a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) app: AppNo,
    pub(crate) expires_at_ms: i64,
}

impl MetTokens {
    /// The holder of a token, where a look-up of it still holds. `now` is monotonic; a token that has expired is the
    /// caller's to refuse.
    pub(crate) fn holder(&self, hash: &SecretHash, now: Duration) -> Option<Holder> {
        let met = self.lock().get(hash).copied()?;
        (now.saturating_sub(met.looked_up) < HOLDS).then_some(met.holder)
    }

    /// Remembers a look-up that began at `looked_up`.
    pub(crate) fn remember(&self, hash: SecretHash, holder: Holder, looked_up: Duration) {
        let mut met = self.lock();
        if met.len() >= MOST_MET {
            met.retain(|_, met| looked_up.saturating_sub(met.looked_up) < HOLDS);
            if met.len() >= MOST_MET {
                return;
            }
        }
        met.insert(hash, Met { holder, looked_up });
    }

    /// Forgets a token that has ended.
    pub(crate) fn forget(&self, hash: &SecretHash) {
        self.lock().remove(hash);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretHash, Met, RandomState>> {
        // Nothing panics while it is held.
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDER: Holder = Holder {
        app: 7,
        expires_at_ms: 1,
    };

    #[test]
    fn a_look_up_holds_half_a_second() {
        let met = MetTokens::default();
        let hash = SecretHash::of("token");
        let at = |ms| met.holder(&hash, Duration::from_millis(ms));
        assert_eq!(at(0), None);
        met.remember(hash, HOLDER, Duration::from_millis(100));
        assert_eq!((at(599), at(600)), (Some(HOLDER), None));
        met.forget(&hash);
        assert_eq!(at(100), None);
    }

    #[test]
    fn no_more_are_remembered_than_fit() {
        let met = MetTokens::default();
        let hash = |number: usize| SecretHash::of(&number.to_string());
        for number in 0..=MOST_MET {
            met.remember(hash(number), HOLDER, Duration::ZERO);
        }
        assert_eq!(met.holder(&hash(MOST_MET), Duration::ZERO), None);
        met.remember(hash(MOST_MET), HOLDER, HOLDS);
        assert_eq!(met.lock().len(), 1, "what no longer holds makes room");
    }
}
