//! Rate limits that hold on all nodes of a store.
//!
//! With one server the buckets are in memory ([`RateLimiter`]). With several nodes on one database each bucket is a row
//! there, and a node takes units out of it in portions, which it spends by itself: at first as much as the request
//! needs, twice as much each time a portion was spent within a second, at most a twentieth of the minute's rate. What is
//! not spent within a second lapses: so nodes together never let through more than the rate, and a key that comes
//! seldom costs what it takes. A refusal is remembered until its time, so that a flood does not load the store. Where the
//! store is away each node limits by itself, with the full rate: neither all nor nothing goes through.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reportd_db::{Database, DbError, Tx};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::rate_limit::{Rate, RateLimiter};

/// How long a node may spend a portion.
const PORTION_LIFE: Duration = Duration::from_secs(1);
/// Portions in a minute's rate at least.
const PORTIONS: u32 = 20;
/// How long the store may take to answer.
const ASK_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a store that did not answer is not asked again.
const AWAY: Duration = Duration::from_secs(1);
/// Questions to the store at once: they must not take all threads.
const MOST_QUESTIONS: usize = 8;
/// How often full buckets are dropped, and how many at once.
const PRUNE_INTERVAL: Duration = Duration::from_secs(10);
const PRUNE_AT_ONCE: i64 = 10_000;
const MINUTE_US: i64 = 60_000_000;

/// Where the buckets of a limiter are.
#[derive(Clone)]
pub enum Buckets {
    /// In this process: for a store that one server holds.
    Memory,
    /// In the state store, for all nodes on it. Their clocks should agree to a second or so: a node that is ahead by
    /// that gets so much more.
    Shared(Database),
}

/// Limits many keys.
pub struct Limiter<K> {
    clock: Arc<dyn Clock>,
    /// All there is in memory, and what holds while the store is away.
    local: RateLimiter<K>,
    shared: Option<Shared<K>>,
}

impl<K: Hash + Eq + Clone + Display> Limiter<K> {
    /// A limiter of that `name`, which tells its buckets from those of others. It remembers at most `max_keys` busy keys.
    #[must_use]
    pub fn new(
        name: &'static str,
        max_keys: usize,
        buckets: &Buckets,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let shared = match buckets {
            Buckets::Memory => None,
            Buckets::Shared(db) => Some(Shared {
                store: BucketStore {
                    db: db.clone(),
                    name,
                },
                held: Mutex::default(),
                max_keys,
                questions: Arc::new(Semaphore::new(MOST_QUESTIONS)),
                ask_timeout: ASK_TIMEOUT,
                away_until: Mutex::default(),
                prune_at: Mutex::default(),
            }),
        };
        Self {
            clock,
            local: RateLimiter::new(max_keys),
            shared,
        }
    }

    /// Whether this node knows that the bucket of `key` is empty. Takes nothing and asks no store: another node may have
    /// emptied it, which the next [`Self::take`] tells.
    ///
    /// # Errors
    /// The time to wait.
    pub fn check(&self, key: &K, rate: Rate) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let held = self
            .shared
            .as_ref()
            .and_then(|shared| lock(&shared.held).get(key).cloned());
        if let Some(held) = held {
            let portion = lock(&held.portion);
            if portion.rate == Some(rate) && now < portion.refused_until {
                return Err(portion.refused_until.saturating_sub(now));
            }
        }
        self.local.check(key, rate, now)
    }

    /// Takes `units` from the bucket of `key`.
    ///
    /// # Errors
    /// The time to wait before trying again; nothing was taken.
    pub async fn take(&self, key: K, units: u32, rate: Rate) -> Result<(), Duration> {
        let Some(shared) = &self.shared else {
            return self.local.take(key, units, rate, self.clock.monotonic());
        };
        let now = self.clock.monotonic();
        let Some(held) = shared.held(&key, now) else {
            return Err(rate.interval());
        };
        if let Some(told) = lock(&held.portion).spend(units, rate, now) {
            return told;
        }
        // One question at a time for a key: those who waited find what it brought.
        let _turn = held.turn.lock().await;
        let now = self.clock.monotonic();
        if let Some(told) = lock(&held.portion).spend(units, rate, now) {
            return told;
        }
        let question = Question {
            key: key.to_string(),
            units,
            most_units: lock(&held.portion).next_size(units, rate, now),
            rate,
            now_us: self.clock.now_ms() * 1000,
        };
        match shared.ask(question, now).await {
            Some(Answer::Granted(granted)) => {
                lock(&held.portion).fill(granted, units, now);
                Ok(())
            }
            Some(Answer::Refused(wait)) => {
                lock(&held.portion).refused_until = now + wait;
                Err(wait)
            }
            None => self.local.take(key, units, rate, now),
        }
    }
}

