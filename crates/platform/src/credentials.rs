//! Credentials of an app: what kinds there are, how they are made, kept and replaced.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reportd_db::{DbError, Tx};

use crate::AppNo;
use crate::apps::{AppError, find, invalid};
use crate::changes::touch;
use crate::clock::DAY_MS;
use crate::random::{NoRandomness, Random};
use crate::reseal::{SealedColumn, SealedValue};
use crate::seal::MasterKey;
use crate::secret::{Secret, parse_key_bytes};
use crate::settings::AppSetting;

const MAX_GRACE_MS: i64 = 365 * DAY_MS;

/// The kinds of credential that an app has, one of each (two while a rotated one is in its grace).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// Token of bot event reports. Only its hash is kept.
    CommToken,
    /// Public half of the push credentials.
    Appkey,
    /// Secret half of the push credentials.
    MasterSecret,
    /// Key of dialogue reports and callbacks.
    AesKey,
    /// Signing key of callbacks.
    CallbackSecret,
}

impl CredentialKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::CommToken,
        Self::Appkey,
        Self::MasterSecret,
        Self::AesKey,
        Self::CallbackSecret,
    ];

    /// Name in the store and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CommToken => "comm_token",
            Self::Appkey => "appkey",
            Self::MasterSecret => "master_secret",
            Self::AesKey => "aes_key",
            Self::CallbackSecret => "callback_secret",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn is_kept_as_hash(self) -> bool {
        self == Self::CommToken
    }

    fn draw(self, random: &dyn Random) -> Result<Secret, NoRandomness> {
        match self {
            Self::CommToken => Secret::draw(random, 40),
            Self::Appkey => Secret::draw(random, 22),
            Self::MasterSecret => Secret::draw(random, 32),
            // AES-128 by default: 16 bytes that are text, as clients of this protocol keep them.
            Self::AesKey => Secret::draw(random, 16),
            Self::CallbackSecret => {
                let mut key = [0; 32];
                random.fill(&mut key)?;
                Ok(Secret::new(format!("whsec_{}", STANDARD.encode(key))))
            }
        }
    }
}

/// A credential in plain, as it is shown once.
#[derive(Debug, Clone)]
pub struct Issued {
    /// What it is.
    pub kind: CredentialKind,
    /// Its text.
    pub secret: Secret,
}

/// What seals and draws secrets.
pub struct Vault<'a> {
    /// Seals what must be read back.
    pub master: &'a MasterKey,
    /// Draws new secrets.
    pub random: &'a dyn Random,
}

/// How contents of dialogue reports and callbacks are encrypted with the app's AES key (spec dialogue-report).
pub const AES_MODE: AppSetting = AppSetting {
    name: "dialogue.aes_mode",
    default: "aes-128-cbc",
    about: "cipher of dialogue reports and callbacks",
    check: |value| {
        let modes = [
            "aes-128-cbc",
            "aes-192-cbc",
            "aes-256-cbc",
            "aes-128-ecb",
            "aes-192-ecb",
            "aes-256-ecb",
        ];
        if modes.contains(&value) {
            Ok(())
        } else {
            Err(format!("«{value}»: expected one of {}", modes.join(", ")))
        }
    },
    on_change: None,
};

/// Where the initialisation vector of that cipher comes from.
pub const AES_IV: AppSetting = AppSetting {
    name: "dialogue.aes_iv",
    default: "prepended",
    about: "prepended, zero, key, or the 16 bytes in hexadecimal digits",
    check: |value| {
        let is_hex = value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex || ["prepended", "zero", "key"].contains(&value) {
            return Ok(());
        }
        Err(format!(
            "«{value}»: expected prepended, zero, key, or 32 hexadecimal digits"
        ))
    },
    on_change: None,
};

