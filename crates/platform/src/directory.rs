//! Who may come in: apps by their tokens and API keys by their hashes, held in memory and kept in step with the store.
//!
//! Every change to apps or keys raises one version number in its own transaction ([`touch`]). A server looks at that
//! number a few times a second, and at once where it meets a secret it does not know: so a new credential works at
//! once, and a revoked one is refused within a second, on every node.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reportd_db::{Database, DbError, Tx};

use crate::AppNo;
use crate::access::{ApiKey, keys_in_force};
use crate::apps::{self, App, CredentialKind};
use crate::clock::Clock;
use crate::rate_limit::{Rate, RateLimiter};
use crate::secret::SecretHash;

/// How often the version in the store is looked at.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Addresses that can be counted for failed authentication at once.
const MAX_ADDRESSES: usize = 65_536;

/// Raises the version, in the transaction of the change.
pub fn touch(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.execute(
        "UPDATE directory_version SET version = version + 1 WHERE id = 1",
        &[],
    )
    .map(|_| ())
}

/// Something of another room that is kept in memory and changes with the directory.
pub trait Follower: Send + Sync {
    /// Loads it again, in the read transaction that loaded `apps`.
    fn reload(&self, tx: &mut Tx<'_>, apps: &[Arc<App>]) -> Result<(), DbError>;
}

/// All apps and keys at one version.
#[derive(Debug, Default)]
pub struct Snapshot {
    version: i64,
    by_id: HashMap<String, Arc<App>>,
    comm_tokens: HashMap<SecretHash, Token>,
    keys: HashMap<SecretHash, Arc<ApiKey>>,
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

    /// All apps, in no order.
    pub fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        self.by_id.values()
    }

    fn app_of_token(&self, hash: &SecretHash, now_ms: i64) -> Option<Arc<App>> {
        let (stored, token) = self.comm_tokens.get_key_value(hash)?;
        let in_force = token.expires_at_ms.is_none_or(|end| now_ms < end) && !token.app.disabled;
        (in_force && stored.matches(hash)).then(|| Arc::clone(&token.app))
    }

    fn key(&self, hash: &SecretHash) -> Option<Arc<ApiKey>> {
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
    followers: Vec<Arc<dyn Follower>>,
    failures: RateLimiter<IpAddr>,
    /// Failed authentications that an address may have a minute before it is made to wait.
    failure_rate: Rate,
}

impl Directory {
    /// Loads the directory and what follows it.
    pub fn open(
        db: Database,
        clock: Arc<dyn Clock>,
        failure_rate: Rate,
        followers: Vec<Arc<dyn Follower>>,
    ) -> Result<Self, DbError> {
        let directory = Self {
            db,
            clock,
            snapshot: RwLock::default(),
            reloading: Mutex::default(),
            followers,
            failures: RateLimiter::new(MAX_ADDRESSES),
            failure_rate,
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
        let held = self.snapshot().version;
        self.db.read(|tx| {
            let version =
                tx.query_int("SELECT version FROM directory_version WHERE id = 1", &[])?;
            if version == held {
                return Ok(());
            }
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

    /// [`Self::reload_if_changed`] off the async threads.
    pub async fn refresh(self: &Arc<Self>) -> Result<(), DbError> {
        let directory = Arc::clone(self);
        tokio::task::spawn_blocking(move || directory.reload_if_changed())
            .await
            .unwrap_or_else(|stopped| Err(DbError::Statement(stopped.to_string())))
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
    pub async fn key(self: &Arc<Self>, text: &str, address: IpAddr) -> Result<Arc<ApiKey>, Denied> {
        let hash = SecretHash::of(text);
        self.look_up(address, move |snapshot| snapshot.key(&hash))
            .await
    }

    /// Counts a failed authentication that never reached a look-up, such as a missing token.
    pub fn count_failure(&self, address: IpAddr) -> Result<(), Duration> {
        self.failures
            .take(address, 1, self.failure_rate, self.clock.monotonic())
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
            .map_err(Denied::TooManyFailures)?;
        self.refresh().await.map_err(Denied::Store)?;
        find(&self.snapshot()).ok_or(Denied::Unknown)
    }
}

fn load(tx: &mut Tx<'_>, version: i64) -> Result<Snapshot, DbError> {
    let apps: Vec<Arc<App>> = apps::list(tx)?.into_iter().map(Arc::new).collect();
    let by_no: HashMap<AppNo, &Arc<App>> = apps.iter().map(|app| (app.no, app)).collect();
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
        comm_tokens,
        keys,
    })
}