struct Shared<K> {
    store: BucketStore,
    held: Mutex<HashMap<K, Arc<Held>>>,
    max_keys: usize,
    questions: Arc<Semaphore>,
    ask_timeout: Duration,
    /// The store did not answer: it is not asked before that.
    away_until: Mutex<Duration>,
    prune_at: Mutex<Duration>,
}

/// What this node holds of a key.
#[derive(Default)]
struct Held {
    portion: Mutex<Portion>,
    /// The turn to ask the store.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Portion {
    rate: Option<Rate>,
    left: u32,
    /// As much as was asked for when it was filled.
    size: u32,
    until: Duration,
    refused_until: Duration,
}

impl Portion {
    /// The outcome where it is known here; `None` where the store must be asked.
    fn spend(&mut self, units: u32, rate: Rate, now: Duration) -> Option<Result<(), Duration>> {
        if self.rate != Some(rate) {
            // What was granted or refused at another rate says nothing about this one.
            *self = Self {
                rate: Some(rate),
                ..Self::default()
            };
        }
        if now < self.refused_until {
            return Some(Err(self.refused_until.saturating_sub(now)));
        }
        if now >= self.until {
            self.left = 0;
        }
        self.left = self.left.checked_sub(units)?;
        Some(Ok(()))
    }

    fn next_size(&mut self, units: u32, rate: Rate, now: Duration) -> u32 {
        let was_spent = now < self.until;
        let size = if was_spent {
            self.size.saturating_mul(2)
        } else {
            units
        };
        self.size = size.min(rate.per_minute / PORTIONS).max(units);
        self.size
    }

    fn fill(&mut self, granted: u32, units: u32, now: Duration) {
        self.left = self.left.saturating_add(granted.saturating_sub(units));
        self.until = now + PORTION_LIFE;
    }

    fn is_idle(&self, now: Duration) -> bool {
        now >= self.until && now >= self.refused_until
    }
}

impl<K: Hash + Eq + Clone> Shared<K> {
    fn held(&self, key: &K, now: Duration) -> Option<Arc<Held>> {
        let mut held = lock(&self.held);
        if let Some(found) = held.get(key) {
            return Some(Arc::clone(found));
        }
        if held.len() >= self.max_keys {
            held.retain(|_, held| Arc::strong_count(held) > 1 || !lock(&held.portion).is_idle(now));
            if held.len() >= self.max_keys {
                return None;
            }
        }
        Some(Arc::clone(held.entry(key.clone()).or_default()))
    }

