//! Who may come in: apps by their tokens, API keys by their hashes and people by their names, held in memory and kept in step with the store.
//!
//! Every change to apps, keys or people raises one version number in its own transaction ([`crate::changes::touch`]). A server looks at that
//! number a few times a second, and at once where it meets a secret it does not know: so a new credential works at
//! once, and a revoked one is refused within a second, on every node.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reportd_db::{Database, DbError, Tx};

use crate::AppNo;
use crate::access::{Principal, PrincipalKind, keys_in_force};
use crate::apps::{self, App};
use crate::clock::Clock;
use crate::credentials::CredentialKind;
use crate::limiter::Limiter;
use crate::people::{PersonInForce, people_in_force};
use crate::rate_limit::Rate;
use crate::secret::SecretHash;
use crate::web::limit_key;

/// How often the version in the store is looked at.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Something of another room that is kept in memory and changes with the directory.
pub trait Follower: Send + Sync {
    /// Loads it again, in the read transaction that loaded `apps`.
    fn reload(&self, tx: &mut Tx<'_>, apps: &[Arc<App>]) -> Result<(), DbError>;
}

/// All apps, keys and people at one version.
#[derive(Debug, Default)]
pub struct Snapshot {
    version: i64,
    by_id: HashMap<String, Arc<App>>,
    by_no: HashMap<AppNo, Arc<App>>,
    comm_tokens: HashMap<SecretHash, Token>,
    keys: HashMap<SecretHash, Arc<Principal>>,
    people: HashMap<String, PersonInForce>,
}

#[derive(Debug)]
struct Token {
    app: Arc<App>,
    expires_at_ms: Option<i64>,
}

impl Snapshot {
    /// The app of an id, disabled or not.
    #[must_use]
    pub fn app(&self, id: &str) -> Option<&Arc<App>> {
        self.by_id.get(id)
    }

    /// The app of a number, disabled or not.
    #[must_use]
    pub fn app_of_no(&self, no: AppNo) -> Option<&Arc<App>> {
        self.by_no.get(&no)
    }

    fn has_key(&self, name: &str) -> bool {
        self.keys.values().any(|key| key.name == name)
    }

    /// The person of that name, where it is in force.
    #[must_use]
    pub fn person(&self, name: &str) -> Option<&PersonInForce> {
        self.people.get(name)
    }

    /// Whether what acts is still in force: for those who go on for longer than a call.
    #[must_use]
    pub fn is_in_force(&self, kind: PrincipalKind, name: &str) -> bool {
        match kind {
            PrincipalKind::Key => self.has_key(name),
            PrincipalKind::Person => self.people.contains_key(name),
        }
    }

    /// All apps, in no order.
    pub fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        self.by_id.values()
    }

    // What protects a secret here is the look-up by its hash: see `SecretHash::matches` for what the comparison adds.
    fn app_of_token(&self, hash: &SecretHash, now_ms: i64) -> Option<Arc<App>> {
        let (stored, token) = self.comm_tokens.get_key_value(hash)?;
        let in_force = token.expires_at_ms.is_none_or(|end| now_ms < end) && !token.app.disabled;
        (in_force && stored.matches(hash)).then(|| Arc::clone(&token.app))
    }

    fn key(&self, hash: &SecretHash) -> Option<Arc<Principal>> {
        let (stored, key) = self.keys.get_key_value(hash)?;
        stored.matches(hash).then(|| Arc::clone(key))
    }
}

/// Why somebody was not let in.
#[derive(Debug)]
pub enum Denied {
    /// The secret is unknown, expired, or its app is disabled.
    Unknown,
    /// This address has failed too often: wait that long.
    TooManyFailures(Duration),
    /// The store could not be asked.
    Store(DbError),
}

/// The directory of a running server.
pub struct Directory {
    db: Database,
    clock: Arc<dyn Clock>,
    snapshot: RwLock<Arc<Snapshot>>,
    reloading: Mutex<()>,
    /// How many calls of [`Self::refresh`] have begun to look at the store.
    begun: AtomicU64,
    /// The number of the last one that has ended. Its lock is the turn to look.
    ended: tokio::sync::Mutex<u64>,
    /// The last look at the store went well.
    is_current: AtomicBool,
    followers: Vec<Arc<dyn Follower>>,
    failures: FailureLimit,
}

/// Failed authentications that an address may have before it is made to wait.
pub struct FailureLimit {
    /// How many in a minute.
    pub rate: Rate,
    /// What counts them.
    pub limiter: Limiter<IpAddr>,
}

impl Directory {
    /// Loads the directory and what follows it.
    pub fn open(
        db: Database,
        clock: Arc<dyn Clock>,
        failures: FailureLimit,
        followers: Vec<Arc<dyn Follower>>,
    ) -> Result<Self, DbError> {
        let directory = Self {
            db,
            clock,
            snapshot: RwLock::default(),
            reloading: Mutex::default(),
            begun: AtomicU64::default(),
            ended: tokio::sync::Mutex::default(),
            is_current: AtomicBool::default(),
            followers,
            failures,
        };
        directory.reload_if_changed()?;
        Ok(directory)
    }

