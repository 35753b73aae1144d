//! Session keys of apps: by them the tokens of a site's own login service are verified. Shared secrets are sealed.

use reportd_db::{DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_platform::changes::touch;
use reportd_platform::random::Random;
use reportd_platform::reseal::{SealedColumn, SealedValue};
use reportd_platform::seal::{MasterKey, SealError};
use reportd_protocol::playback::{BadKey, JwtAlgorithm, SessionKey};
use thiserror::Error;

use crate::registry::Change;

/// Most keys of an app.
pub(crate) const MOST_KEYS: usize = 8;
/// Most characters of a `kid`.
const MOST_KID_CHARS: usize = 128;
/// Most bytes of a shared secret.
const MOST_SECRET_BYTES: usize = 1_024;
/// Most characters of a public key.
const MOST_PUBLIC_CHARS: usize = 1_024;

/// The sealed secrets of this room.
pub const SEALED_COLUMNS: &[SealedColumn] = &[SealedColumn {
    drop_expired: None,
    page: "SELECT k.no, k.sealed, k.app, a.id FROM playback_session_key k JOIN app a ON a.no = k.app \
           WHERE k.sealed IS NOT NULL AND k.no > $1 ORDER BY k.no LIMIT $2",
    read: |mut row| {
        Ok(SealedValue {
            key: row.int(0)?,
            sealed: row.take_bytes(1)?,
            place: place(row.int(2)?),
            name: format!("a session key of {}", row.take_text(3)?),
        })
    },
    update: "UPDATE playback_session_key SET sealed = $1 WHERE no = $2",
}];

/// What a secret of an app is sealed for.
fn place(app: i64) -> String {
    format!("app {app} playback session key")
}

/// A key in memory.
#[derive(Debug)]
pub(crate) struct KnownKey {
    pub(crate) app: AppNo,
    /// Empty where it has none.
    pub(crate) kid: String,
    pub(crate) key: SessionKey,
}

/// A key to register.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// Empty where it has none.
    pub(crate) kid: String,
    pub(crate) of: NewKeyOf,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum NewKeyOf {
    /// HS256: the bytes.
    Shared(Vec<u8>),
    /// EdDSA.
    Public(String),
}

/// A key as it is shown.
#[derive(Debug)]
pub(crate) struct ShownKey {
    pub(crate) no: i64,
    pub(crate) kid: String,
    pub(crate) algorithm: JwtAlgorithm,
    /// None of a shared secret, which is never shown.
    pub(crate) public_key: Option<String>,
    pub(crate) created_at_ms: i64,
}

/// Why keys were not taken.
#[derive(Debug, Error)]
pub(crate) enum SessionKeysError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("there is no master key")]
    NoMasterKey,
    /// A value that does not fit.
    #[error("{field}: {expected}")]
    Invalid {
        /// Where it stands: `keys[0].secret`.
        field: String,
        expected: String,
    },
}

impl NewKey {
    /// `taken` are the keys of other apps. Who registers the key of another app would be taken for it: a token says by its
    /// key alone whose it is.
    fn check(&self, taken: &[KnownKey]) -> Result<(), (&'static str, String)> {
        if self.kid.chars().count() > MOST_KID_CHARS || self.kid.chars().any(char::is_control) {
            let expected = format!("expected at most {MOST_KID_CHARS} printable characters");
            return Err(("kid", expected));
        }
        let (field, length, most) = match &self.of {
            NewKeyOf::Shared(secret) => ("secret", secret.len(), MOST_SECRET_BYTES),
            NewKeyOf::Public(text) => ("public_key", text.len(), MOST_PUBLIC_CHARS),
        };
        if length > most {
            return Err((field, format!("expected at most {most} bytes")));
        }
        let (read, own) = match &self.of {
            NewKeyOf::Shared(secret) => (
                SessionKey::hs256(secret),
                "expected a secret for this app alone",
            ),
            NewKeyOf::Public(text) => (
                SessionKey::ed25519(text),
                "expected a key that no other app has",
            ),
        };
        let key = read.map_err(|bad| (field, bad.to_string()))?;
        match taken.iter().any(|known| known.key.verifies_same(&key)) {
            true => Err((field, own.to_owned())),
            false => Ok(()),
        }
    }
}

/// Puts these keys in place of all that an app has. The change is to be applied when it is committed.
pub(crate) fn replace_keys(
    tx: &mut Tx<'_>,
    app: AppNo,
    keys: &[NewKey],
    vault: Option<(&MasterKey, &dyn Random)>,
    now_ms: i64,
) -> Result<Change, SessionKeysError> {
    touch(tx)?;
    let invalid = |field, expected| SessionKeysError::Invalid { field, expected };
    if keys.len() > MOST_KEYS {
        return Err(invalid(
            "keys".to_owned(),
            format!("expected at most {MOST_KEYS}"),
        ));
    }
    tx.execute(
        "DELETE FROM playback_session_key WHERE app = $1",
        &[app.into()],
    )?;
    let taken = keys_of_others(tx, app, vault)?;
    for (index, key) in keys.iter().enumerate() {
        key.check(&taken)
            .map_err(|(field, expected)| invalid(format!("keys[{index}].{field}"), expected))?;
        insert(tx, app, key, vault, now_ms)?;
    }
    Ok(note_change(tx, now_ms)?)
}

