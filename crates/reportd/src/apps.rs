//! Apps as commands and the API make and show them.

use std::collections::BTreeMap;

use reportd_db::{DbError, Tx};
use reportd_platform::apps::{self, App, AppError, NewApp};
use reportd_platform::credentials::{
    self, AES_IV, AES_MODE, CredentialKind, Issued, ListedCredential, Vault,
};
use reportd_platform::settings::AppSetting;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kinds::KINDS;

/// The settings that an app can have.
pub(crate) fn app_settings() -> Vec<AppSetting> {
    let of_kinds = KINDS.iter().flat_map(|kind| kind.app_settings);
    of_kinds.copied().chain([AES_MODE, AES_IV]).collect()
}

/// Creates an app with what every kind of reports gives a new one.
pub(crate) fn create(
    tx: &mut Tx<'_>,
    new: &NewApp,
    settings: &[(String, String)],
    vault: &Vault<'_>,
    now_ms: i64,
) -> Result<Vec<Issued>, AppError> {
    let issued = apps::create(tx, new, vault, now_ms)?;
    for kind in KINDS {
        (kind.furnish_app)(tx, &new.id)?;
    }
    apps::set(tx, &new.id, settings, &app_settings(), now_ms)?;
    Ok(issued)
}

/// An app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manage::App)]
pub(crate) struct ShownApp {
    /// Its id.
    #[schema(example = "bots")]
    pub(crate) app_id: String,
    /// Its name for people.
    #[schema(example = "Bots")]
    pub(crate) name: String,
    /// The zone of its days.
    #[schema(example = "Asia/Shanghai")]
    pub(crate) zone: String,
    /// There are reports, so the zone stays.
    pub(crate) zone_fixed: bool,
    /// Its credentials are refused.
    pub(crate) disabled: bool,
    /// All its settings by name, as they hold.
    #[schema(value_type = Object, example = json!({"comm.max_age": "24h", "dialogue.aes_mode": "aes-128-cbc"}))]
    pub(crate) settings: BTreeMap<String, String>,
    /// Its credentials, without secrets.
    pub(crate) credentials: Vec<ShownCredential>,
}

/// A credential, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manage::Credential)]
pub(crate) struct ShownCredential {
    /// What it is.
    #[schema(example = "comm_token")]
    kind: &'static str,
    /// When it was made, in ms since 1970.
    #[schema(example = 1_795_233_600_000_i64)]
    created_at: i64,
    /// Until when it is in force, in ms; null where nothing has replaced it.
    #[schema(required)]
    expires_at: Option<i64>,
}

impl ShownApp {
    /// An app; `credentials` may be of others too.
    fn new(app: &App, credentials: &[ListedCredential]) -> Self {
        let value = |setting: &AppSetting| {
            let value = app.settings.get(setting).to_owned();
            (setting.name.to_owned(), value)
        };
        let own = credentials.iter().filter(|listed| listed.app == app.no);
        let shown = own.map(|listed| ShownCredential {
            kind: listed.kind.name(),
            created_at: listed.created_at_ms,
            expires_at: listed.expires_at_ms,
        });
        Self {
            app_id: app.id.clone(),
            name: app.name.clone(),
            zone: app.zone.name().to_owned(),
            zone_fixed: app.zone_fixed,
            disabled: app.disabled,
            settings: app_settings().iter().map(value).collect(),
            credentials: shown.collect(),
        }
    }

    /// The app of an id.
    pub(crate) fn find(tx: &mut Tx<'_>, id: &str, now_ms: i64) -> Result<Self, AppError> {
        let app = apps::find(tx, id)?;
        Ok(Self::new(&app, &credentials::list(tx, now_ms)?))
    }

    /// All apps of which `is_shown`, by id.
    pub(crate) fn list(
        tx: &mut Tx<'_>,
        now_ms: i64,
        is_shown: impl Fn(&App) -> bool,
    ) -> Result<Vec<Self>, DbError> {
        let credentials = credentials::list(tx, now_ms)?;
        let apps = apps::list(tx)?;
        let shown = apps.iter().filter(|app| is_shown(app));
        Ok(shown.map(|app| Self::new(app, &credentials)).collect())
    }
}

/// Credentials that were just made: the only place where their secrets are told.
#[derive(Serialize, ToSchema, Default)]
#[schema(as = manage::IssuedCredentials)]
pub(crate) struct IssuedCredentials {
    /// Whose they are.
    #[schema(example = "bots")]
    app_id: String,
    /// Token of bot event reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    comm_token: Option<String>,
    /// Public half of the push credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    appkey: Option<String>,
    /// Secret half of the push credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    master_secret: Option<String>,
    /// Key of dialogue reports and callbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    aes_key: Option<String>,
    /// The cipher of that key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "aes-128-cbc")]
    aes_mode: Option<String>,
    /// Where its initialisation vector comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "prepended")]
    aes_iv: Option<String>,
    /// Signing key of callbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    callback_secret: Option<String>,
}

impl IssuedCredentials {
    /// What was issued to an app.
    pub(crate) fn read(tx: &mut Tx<'_>, id: &str, issued: &[Issued]) -> Result<Self, AppError> {
        let app = apps::find(tx, id)?;
        let mut told = Self {
            app_id: app.id,
            ..Self::default()
        };
        for Issued { kind, secret } in issued {
            let secret = Some(secret.reveal().to_owned());
            match kind {
                CredentialKind::CommToken => told.comm_token = secret,
                CredentialKind::Appkey => told.appkey = secret,
                CredentialKind::MasterSecret => told.master_secret = secret,
                CredentialKind::AesKey => {
                    told.aes_key = secret;
                    told.aes_mode = Some(app.settings.get(&AES_MODE).to_owned());
                    told.aes_iv = Some(app.settings.get(&AES_IV).to_owned());
                }
                CredentialKind::CallbackSecret => told.callback_secret = secret,
            }
        }
        Ok(told)
    }
}