/// The sealed secrets of this room.
pub const SEALED_COLUMNS: &[SealedColumn] = &[SealedColumn {
    drop_expired: Some("DELETE FROM credential WHERE expires_at <= $1"),
    page: "SELECT c.no, c.sealed, c.app, c.kind, a.id FROM credential c JOIN app a ON a.no = c.app \
           WHERE c.sealed IS NOT NULL AND c.no > $1 ORDER BY c.no LIMIT $2",
    read: |mut row| {
        let kind = row.take_text(3)?;
        Ok(SealedValue {
            key: row.int(0)?,
            sealed: row.take_bytes(1)?,
            place: place(row.int(2)?, &kind),
            name: format!("{kind} of {}", row.take_text(4)?),
        })
    },
    update: "UPDATE credential SET sealed = $1 WHERE no = $2",
}];

/// What a secret of an app is sealed for.
fn place(app: i64, kind: &str) -> String {
    format!("app {app} {kind}")
}

/// Makes a credential of an app, or takes the one that was given, and keeps it. The caller holds the lock of changes
/// ([`touch`]): for the check that a token is free, and for sealing.
pub(crate) fn issue(
    tx: &mut Tx<'_>,
    app: AppNo,
    kind: CredentialKind,
    given: &[Issued],
    vault: &Vault<'_>,
    now_ms: i64,
) -> Result<Issued, AppError> {
    let secret = match given.iter().find(|issued| issued.kind == kind) {
        Some(issued) => issued.secret.clone(),
        None => kind.draw(vault.random)?,
    };
    if !(1..=256).contains(&secret.reveal().len()) {
        return Err(invalid(kind.name(), "expected 1 to 256 bytes"));
    }
    let place = place(app.into(), kind.name());
    let (hash, sealed) = if kind.is_kept_as_hash() {
        let hash = secret.hash();
        let taken = "SELECT COUNT(*) FROM credential WHERE kind = $1 AND hash = $2";
        if tx.query_int(taken, &[kind.name().into(), hash.0[..].into()])? > 0 {
            return Err(invalid(
                kind.name(),
                "this token is in use: each app needs its own",
            ));
        }
        (Some(hash.0), None)
    } else {
        let bytes = if kind == CredentialKind::AesKey {
            parse_key_bytes(secret.reveal()).map_err(|message| invalid(kind.name(), message))?
        } else {
            secret.reveal().as_bytes().to_vec()
        };
        (None, Some(vault.master.seal(&bytes, &place, vault.random)?))
    };
    tx.execute(
        "INSERT INTO credential (app, kind, hash, sealed, created_at) VALUES ($1, $2, $3, $4, $5)",
        &[
            app.into(),
            kind.name().into(),
            hash.as_ref().map(|h| &h[..]).into(),
            sealed.as_deref().into(),
            now_ms.into(),
        ],
    )?;
    Ok(Issued { kind, secret })
}

/// A credential as people see it: without its secret.
#[derive(Debug, Clone)]
pub struct ListedCredential {
    /// Whose it is.
    pub app: AppNo,
    /// What it is.
    pub kind: CredentialKind,
    /// When it was made, in ms.
    pub created_at_ms: i64,
    /// Until when it is in force, in ms; for ever where there is none.
    pub expires_at_ms: Option<i64>,
}

/// The credentials in force at `now_ms`, of all apps, the oldest of each first.
pub fn list(tx: &mut Tx<'_>, now_ms: i64) -> Result<Vec<ListedCredential>, DbError> {
    let sql = "SELECT app, kind, created_at, expires_at FROM credential \
               WHERE expires_at IS NULL OR expires_at > $1 ORDER BY app, no";
    let mut listed = Vec::new();
    for mut row in tx.query(sql, &[now_ms.into()])? {
        let (app, kind) = (row.int(0)?, row.take_text(1)?);
        let kind = CredentialKind::named(&kind);
        // What this build does not know it does not show.
        if let (Ok(app), Some(kind)) = (AppNo::try_from(app), kind) {
            listed.push(ListedCredential {
                app,
                kind,
                created_at_ms: row.int(2)?,
                expires_at_ms: row.opt_int(3)?,
            });
        }
    }
    Ok(listed)
}

