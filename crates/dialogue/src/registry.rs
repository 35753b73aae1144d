//! Credentials and settings of each app: in the state store, and in memory for every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::apps::App;
use reportd_platform::credentials::{
    AES_IV, AES_MODE, CredentialKind, Opened, OpenedKey, open_all, open_keys,
};
use reportd_platform::directory::Follower;
use reportd_platform::seal::KeySource;
use reportd_protocol::dialogue::{AesMode, CallbackSecret, Cipher, CipherSettings, IvSetting};

use crate::callback::{Sender, Senders, SigningSecret};
use crate::settings::Settings;

/// What reports and verdicts of an app are decided by.
#[derive(Debug)]
pub struct DialogueApp {
    /// The app.
    pub app: Arc<App>,
    /// What it has set.
    pub settings: Settings,
    /// Two while one is in its grace after a rotation, the newest last.
    ciphers: Vec<InForce<Cipher>>,
    /// What signs callbacks: with a new secret from the moment on that it is there, and with the old one for its grace.
    sender: Arc<Sender>,
}

#[derive(Debug)]
struct InForce<T> {
    value: T,
    until_ms: Option<i64>,
}

fn in_force<T>(all: &[InForce<T>], now_ms: i64) -> impl DoubleEndedIterator<Item = &T> {
    let is_in_force = move |one: &&InForce<T>| one.until_ms.is_none_or(|end| now_ms < end);
    all.iter().filter(is_in_force).map(|one| &one.value)
}

impl DialogueApp {
    /// The ciphers that reports may have come with, the newest first.
    pub fn ciphers(&self, now_ms: i64) -> impl Iterator<Item = &Cipher> {
        in_force(&self.ciphers, now_ms).rev()
    }
}

/// All apps' credentials and settings, in memory.
pub struct Registry {
    keys: KeySource,
    apps: RwLock<Apps>,
}

#[derive(Default)]
struct Apps {
    by_id: HashMap<String, Arc<DialogueApp>>,
    by_no: HashMap<AppNo, Arc<DialogueApp>>,
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

    /// The app of an id; none where it is disabled.
    #[must_use]
    pub fn enabled(&self, id: &str) -> Option<Arc<DialogueApp>> {
        self.app(id).filter(|known| !known.app.disabled)
    }

    /// The app of an id, disabled or not.
    #[must_use]
    pub fn app(&self, id: &str) -> Option<Arc<DialogueApp>> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.by_id.get(id).cloned()
    }

    /// The app of a number, disabled or not.
    #[must_use]
    pub fn app_of(&self, no: AppNo) -> Option<Arc<DialogueApp>> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.by_no.get(&no).cloned()
    }
}

impl Senders for Registry {
    fn sender(&self, app: AppNo) -> Option<Arc<Sender>> {
        self.app_of(app).map(|known| Arc::clone(&known.sender))
    }
}

impl Follower for Registry {
    fn reload(&self, tx: &mut Tx<'_>, apps: &[Arc<App>]) -> Result<(), DbError> {
        let master = (self.keys)().map_err(DbError::Unavailable)?;
        let mut keys: HashMap<AppNo, Vec<OpenedKey>> = HashMap::new();
        let mut secrets: HashMap<AppNo, Vec<Opened>> = HashMap::new();
        if let Some(master) = &master {
            for key in open_keys(tx, CredentialKind::AesKey, master)? {
                keys.entry(key.app).or_default().push(key);
            }
            for secret in open_all(tx, CredentialKind::CallbackSecret, master)? {
                secrets.entry(secret.app).or_default().push(secret);
            }
        }
        let mut texts = HashMap::new();
        for mut row in tx.query("SELECT app, settings FROM dialogue_settings", &[])? {
            texts.insert(row.int(0)?, row.take_text(1)?);
        }
        let mut loaded = Apps::default();
        for app in apps {
            let text = texts.get(&i64::from(app.no));
            let Some(settings) = settings_of(app, text.map(String::as_str)) else {
                continue;
            };
            let known = Arc::new(DialogueApp {
                app: Arc::clone(app),
                ciphers: ciphers(app, &settings, keys.remove(&app.no).unwrap_or_default()),
                sender: Arc::new(Sender {
                    secrets: callback_secrets(app, secrets.remove(&app.no).unwrap_or_default()),
                    allow_private: settings.allow_private_callbacks,
                    hosts: settings.callback_hosts.clone(),
                }),
                settings,
            });
            loaded.by_id.insert(app.id.clone(), Arc::clone(&known));
            loaded.by_no.insert(app.no, known);
        }
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }
}

/// A key that does not fit the app's mode is told and left out: reports that need it are refused.
fn ciphers(app: &App, settings: &Settings, keys: Vec<OpenedKey>) -> Vec<InForce<Cipher>> {
    let mode = AesMode::from_name(app.settings.get(&AES_MODE)).unwrap_or_default();
    let iv = IvSetting::parse(app.settings.get(&AES_IV)).unwrap_or_default();
    let made = |key: OpenedKey| {
        let settings = CipherSettings {
            mode,
            iv,
            key: &key.bytes,
            php_key: settings.php_key,
            zero_padding: settings.zero_padding,
        };
        let told = Cipher::new(&settings)
            .inspect_err(|error| tracing::warn!(app = app.id, %error, "an AES key cannot be used"));
        Some(InForce {
            value: told.ok()?,
            until_ms: key.expires_at_ms,
        })
    };
    keys.into_iter().filter_map(made).collect()
}

/// A secret that is none is told and left out.
fn callback_secrets(app: &App, secrets: Vec<Opened>) -> Vec<SigningSecret> {
    let made = |opened: Opened| {
        let secret = CallbackSecret::parse(opened.secret.reveal());
        if secret.is_none() {
            let expected = "base64 of 24 bytes or more";
            tracing::warn!(app = app.id, expected, "a callback secret cannot be used");
        }
        Some(SigningSecret {
            secret: secret?,
            until_ms: opened.expires_at_ms,
        })
    };
    secrets.into_iter().filter_map(made).collect()
}

/// An app whose settings cannot be read is left out, and its reports are refused: other apps must be loaded all the same.
fn settings_of(app: &App, text: Option<&str>) -> Option<Settings> {
    text.map_or(Ok(Settings::default()), Settings::parse)
        .inspect_err(|error| {
            tracing::error!(app = app.id, %error, "settings for dialogue reports cannot be read: the app is refused");
        })
        .ok()
}