    /// Apps and keys as they stand.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The store of apps and keys.
    #[must_use]
    pub fn db(&self) -> &Database {
        &self.db
    }

    /// Loads again where the store's version moved. Blocks: see [`Self::refresh`].
    pub fn reload_if_changed(&self) -> Result<(), DbError> {
        // One at a time, so that a slower reload never puts an older state back.
        let _turn = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let looked = self.look();
        self.is_current.store(looked.is_ok(), Ordering::Relaxed);
        looked
    }

    fn look(&self) -> Result<(), DbError> {
        let version = "SELECT version FROM directory_version WHERE id = 1";
        let held = self.snapshot().version;
        let stored = self.db.query(version, &[])?;
        if stored.first().map(|row| row.int(0)).transpose()? == Some(held) {
            return Ok(());
        }
        self.db.read(|tx| {
            let version = tx.query_int(version, &[])?;
            let snapshot = load(tx, version)?;
            let apps: Vec<_> = snapshot.by_id.values().cloned().collect();
            for follower in &self.followers {
                follower.reload(tx, &apps)?;
            }
            *self
                .snapshot
                .write()
                .unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
            Ok(())
        })
    }

    /// False where the last look at the store failed: what changed since is not seen.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.is_current.load(Ordering::Relaxed)
    }

    /// [`Self::reload_if_changed`] off the async threads. Calls that wait for their turn share one look, which began
    /// after all of them: however many come, no more than one thread is busy with it.
    pub async fn refresh(self: &Arc<Self>) -> Result<(), DbError> {
        let begun_before = self.begun.load(Ordering::SeqCst);
        let mut ended = self.ended.lock().await;
        if *ended > begun_before {
            return if self.is_current() {
                Ok(())
            } else {
                let message = "apps and keys could not be loaded";
                Err(DbError::Unavailable(message.to_owned()))
            };
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let directory = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || directory.reload_if_changed())
            .await
            .unwrap_or_else(|stopped| Err(DbError::Statement(stopped.to_string())));
        *ended = number;
        looked
    }

    /// The app whose bot reports carry `token`.
    pub async fn app_of_comm_token(
        self: &Arc<Self>,
        token: &str,
        address: IpAddr,
    ) -> Result<Arc<App>, Denied> {
        let hash = SecretHash::of(token);
        let clock = Arc::clone(&self.clock);
        self.look_up(address, move |snapshot| {
            snapshot.app_of_token(&hash, clock.now_ms())
        })
        .await
    }

    /// The API key of a text.
    pub async fn key(
        self: &Arc<Self>,
        text: &str,
        address: IpAddr,
    ) -> Result<Arc<Principal>, Denied> {
        let hash = SecretHash::of(text);
        self.look_up(address, move |snapshot| snapshot.key(&hash))
            .await
    }

    /// Counts a failed authentication; also for one that never reaches a look-up, such as a missing token.
    pub async fn count_failure(&self, address: IpAddr) -> Result<(), Duration> {
        let FailureLimit { rate, limiter } = &self.failures;
        limiter.take(limit_key(address), 1, *rate).await
    }

    /// Whether this address has failed too often already; counts nothing. For secrets that are looked up in the store on
    /// each call, so that guessing cannot load it.
    ///
    /// # Errors
    /// The time to wait.
    pub fn check_failures(&self, address: IpAddr) -> Result<(), Duration> {
        let FailureLimit { rate, limiter } = &self.failures;
        limiter.check(&limit_key(address), *rate)
    }

    async fn look_up<T>(
        self: &Arc<Self>,
        address: IpAddr,
        find: impl Fn(&Snapshot) -> Option<T>,
    ) -> Result<T, Denied> {
        if let Some(found) = find(&self.snapshot()) {
            return Ok(found);
        }
        // The store is asked only while the address has failures to spare, so that guessing cannot load it.
        self.count_failure(address)
            .await
            .map_err(Denied::TooManyFailures)?;
        self.refresh().await.map_err(Denied::Store)?;
        find(&self.snapshot()).ok_or(Denied::Unknown)
    }
}

