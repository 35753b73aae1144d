//! What requests are decided by, in memory: settings and session keys of each app, and what was looked up of viewers and
//! sessions. It follows the directory, so that every node hears of a change within a second.

mod changes;
mod revoked;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use foldhash::fast::RandomState;
use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::apps::App;
use reportd_platform::directory::Follower;
use reportd_platform::seal::KeySource;
use tokio::sync::Semaphore;

pub(crate) use self::changes::Change;
use self::revoked::RevokedTokens;
pub(crate) use self::revoked::{FOR_GOOD, KEPT_PAST_MS, Revocation};
use crate::generations::Generations;
use crate::sessions::{KnownKey, SecretKey, Session, TokenId, load_keys};
use crate::settings::Settings;
use crate::viewers::{ViewerIdentity, ViewerKey};

pub use crate::sessions::SEALED_COLUMNS;

/// Viewers in memory: 1.8 million are kept whatever comes, in 70 MB; at most there are twice as many.
const MOST_VIEWERS: usize = 28 << 16;
/// Sessions in memory whose look-up costs much: issued ones, and tokens that are signed by EdDSA. Likewise.
const MOST_SESSIONS: usize = 14 << 16;
/// Secrets in memory that are no session, so that who sends them again is not looked up again.
const MOST_UNKNOWN: usize = 7 << 13;

/// Look-ups of sessions at once for addresses that have failed too often.
const SUSPECT_LOOK_UPS: usize = 4;

/// What requests of an app are decided by.
#[derive(Debug)]
pub(crate) struct PlaybackApp {
    pub(crate) app: Arc<App>,
    pub(crate) settings: Settings,
}

/// All apps.
#[derive(Debug, Default)]
pub(crate) struct Apps {
    by_no: HashMap<AppNo, Arc<PlaybackApp>, RandomState>,
    by_host: HashMap<String, AppNo>,
    /// The session keys of all apps.
    pub(crate) keys: Vec<KnownKey>,
}

impl Apps {
    pub(crate) fn knows(&self, no: AppNo) -> bool {
        self.by_no.contains_key(&no)
    }

    /// An app that is not disabled.
    pub(crate) fn enabled(&self, no: AppNo) -> Option<&Arc<PlaybackApp>> {
        self.by_no.get(&no).filter(|known| !known.app.disabled)
    }

    /// The app of a `Host` header: with its port, or without.
    pub(crate) fn of_host(&self, host: &str) -> Option<&Arc<PlaybackApp>> {
        if self.by_host.is_empty() {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let without_port = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
        let found = self.by_host.get(&host);
        self.enabled(*found.or_else(|| self.by_host.get(without_port))?)
    }

    /// The app of a request without a session: that of the host, else the only one.
    pub(crate) fn without_session(&self, host: Option<&str>) -> Option<&Arc<PlaybackApp>> {
        if let Some(found) = host.and_then(|host| self.of_host(host)) {
            return Some(found);
        }
        let mut enabled = self.by_no.values().filter(|known| !known.app.disabled);
        enabled.next().filter(|_| enabled.next().is_none())
    }

    /// Whether pages of an origin may call an app: this one, else whichever lists it.
    pub(crate) fn allows_origin(&self, origin: &str, app: Option<AppNo>) -> bool {
        let lists = |known: &Arc<PlaybackApp>| {
            let mut origins = known.settings.cors_origins.iter();
            !known.app.disabled && origins.any(|known| known == origin)
        };
        match app {
            Some(no) => self.enabled(no).is_some_and(lists),
            None => self.by_no.values().any(lists),
        }
    }
}

/// What requests are decided by.
pub struct Registry {
    key_source: KeySource,
    apps: RwLock<Arc<Apps>>,
    pub(crate) viewers: Generations<ViewerKey, ViewerIdentity>,
    pub(crate) sessions: Generations<SecretKey, Session>,
    /// Secrets that are no session.
    pub(crate) unknown: Generations<SecretKey, ()>,
    /// Turns to look up a session for addresses that have failed too often.
    pub(crate) suspect_look_ups: Semaphore,
    /// Tokens of others that an app has revoked.
    revoked: RwLock<RevokedTokens>,
    /// The newest change that was seen; none before the first load.
    seen: Mutex<Option<i64>>,
}

impl Registry {
    /// An empty one, which opens session keys with the key from `key_source`; without a key no app has shared secrets.
    #[must_use]
    pub fn new(key_source: KeySource) -> Self {
        Self {
            key_source,
            apps: RwLock::default(),
            viewers: Generations::new(MOST_VIEWERS),
            sessions: Generations::new(MOST_SESSIONS),
            unknown: Generations::new(MOST_UNKNOWN),
            suspect_look_ups: Semaphore::new(SUSPECT_LOOK_UPS),
            revoked: RwLock::default(),
            seen: Mutex::default(),
        }
    }

