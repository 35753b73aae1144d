//! Tokens of others that an app has revoked, in memory: what was revoked stays so until the token has long ended.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use reportd_platform::clock::DAY_MS;

use crate::sessions::TokenId;

/// How long behind its end a revoked token is remembered: clocks of nodes differ.
pub(crate) const KEPT_PAST_MS: i64 = DAY_MS;
/// The end of a token that is revoked for good: nobody told when it ends.
pub(crate) const FOR_GOOD: i64 = i64::MAX;
/// Fewer than so many are not looked through for those that have ended.
const FEW: usize = 1_024;

/// A token that is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) token: TokenId,
    /// When the token ends, in ms.
    pub(crate) ends_ms: i64,
    /// When it was revoked, in ms.
    pub(crate) at_ms: i64,
}

/// All that are known.
#[derive(Debug, Default)]
pub(crate) struct RevokedTokens {
    ends_ms: HashMap<TokenId, i64, RandomState>,
    /// At so many it is looked which have ended.
    prune_at: usize,
}

impl RevokedTokens {
    /// Those that the store holds: each with its end.
    pub(crate) fn of(stored: impl Iterator<Item = (TokenId, i64)>) -> Self {
        let ends_ms: HashMap<_, _, _> = stored.collect();
        Self {
            prune_at: FEW.max(2 * ends_ms.len()),
            ends_ms,
        }
    }

    pub(crate) fn contains(&self, token: TokenId) -> bool {
        self.ends_ms.contains_key(&token)
    }

    /// Adds one. Whoever tells the latest end of a token is right, whatever order they are told in.
    pub(crate) fn add(&mut self, revoked: Revocation) {
        let ends_ms = self.ends_ms.entry(revoked.token).or_insert(revoked.ends_ms);
        *ends_ms = revoked.ends_ms.max(*ends_ms);
        // As many come until the next look as this one has looked through at most.
        if self.ends_ms.len() >= self.prune_at {
            let past_ms = revoked.at_ms - KEPT_PAST_MS;
            self.ends_ms.retain(|_, ends_ms| *ends_ms > past_ms);
            self.prune_at = FEW.max(2 * self.ends_ms.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revoked(number: u128, ends_ms: i64, at_ms: i64) -> Revocation {
        Revocation {
            token: TokenId(number),
            ends_ms,
            at_ms,
        }
    }

    #[test]
    fn memory_holds_no_more_than_twice_what_has_not_ended() {
        let mut known = RevokedTokens::default();
        known.add(revoked(u128::MAX, FOR_GOOD, 0));
        let hour_ms = DAY_MS / 24;
        for number in 0..100_000_u32 {
            // A hundred an hour, each of which lives for a day and is remembered for another.
            let at_ms = i64::from(number / 100) * hour_ms;
            known.add(revoked(u128::from(number), at_ms + DAY_MS, at_ms));
            assert!(known.contains(TokenId(u128::from(number))));
            assert!(known.ends_ms.len() <= 2 * 49 * 100 + 1);
        }
        assert!(known.contains(TokenId(u128::MAX)));
        assert!(!known.contains(TokenId(0)));
    }

    #[test]
    fn the_latest_end_stands() {
        for ends in [[5, FOR_GOOD], [FOR_GOOD, 5], [5, 7], [7, 5]] {
            let mut known = RevokedTokens::default();
            ends.iter()
                .for_each(|ends_ms| known.add(revoked(1, *ends_ms, 0)));
            assert_eq!(known.ends_ms[&TokenId(1)], ends[0].max(ends[1]));
        }
    }
}
