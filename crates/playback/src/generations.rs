//! A cache with a bound: what was not asked for since the newer half was last full goes.
//!
//! A value is read from the store without a lock, so it may be an old one by the time it is put here. So whoever reads
//! draws a [`Ticket`] first, and nothing is put with a ticket from before the last removal.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

/// Parts with locks of their own.
const SHARDS: usize = 64;

/// A cache of at most two generations.
pub(crate) struct Generations<K, V> {
    shards: Vec<Mutex<Shard<K, V>>>,
    /// Most values of a generation in a shard.
    most: usize,
    hasher: RandomState,
    removals: AtomicU64,
}

struct Shard<K, V> {
    newer: HashMap<K, V, RandomState>,
    older: HashMap<K, V, RandomState>,
}

/// When a value was read: before or after a removal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(u64);

impl<K: Hash + Eq + Copy, V: Copy> Generations<K, V> {
    /// A cache of at most twice `most` values. A table grows by doubling: it is well used where `most` is a power of two
    /// times 7/8.
    pub(crate) fn new(most: usize) -> Self {
        let shard = || {
            Mutex::new(Shard {
                newer: HashMap::default(),
                older: HashMap::default(),
            })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            most: most.div_ceil(SHARDS),
            hasher: RandomState::default(),
            removals: AtomicU64::new(0),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut shard = self.shard(key);
        if let Some(&found) = shard.newer.get(key) {
            return Some(found);
        }
        let found = shard.older.remove(key)?;
        self.put_newer(&mut shard, *key, found);
        Some(found)
    }

    /// To be drawn before a value is read.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.removals.load(Ordering::SeqCst))
    }

    /// Keeps a value, unless something was removed since the ticket was drawn: the value may be what was removed.
    pub(crate) fn put(&self, ticket: Ticket, key: K, value: V) {
        let mut shard = self.shard(&key);
        if self.removals.load(Ordering::SeqCst) == ticket.0 {
            shard.older.remove(&key);
            self.put_newer(&mut shard, key, value);
        }
    }

    pub(crate) fn remove(&self, key: &K) {
        self.removals.fetch_add(1, Ordering::SeqCst);
        let mut shard = self.shard(key);
        shard.newer.remove(key);
        shard.older.remove(key);
    }

    pub(crate) fn clear(&self) {
        self.removals.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.newer = HashMap::default();
            shard.older = HashMap::default();
        }
    }

    fn put_newer(&self, shard: &mut Shard<K, V>, key: K, value: V) {
        if shard.newer.len() >= self.most && !shard.newer.contains_key(&key) {
            shard.older = std::mem::take(&mut shard.newer);
        }
        shard.newer.insert(key, value);
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K, V>> {
        // Other bits than those by which the table of the shard finds its places.
        let hash = self.hasher.hash_one(key);
        let place = usize::try_from(hash >> 40).unwrap_or_default() % SHARDS;
        lock(&self.shards[place])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Generations<u64, u64>, key: u64) {
        cache.put(cache.ticket(), key, key * 2);
    }

    #[test]
    fn what_is_asked_for_stays_and_no_more_than_two_generations() {
        let cache = Generations::new(SHARDS * 10);
        put(&cache, 0);
        for key in 1..10_000 {
            put(&cache, key);
            assert_eq!(cache.get(&0), Some(0), "{key}");
        }
        let kept = (0..10_000).filter(|key| cache.get(key).is_some()).count();
        assert!((SHARDS * 10..=SHARDS * 20).contains(&kept), "{kept}");
    }

    #[test]
    fn what_was_read_before_a_removal_is_not_kept() {
        let cache = Generations::new(100);
        put(&cache, 1);
        let before = cache.ticket();
        cache.remove(&1);
        cache.put(before, 1, 5);
        assert_eq!(cache.get(&1), None);
        put(&cache, 1);
        cache.clear();
        assert_eq!(cache.get(&1), None);
    }
}
