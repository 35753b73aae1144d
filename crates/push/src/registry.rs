//! Credentials and settings of each app: in the state store, and in memory for every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::apps::App;
use reportd_platform::credentials::{CredentialKind, Opened, open_all};
use reportd_platform::directory::Follower;
use reportd_platform::seal::{KeySource, MasterKey};
use reportd_protocol::push::Date;

use crate::settings::Settings;

/// What requests of an app are decided by.
#[derive(Debug)]
pub(crate) struct PushApp {
    pub(crate) app: Arc<App>,
    pub(crate) settings: Settings,
    /// Two while one is in its grace after a rotation.
    appkeys: Vec<Opened>,
    master_secrets: Vec<Opened>,
}

impl PushApp {
    /// The day of the app at `now_ms`.
    pub(crate) fn today(&self, now_ms: i64) -> Date {
        Date::from_days(self.app.zone.day(now_ms))
    }

    /// The app keys that are in force at `now_ms`.
    pub(crate) fn appkeys(&self, now_ms: i64) -> Vec<&str> {
        in_force(&self.appkeys, now_ms)
    }

    /// The master secrets that are in force at `now_ms`.
    pub(crate) fn master_secrets(&self, now_ms: i64) -> Vec<&str> {
        in_force(&self.master_secrets, now_ms)
    }
}

fn in_force(all: &[Opened], now_ms: i64) -> Vec<&str> {
    all.iter()
        .filter(|opened| opened.expires_at_ms.is_none_or(|end| now_ms < end))
        .map(|opened| opened.secret.reveal())
        .collect()
}

/// All apps' credentials and settings, in memory, and which tokens this node has met.
pub struct Registry {
    keys: KeySource,
    apps: RwLock<HashMap<String, Arc<PushApp>>>,
}

impl Registry {
    /// An empty one, which opens secrets with the key from `keys`; without a key no app has credentials.
    #[must_use]
    pub fn new(keys: KeySource) -> Self {
        Self {
            keys,
            apps: RwLock::default(),
        }
    }

    /// The app of an id; none where it is disabled, so that nothing tells a disabled app from one that is not there.
    pub(crate) fn enabled(&self, id: &str) -> Option<Arc<PushApp>> {
        self.app(id).filter(|known| !known.app.disabled)
    }

    /// The app of an id, disabled or not.
    pub(crate) fn app(&self, id: &str) -> Option<Arc<PushApp>> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.get(id).cloned()
    }
}

impl Follower for Registry {
    fn reload(&self, tx: &mut Tx<'_>, apps: &[Arc<App>]) -> Result<(), DbError> {
        let master = (self.keys)().map_err(DbError::Unavailable)?;
        let mut open = |kind| open_by_app(tx, kind, master.as_ref());
        let (mut appkeys, mut master_secrets) = (
            open(CredentialKind::Appkey)?,
            open(CredentialKind::MasterSecret)?,
        );
        let mut texts = HashMap::new();
        for mut row in tx.query("SELECT app, settings FROM push_settings", &[])? {
            texts.insert(row.int(0)?, row.take_text(1)?);
        }
        let mut loaded = HashMap::with_capacity(apps.len());
        for app in apps {
            let text = texts.get(&i64::from(app.no));
            let Some(settings) = settings_of(app, text.map(String::as_str)) else {
                continue;
            };
            let known = PushApp {
                app: Arc::clone(app),
                settings,
                appkeys: appkeys.remove(&app.no).unwrap_or_default(),
                master_secrets: master_secrets.remove(&app.no).unwrap_or_default(),
            };
            loaded.insert(app.id.clone(), Arc::new(known));
        }
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }
}

fn open_by_app(
    tx: &mut Tx<'_>,
    kind: CredentialKind,
    master: Option<&MasterKey>,
) -> Result<HashMap<AppNo, Vec<Opened>>, DbError> {
    let mut by_app: HashMap<_, Vec<_>> = HashMap::new();
    let Some(master) = master else {
        return Ok(by_app);
    };
    for opened in open_all(tx, kind, master)? {
        by_app.entry(opened.app).or_default().push(opened);
    }
    Ok(by_app)
}

/// An app whose settings cannot be read is left out, and its calls are refused: its quotas and permissions are not
/// known, and other apps must be loaded all the same.
fn settings_of(app: &App, text: Option<&str>) -> Option<Settings> {
    text.map_or(Ok(Settings::default()), Settings::parse)
        .inspect_err(|error| {
            tracing::error!(app = app.id, %error, "settings for push reports cannot be read: the app is refused");
        })
        .ok()
}