fn load(tx: &mut Tx<'_>, version: i64) -> Result<Snapshot, DbError> {
    let apps: Vec<Arc<App>> = apps::list_readable(tx)?.into_iter().map(Arc::new).collect();
    let by_no: HashMap<AppNo, Arc<App>> =
        apps.iter().map(|app| (app.no, Arc::clone(app))).collect();
    let mut comm_tokens = HashMap::new();
    let sql = "SELECT app, hash, expires_at FROM credential WHERE kind = $1";
    for mut row in tx.query(sql, &[CredentialKind::CommToken.name().into()])? {
        let app = AppNo::try_from(row.int(0)?)
            .ok()
            .and_then(|no| by_no.get(&no));
        let hash = SecretHash::from_bytes(&row.take_bytes(1)?);
        if let (Some(app), Some(hash)) = (app, hash) {
            comm_tokens.insert(
                hash,
                Token {
                    app: Arc::clone(app),
                    expires_at_ms: row.opt_int(2)?,
                },
            );
        }
    }
    let keys = keys_in_force(tx)?
        .into_iter()
        .map(|(hash, key)| (hash, Arc::new(key)))
        .collect();
    let by_id = apps
        .iter()
        .map(|app| (app.id.clone(), Arc::clone(app)))
        .collect();
    Ok(Snapshot {
        version,
        by_id,
        by_no,
        comm_tokens,
        keys,
        people: people_in_force(tx)?,
    })
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use reportd_testbed::StoreKind::{self, Embedded, Postgres};
    use reportd_testbed::{Ground, run};
    use rstest::rstest;

    use super::*;
    use crate::access::{Role, create_key, revoke_key};
    use crate::apps::NewApp;
    use crate::clock::SystemClock;
    use crate::credentials::Vault;
    use crate::limiter::Buckets;
    use crate::random::SeededRandom;
    use crate::seal::MasterKey;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn store(ground: &Ground) -> Database {
        let db = ground.open("state");
        crate::MIGRATIONS.apply(&db).unwrap();
        db
    }

    fn directory(db: &Database) -> Arc<Directory> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let failures = FailureLimit {
            rate: Rate { per_minute: 1000 },
            limiter: Limiter::new("failure", 10, &Buckets::Memory, Arc::clone(&clock)),
        };
        Arc::new(Directory::open(db.clone(), clock, failures, Vec::new()).unwrap())
    }

    fn create_app(db: &Database, id: &str) {
        let master = MasterKey::parse(&format!("hex:{}", "0".repeat(64))).unwrap();
        let vault = Vault {
            master: &master,
            random: &SeededRandom::new(u64::from(id.as_bytes()[0])),
        };
        let new = NewApp {
            id: id.to_owned(),
            name: String::new(),
            zone: "UTC".to_owned(),
            given: Vec::new(),
        };
        db.try_write(|tx| apps::create(tx, &new, &vault, 0))
            .unwrap();
    }

    fn create_keys(db: &Database, names: [&str; 3]) -> [crate::secret::Secret; 3] {
        let random = SeededRandom::new(1);
        let create = |name| db.try_write(|tx| create_key(tx, name, Role::Viewer, None, &random, 0));
        names.map(|name| create(name).unwrap())
    }

    #[rstest]
    fn rows_that_cannot_be_read_do_not_stop_revocations(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        run(async {
            let ground = Ground::new(kind);
            let db = store(&ground);
            create_app(&db, "good");
            create_app(&db, "lost");
            let [kept, revoked, odd] = create_keys(&db, ["kept", "revoked", "odd"]);
            let directory = directory(&db);
            directory.key(revoked.reveal(), HERE).await.unwrap();

            db.write(|tx| {
                tx.execute(
                    "UPDATE app SET zone = 'Mars/Olympus' WHERE id = 'lost'",
                    &[],
                )?;
                tx.execute("UPDATE api_key SET app = -1 WHERE name = 'odd'", &[])?;
                revoke_key(tx, "revoked", 1)
            })
            .unwrap();
            directory.refresh().await.unwrap();
            let snapshot = directory.snapshot();
            assert!(snapshot.app("good").is_some() && snapshot.app("lost").is_none());
            assert!(directory.key(kept.reveal(), HERE).await.is_ok());
            for denied in [&revoked, &odd] {
                let found = directory.key(denied.reveal(), HERE).await;
                assert!(matches!(found, Err(Denied::Unknown)), "{found:?}");
            }
            assert!(db.read(apps::list).is_err(), "people are told");
            assert!(directory.is_current());
        });
    }

    #[rstest]
    fn a_look_that_fails_is_told(#[values(Embedded, Postgres)] kind: StoreKind) {
        run(async {
            let ground = Ground::new(kind);
            let db = store(&ground);
            let directory = directory(&db);
            assert!(directory.is_current());
            let rename = |from: &str, to: &str| {
                let sql = format!("ALTER TABLE {from} RENAME TO {to}");
                db.write(|tx| tx.execute(&sql, &[])).unwrap();
            };
            rename("directory_version", "elsewhere");
            assert!(directory.refresh().await.is_err());
            assert!(!directory.is_current());
            rename("elsewhere", "directory_version");
            directory.refresh().await.unwrap();
            assert!(directory.is_current());
        });
    }

    #[rstest]
    fn many_refreshes_share_a_look(#[values(Embedded, Postgres)] kind: StoreKind) {
        run(async {
            let ground = Ground::new(kind);
            let directory = directory(&store(&ground));
            let mut refreshes: Vec<_> = (0..50).map(|_| Box::pin(directory.refresh())).collect();
            for refresh in &mut refreshes {
                // Each has come, and waits: none goes on before all have.
                let mut context = Context::from_waker(Waker::noop());
                assert!(refresh.as_mut().poll(&mut context).is_pending());
            }
            for refresh in refreshes {
                refresh.await.unwrap();
            }
            // The first look, and one for all who came while it ran.
            let looks = directory.begun.load(Ordering::SeqCst);
            assert!((1..=2).contains(&looks), "{looks}");
        });
    }
}