/// Adds a key to those that an app has. The change is to be applied when it is committed.
pub(crate) fn add_key(
    tx: &mut Tx<'_>,
    app: AppNo,
    key: &NewKey,
    vault: Option<(&MasterKey, &dyn Random)>,
    now_ms: i64,
) -> Result<Change, SessionKeysError> {
    touch(tx)?;
    let invalid = |field: &str, expected| SessionKeysError::Invalid {
        field: field.to_owned(),
        expected,
    };
    if list_keys(tx, app)?.len() >= MOST_KEYS {
        let expected = format!("expected at most {MOST_KEYS} keys: remove one first");
        return Err(invalid("keys", expected));
    }
    key.check(&keys_of_others(tx, app, vault)?)
        .map_err(|(field, expected)| invalid(field, expected))?;
    insert(tx, app, key, vault, now_ms)?;
    Ok(note_change(tx, now_ms)?)
}

/// Removes a key of an app; `None` where it has no such key. The change is to be applied when it is committed.
pub(crate) fn remove_key(
    tx: &mut Tx<'_>,
    app: AppNo,
    no: i64,
    now_ms: i64,
) -> Result<Option<Change>, DbError> {
    touch(tx)?;
    let sql = "DELETE FROM playback_session_key WHERE app = $1 AND no = $2";
    if tx.execute(sql, &[app.into(), no.into()])? == 0 {
        return Ok(None);
    }
    note_change(tx, now_ms).map(Some)
}

fn keys_of_others(
    tx: &mut Tx<'_>,
    app: AppNo,
    vault: Option<(&MasterKey, &dyn Random)>,
) -> Result<Vec<KnownKey>, DbError> {
    let mut known = load_keys(tx, vault.map(|(master, _)| master))?;
    known.retain(|known| known.app != app);
    Ok(known)
}

fn insert(
    tx: &mut Tx<'_>,
    app: AppNo,
    key: &NewKey,
    vault: Option<(&MasterKey, &dyn Random)>,
    now_ms: i64,
) -> Result<(), SessionKeysError> {
    let (algorithm, sealed, public) = match &key.of {
        NewKeyOf::Shared(secret) => {
            let (master, random) = vault.ok_or(SessionKeysError::NoMasterKey)?;
            let sealed = master.seal(secret, &place(app.into()), random)?;
            (JwtAlgorithm::Hs256, Some(sealed), None)
        }
        NewKeyOf::Public(text) => (JwtAlgorithm::EdDsa, None, Some(&**text)),
    };
    tx.execute(
        "INSERT INTO playback_session_key (app, kid, algorithm, sealed, public_key, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            app.into(),
            (&key.kid).into(),
            algorithm.name().into(),
            sealed.as_deref().into(),
            public.into(),
            now_ms.into(),
        ],
    )?;
    Ok(())
}

fn note_change(tx: &mut Tx<'_>, now_ms: i64) -> Result<Change, DbError> {
    let change = Change {
        are_keys: true,
        ..Change::default()
    };
    change.note(tx, now_ms)?;
    Ok(change)
}

/// The keys of an app, in the order in which they were given.
pub(crate) fn list_keys(tx: &mut Tx<'_>, app: AppNo) -> Result<Vec<ShownKey>, DbError> {
    let sql = "SELECT no, kid, algorithm, public_key, created_at FROM playback_session_key \
               WHERE app = $1 ORDER BY no LIMIT $2";
    let most = i64::try_from(MOST_KEYS).unwrap_or(i64::MAX);
    let shown = |mut row: Row| {
        Ok(ShownKey {
            no: row.int(0)?,
            kid: row.take_text(1)?,
            algorithm: algorithm(&row.take_text(2)?)?,
            public_key: row.take_opt_text(3)?,
            created_at_ms: row.int(4)?,
        })
    };
    let rows = tx.query(sql, &[app.into(), most.into()])?;
    rows.into_iter().map(shown).collect()
}

fn algorithm(name: &str) -> Result<JwtAlgorithm, DbError> {
    let unknown = || DbError::Corrupt("a session key is of no algorithm".to_owned());
    JwtAlgorithm::from_name(name).ok_or_else(unknown)
}

/// All keys of all apps, ready to verify with. One that cannot be opened or read is logged and left out: it must not keep
/// the others from being loaded.
pub(crate) fn load_keys(
    tx: &mut Tx<'_>,
    master: Option<&MasterKey>,
) -> Result<Vec<KnownKey>, DbError> {
    let sql = "SELECT app, kid, sealed, public_key FROM playback_session_key ORDER BY no";
    let mut known = Vec::new();
    for mut row in tx.query(sql, &[])? {
        let (app, kid) = (row.int(0)?, row.take_text(1)?);
        let (sealed, public) = (row.take_opt_bytes(2)?, row.take_opt_text(3)?);
        match open(app, sealed.as_deref(), public.as_deref(), master) {
            Ok((app, key)) => known.push(KnownKey { app, kid, key }),
            Err(error) => tracing::error!(app, error, "a session key cannot be read"),
        }
    }
    Ok(known)
}

fn open(
    app: i64,
    sealed: Option<&[u8]>,
    public: Option<&str>,
    master: Option<&MasterKey>,
) -> Result<(AppNo, SessionKey), String> {
    let no = AppNo::try_from(app).map_err(|_| "it is of no app".to_owned())?;
    let key = match (sealed, public, master) {
        (Some(_), _, None) => return Err("there is no master key".to_owned()),
        (Some(sealed), _, Some(master)) => {
            let secret = master.unseal(sealed, &place(app));
            SessionKey::hs256(&secret.map_err(|error| error.to_string())?)
        }
        (None, Some(public), _) => SessionKey::ed25519(public),
        (None, None, _) => Err(BadKey::TooShort),
    };
    Ok((no, key.map_err(|error| error.to_string())?))
}