/// A secret of an app that was kept sealed.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Whose it is.
    pub app: AppNo,
    /// Its text.
    pub secret: Secret,
    /// Until when it is in force, in ms; for ever where there is none.
    pub expires_at_ms: Option<i64>,
}

/// A key of an app that was kept sealed: bytes, which need not be text. Printed, it shows nothing of them.
pub struct OpenedKey {
    /// Whose it is.
    pub app: AppNo,
    /// The key.
    pub bytes: Vec<u8>,
    /// Until when it is in force, in ms; for ever where there is none.
    pub expires_at_ms: Option<i64>,
}

impl fmt::Debug for OpenedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedKey")
            .field("app", &self.app)
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// All secrets of a kind that is kept sealed, expired ones too, the oldest first. One that cannot be opened is logged and
/// left out: it must not keep the others from being loaded.
pub fn open_keys(
    tx: &mut Tx<'_>,
    kind: CredentialKind,
    master: &MasterKey,
) -> Result<Vec<OpenedKey>, DbError> {
    let sql = "SELECT app, sealed, expires_at FROM credential \
               WHERE kind = $1 AND sealed IS NOT NULL ORDER BY no";
    let mut opened = Vec::new();
    for mut row in tx.query(sql, &[kind.name().into()])? {
        let (app, sealed) = (row.int(0)?, row.take_bytes(1)?);
        let bytes = master.unseal(&sealed, &place(app, kind.name()));
        match (bytes, AppNo::try_from(app)) {
            (Ok(bytes), Ok(app)) => opened.push(OpenedKey {
                app,
                bytes,
                expires_at_ms: row.opt_int(2)?,
            }),
            (Err(error), _) => {
                tracing::error!(app, kind = kind.name(), %error, "a secret cannot be opened");
            }
            (Ok(_), Err(_)) => tracing::error!(app, "a secret is of no app"),
        }
    }
    Ok(opened)
}

/// [`open_keys`] of a kind that is text; one that is none is logged and left out.
pub fn open_all(
    tx: &mut Tx<'_>,
    kind: CredentialKind,
    master: &MasterKey,
) -> Result<Vec<Opened>, DbError> {
    let text_of = |key: OpenedKey| {
        let Ok(text) = String::from_utf8(key.bytes) else {
            tracing::error!(app = key.app, kind = kind.name(), "a secret is no text");
            return None;
        };
        Some(Opened {
            app: key.app,
            secret: Secret::new(text),
            expires_at_ms: key.expires_at_ms,
        })
    };
    let keys = open_keys(tx, kind, master)?;
    Ok(keys.into_iter().filter_map(text_of).collect())
}

/// Replaces credentials: new ones work at once, the old ones for `grace_ms` more.
pub fn rotate(
    tx: &mut Tx<'_>,
    id: &str,
    kinds: &[CredentialKind],
    given: &[Issued],
    grace_ms: i64,
    vault: &Vault<'_>,
    now_ms: i64,
) -> Result<Vec<Issued>, AppError> {
    if !(0..=MAX_GRACE_MS).contains(&grace_ms) {
        return Err(invalid("grace", "expected at most 365d"));
    }
    touch(tx)?;
    let app = find(tx, id)?;
    tx.execute(
        "DELETE FROM credential WHERE expires_at <= $1",
        &[now_ms.into()],
    )?;
    let mut issued = Vec::new();
    for &kind in kinds {
        tx.execute(
            "UPDATE credential SET expires_at = $1 WHERE app = $2 AND kind = $3 \
             AND (expires_at IS NULL OR expires_at > $1)",
            &[
                (now_ms + grace_ms).into(),
                app.no.into(),
                kind.name().into(),
            ],
        )?;
        issued.push(issue(tx, app.no, kind, given, vault, now_ms)?);
    }
    Ok(issued)
}