    /// All apps as they stand.
    pub(crate) fn apps(&self) -> Arc<Apps> {
        Arc::clone(&self.apps.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// An app, disabled or not.
    pub(crate) fn app(&self, no: AppNo) -> Option<Arc<PlaybackApp>> {
        self.apps().by_no.get(&no).cloned()
    }

    /// Whether a token was revoked.
    pub(crate) fn is_revoked(&self, token: TokenId) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        revoked.contains(token)
    }

    /// Drops from memory what a change has made wrong. A node that makes a change calls it when that is committed; the
    /// others when they hear of it.
    pub(crate) fn apply(&self, change: &Change) {
        if let Some(viewer) = &change.viewer {
            self.viewers.remove(viewer);
        }
        for secret in &change.sessions {
            self.sessions.remove(secret);
        }
        if let Some(revocation) = change.revoked {
            let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
            revoked.add(revocation);
        }
        if change.are_keys {
            self.sessions.clear();
            self.unknown.clear();
        }
    }

    /// Puts `loaded` in place of what was known of apps, then drops what is wrong since. In this order: whoever looks up
    /// with a ticket from after the drop has met the new keys.
    fn follow(&self, tx: &mut Tx<'_>, loaded: Apps) -> Result<(), DbError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (newest, changes) = changes::behind(tx, *seen)?;
        let revoked = match &changes {
            Some(_) => None,
            None => Some(changes::all_revoked(tx)?),
        };
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        match changes {
            Some(changes) => changes.iter().for_each(|change| self.apply(change)),
            None => {
                let all = revoked.unwrap_or_default();
                *self.revoked.write().unwrap_or_else(PoisonError::into_inner) = all;
                self.viewers.clear();
                self.sessions.clear();
                self.unknown.clear();
            }
        }
        *seen = Some(newest);
        Ok(())
    }
}

impl Follower for Registry {
    fn reload(&self, tx: &mut Tx<'_>, apps: &[Arc<App>]) -> Result<(), DbError> {
        let master = (self.key_source)().map_err(DbError::Unavailable)?;
        let mut texts = HashMap::new();
        for mut row in tx.query("SELECT app, settings FROM playback_settings", &[])? {
            texts.insert(row.int(0)?, row.take_text(1)?);
        }
        let mut loaded = Apps {
            keys: load_keys(tx, master.as_ref())?,
            ..Apps::default()
        };
        for app in apps {
            let text = texts.get(&i64::from(app.no));
            let Some(settings) = settings_of(app, text.map(String::as_str)) else {
                continue;
            };
            let hosts = settings.playback_hosts.iter();
            loaded
                .by_host
                .extend(hosts.map(|host| (host.clone(), app.no)));
            let app = Arc::clone(app);
            let known = PlaybackApp { app, settings };
            loaded.by_no.insert(known.app.no, Arc::new(known));
        }
        self.follow(tx, loaded)
    }
}

/// An app whose settings cannot be read is left out, and its calls are refused: other apps must be loaded all the same.
fn settings_of(app: &App, text: Option<&str>) -> Option<Settings> {
    text.map_or(Ok(Settings::default()), Settings::parse)
        .inspect_err(|error| {
            tracing::error!(app = app.id, %error, "settings for playback reports cannot be read: the app is refused");
        })
        .ok()
}