    /// Asks the store; `None` where it is away.
    async fn ask(&self, question: Question, now: Duration) -> Option<Answer> {
        if now < *lock(&self.away_until) {
            return None;
        }
        let (questions, store) = (Arc::clone(&self.questions), self.store.clone());
        let now_us = question.now_us;
        let asked = async {
            let place = questions.acquire_owned().await;
            let db = store.db.clone();
            db.write_async(move |tx| {
                // Held until the store has answered, whoever still waits for it.
                let _place = place;
                store.answer(tx, &question)
            })
            .await
        };
        let answer = match tokio::time::timeout(self.ask_timeout, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                self.note_away(now, &error.to_string());
                return None;
            }
            Err(_) => {
                self.note_away(now, "it does not answer in time");
                return None;
            }
        };
        self.prune(now, now_us);
        Some(answer)
    }

    fn note_away(&self, now: Duration, cause: &str) {
        let mut away_until = lock(&self.away_until);
        // One line as long as it lasts.
        if now.saturating_sub(*away_until) > AWAY || away_until.is_zero() {
            let limit = self.store.name;
            tracing::warn!(
                limit,
                cause,
                "the store of rate limits is away: this node limits by itself"
            );
        }
        *away_until = now + AWAY;
    }

    fn prune(&self, now: Duration, now_us: i64) {
        let mut prune_at = lock(&self.prune_at);
        if now < *prune_at {
            return;
        }
        *prune_at = now + PRUNE_INTERVAL;
        let store = self.store.clone();
        tokio::spawn(async move {
            let db = store.db.clone();
            // In a transaction of its own, which holds no bucket that another waits for. The next one tries again.
            let _ = db.write_async(move |tx| store.prune(tx, now_us)).await;
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is asked of a bucket in the store.
#[derive(Debug)]
struct Question {
    key: String,
    /// At least these,
    units: u32,
    /// and as many as these if they are there.
    most_units: u32,
    rate: Rate,
    now_us: i64,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Granted(u32),
    Refused(Duration),
}

/// The buckets of one limiter in the store: when each will be full again, in µs since 1970.
#[derive(Clone)]
struct BucketStore {
    db: Database,
    name: &'static str,
}

impl BucketStore {
    fn answer(&self, tx: &mut Tx<'_>, asked: &Question) -> Result<Answer, DbError> {
        let interval_us = (MINUTE_US / i64::from(asked.rate.per_minute.max(1))).max(1);
        let cost_us = |units: u32| interval_us * i64::from(units);
        let (now_us, name, key) = (asked.now_us, self.name, asked.key.as_str());
        // A request larger than the whole bucket passes when the bucket is full: it could never pass otherwise.
        let most_us = now_us + cost_us(asked.rate.per_minute.max(asked.units));
        // No bucket takes longer to fill. Beyond that a clock has jumped, and the row means nothing.
        let absurd_us = most_us + MINUTE_US;
        let whole_us = cost_us(asked.most_units);
        let taken = tx.execute(
            "INSERT INTO rate_bucket (name, bucket, full_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name, bucket) DO UPDATE SET full_at = $4 + \
             CASE WHEN rate_bucket.full_at > $5 AND rate_bucket.full_at <= $6 THEN rate_bucket.full_at ELSE $5 END \
             WHERE rate_bucket.full_at <= $7 OR rate_bucket.full_at > $6",
            &[
                name.into(),
                key.into(),
                (now_us + whole_us).into(),
                whole_us.into(),
                now_us.into(),
                absurd_us.into(),
                (most_us - whole_us).into(),
            ],
        )?;
        if taken == 1 {
            return Ok(Answer::Granted(asked.most_units));
        }
        // The row is locked by the statement above, so what is read here stays.
        let sql = "SELECT full_at FROM rate_bucket WHERE name = $1 AND bucket = $2";
        let full_at_us = tx.query_int(sql, &[name.into(), key.into()])?;
        let there = u32::try_from((most_us - full_at_us).max(0) / interval_us).unwrap_or(u32::MAX);
        if there < asked.units {
            let wait_us = full_at_us + cost_us(asked.units) - most_us;
            let wait_us = u64::try_from(wait_us).unwrap_or(0).max(1);
            return Ok(Answer::Refused(Duration::from_micros(wait_us)));
        }
        let there = there.min(asked.most_units);
        let sql = "UPDATE rate_bucket SET full_at = $1 WHERE name = $2 AND bucket = $3";
        let full_at_us = full_at_us.max(now_us) + cost_us(there);
        tx.execute(sql, &[full_at_us.into(), name.into(), key.into()])?;
        Ok(Answer::Granted(there))
    }

    /// Drops buckets that have been full for a minute.
    fn prune(&self, tx: &mut Tx<'_>, now_us: i64) -> Result<(), DbError> {
        let sql = "DELETE FROM rate_bucket WHERE name = $1 AND full_at <= $2 AND bucket IN \
                   (SELECT bucket FROM rate_bucket WHERE name = $1 AND full_at <= $2 LIMIT $3)";
        let values = [
            self.name.into(),
            (now_us - MINUTE_US).into(),
            PRUNE_AT_ONCE.into(),
        ];
        tx.execute(sql, &values).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use reportd_testbed::StoreKind::{self, Embedded, Postgres};
    use reportd_testbed::{Ground, run};
    use rstest::rstest;

    use super::*;
    use crate::clock::ManualClock;

    const START_MS: i64 = 1_795_233_600_000;

    struct World {
        ground: Ground,
        clock: Arc<ManualClock>,
    }

    impl World {
        fn new(kind: StoreKind) -> Self {
            Self::on(Ground::new(kind))
        }

        fn on(ground: Ground) -> Self {
            Self {
                ground,
                clock: Arc::new(ManualClock::at(START_MS)),
            }
        }

        fn db(&self) -> Database {
            let db = self.ground.open("state");
            crate::MIGRATIONS.apply(&db).unwrap();
            db
        }

        /// A node: the same store, opened by itself.
        fn node(&self) -> Limiter<&'static str> {
            self.limiter(&Buckets::Shared(self.db()))
        }

        /// One that waits for its store as long as that takes: on a busy machine it would limit by itself.
        fn limiter(&self, buckets: &Buckets) -> Limiter<&'static str> {
            let mut limiter = Limiter::new("test", 100, buckets, Arc::clone(&self.clock) as _);
            if let Some(shared) = &mut limiter.shared {
                shared.ask_timeout = Duration::from_secs(60);
            }
            limiter
        }

        fn rename(&self, from: &str, to: &str) {
            let sql = format!("ALTER TABLE {from} RENAME TO {to}");
            self.db().write(|tx| tx.execute(&sql, &[])).unwrap();
        }
    }

    const SIX: Rate = Rate { per_minute: 6 };

    #[rstest]
    fn a_bucket_empties_and_fills_wherever_it_is(#[values(Embedded, Postgres)] kind: StoreKind) {
        run(async {
            let seconds = |seconds: u64| Err(Duration::from_secs(seconds));
            // After how many seconds, which key, how many units, and what comes of it.
            let steps = [
                (0, "a", 5, Ok(())),
                (0, "a", 1, Ok(())),
                (0, "a", 1, seconds(10)),
                (4, "a", 1, seconds(6)),
                (0, "b", 1, Ok(())),
                (6, "a", 1, Ok(())),
                (0, "a", 1, seconds(10)),
                (60, "a", 6, Ok(())),
                (60, "a", 9, Ok(())),
                (0, "a", 1, seconds(40)),
                (39, "a", 1, seconds(1)),
                (1, "a", 1, Ok(())),
            ];
            let ground = Ground::new(kind);
            for is_shared in [false, true] {
                let world = World::on(ground.another());
                let buckets = if is_shared {
                    Buckets::Shared(world.db())
                } else {
                    Buckets::Memory
                };
                let limiter = world.limiter(&buckets);
                for (number, (after, key, units, outcome)) in steps.into_iter().enumerate() {
                    world.clock.advance(after * 1000);
                    let told = limiter.take(key, units, SIX).await;
                    assert_eq!(told, outcome, "step {number}, shared: {is_shared}");
                    if told.is_err() {
                        let known = limiter.check(&key, SIX);
                        assert_eq!(known, told, "step {number}, shared: {is_shared}");
                    }
                }
            }
        });
    }

    #[rstest]
    fn nodes_together_stay_within_the_rate_and_use_it(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        run(async {
            let ground = Ground::new(kind);
            let rates = match kind {
                Embedded => &[6, 60, 600, 6_000][..],
                // Each rate is thousands of questions, and each of them a way to the server and back.
                Postgres => &[60, 600],
            };
            for &per_minute in rates {
                let world = World::on(ground.another());
                let nodes = [world.node(), world.node()];
                let rate = Rate { per_minute };
                let (mut granted, mut step) = (0_u64, 0_usize);
                // A minute of burst, then the rate: all that two minutes may bring.
                let most = u64::from(per_minute) * 3;
                for ms in (0..120_000).step_by(20) {
                    for _ in 0..2 + per_minute / 600 {
                        step = step.wrapping_mul(31).wrapping_add(7);
                        let told = nodes[step % 7 % 2].take("key", 1, rate).await;
                        granted += u64::from(told.is_ok());
                    }
                    let so_far = u64::from(per_minute) * (60_000 + ms) / 60_000;
                    assert!(granted <= so_far, "{granted} of {so_far} at {ms} ms");
                    world.clock.advance(20);
                }
                assert!(granted * 10 >= most * 9, "{granted} of {most}");
            }
        });
    }

    #[rstest]
    fn a_key_that_comes_seldom_wastes_nothing(#[values(Embedded, Postgres)] kind: StoreKind) {
        run(async {
            let world = World::new(kind);
            let nodes = [world.node(), world.node()];
            // One in 1.5 s, by turns: 40 a minute of 60.
            for number in 0..200 {
                let told = nodes[number % 2]
                    .take("key", 1, Rate { per_minute: 60 })
                    .await;
                assert_eq!(told, Ok(()), "request {number}");
                world.clock.advance(1_500);
            }
        });
    }

    #[rstest]
    fn threads_of_nodes_at_once_get_the_bucket_and_no_more(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        run(async {
            let world = World::new(kind);
            let nodes = [Arc::new(world.node()), Arc::new(world.node())];
            let rate = Rate { per_minute: 500 };
            let tasks: Vec<_> = (0..16)
                .map(|task| {
                    let node = Arc::clone(&nodes[task % 2]);
                    tokio::spawn(async move {
                        let mut granted = 0;
                        while node.take("key", 1, rate).await.is_ok() {
                            granted += 1;
                            tokio::task::yield_now().await;
                        }
                        granted
                    })
                })
                .collect();
            let mut granted = 0;
            for task in tasks {
                granted += task.await.unwrap();
            }
            assert_eq!(granted, 500);
        });
    }

    #[rstest]
    fn a_refusal_is_remembered_and_a_new_rate_is_not_bound_by_it(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        run(async {
            let world = World::new(kind);
            let limiter = world.node();
            limiter.take("key", 6, SIX).await.unwrap();
            assert!(limiter.take("key", 1, SIX).await.is_err());
            world.rename("rate_bucket", "elsewhere");
            // Asked now, the store would be away and the node would let it through.
            assert_eq!(
                limiter.take("key", 1, SIX).await,
                Err(Duration::from_secs(10))
            );
            world.rename("elsewhere", "rate_bucket");
            world.clock.advance(5_000);
            // Half a minute's worth is there at the double rate.
            let twelve = Rate { per_minute: 12 };
            assert_eq!(limiter.take("key", 1, twelve).await, Ok(()));
        });
    }

    #[rstest]
    fn a_store_that_is_away_lets_neither_all_nor_nothing_through(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        run(async {
            let world = World::new(kind);
            let limiter = world.node();
            limiter.take("key", 1, SIX).await.unwrap();
            world.clock.advance(2_000);
            world.rename("rate_bucket", "elsewhere");
            for _ in 0..6 {
                assert_eq!(limiter.take("key", 1, SIX).await, Ok(()));
            }
            assert_eq!(
                limiter.take("key", 1, SIX).await,
                Err(Duration::from_secs(10))
            );
            world.rename("elsewhere", "rate_bucket");
            world.clock.advance(2_000);
            assert_eq!(
                limiter.take("key", 1, SIX).await,
                Ok(()),
                "it is asked again"
            );
        });
    }

    #[rstest]
    fn a_clock_that_jumped_back_shuts_nobody_out_and_full_buckets_go(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        run(async {
            let world = World::new(kind);
            let limiter = world.node();
            let count = || {
                let sql = "SELECT COUNT(*) FROM rate_bucket";
                world.db().read(|tx| tx.query_int(sql, &[])).unwrap()
            };
            let far_us = (START_MS + 3_600_000) * 1000;
            let sql = "INSERT INTO rate_bucket (name, bucket, full_at) VALUES ('test', 'far', $1)";
            world
                .db()
                .write(|tx| tx.execute(sql, &[far_us.into()]))
                .unwrap();
            assert_eq!(limiter.take("far", 1, SIX).await, Ok(()));
            assert_eq!(limiter.take("near", 1, SIX).await, Ok(()));
            assert_eq!(count(), 2);
            world.clock.advance(130_000);
            assert_eq!(limiter.take("other", 1, SIX).await, Ok(()));
            for _ in 0..400 {
                if count() == 1 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("{} buckets are left", count());
        });
    }

    #[rstest]
    fn no_more_keys_are_held_than_allowed(#[values(Embedded, Postgres)] kind: StoreKind) {
        run(async {
            let world = World::new(kind);
            let buckets = Buckets::Shared(world.db());
            let limiter = Limiter::new("test", 2, &buckets, Arc::clone(&world.clock) as _);
            for (key, is_taken) in [("a", true), ("b", true), ("c", false)] {
                assert_eq!(limiter.take(key, 1, SIX).await.is_ok(), is_taken, "{key}");
            }
            world.clock.advance(2_000);
            assert_eq!(
                limiter.take("c", 1, SIX).await,
                Ok(()),
                "the others are idle"
            );
        });
    }
}
