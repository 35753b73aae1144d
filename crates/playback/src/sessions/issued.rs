//! Sessions that were issued here, in the state store.

use reportd_db::{Database, DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_platform::changes::touch;
use reportd_platform::clock::DAY_MS;
use reportd_platform::random::{NoRandomness, Random};
use reportd_platform::secret::{Secret, SecretHash};
use thiserror::Error;

use super::{SecretKey, SentAs, Session, first_bits};
use crate::entry::source_of_login;
use crate::registry::{Change, KEPT_PAST_MS, Revocation};
use crate::viewers::ViewerKey;

/// How long a session lives that is issued without a life of its own, where the server is not told otherwise.
pub const DEFAULT_SESSION_LIFE_MS: i64 = 180 * DAY_MS;
/// The longest life.
const MOST_SESSION_LIFE_MS: i64 = 3_650 * DAY_MS;
/// Sessions of a viewer that may live at once.
const MOST_OF_VIEWER: i64 = 200;
/// Expired sessions that are removed when one is issued, and revoked tokens when one is revoked: more than come, so that they
/// do not pile up.
const REMOVED_AT_ONCE: i64 = 100;

/// Characters of the secrets, just under 6 bits each: over 180 bits, so that a plain hash keeps them.
const SECRET_CHARS: usize = 40;
const CSRF_CHARS: usize = 32;

/// A session as it is shown, once.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Its number.
    pub id: i64,
    /// The cookie `SESSDATA`.
    pub sessdata: Secret,
    /// Its csrf token, which is also the cookie `bili_jct`.
    pub csrf: Secret,
    /// The field `access_key`.
    pub access_key: Secret,
    /// When it ends, in ms.
    pub expires_at_ms: i64,
}

/// Why a session was not issued.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// No randomness for the secrets.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// A value does not fit.
    #[error("{field}: {expected}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What was expected.
        expected: String,
    },
}

fn invalid(field: &'static str, expected: impl Into<String>) -> SessionError {
    let expected = expected.into();
    SessionError::Invalid { field, expected }
}

/// A session as it is listed: without its secrets, of which only hashes are kept.
#[derive(Debug, Clone)]
pub(crate) struct ListedSession {
    pub(crate) id: i64,
    pub(crate) label: String,
    pub(crate) created_at_ms: i64,
    pub(crate) expires_at_ms: i64,
}

/// Issues a session of a viewer; `label` says to people what it is for.
///
/// # Errors
/// Where a value does not fit, or the viewer has too many sessions already.
pub fn create(
    tx: &mut Tx<'_>,
    random: &dyn Random,
    (app, mid): (AppNo, i64),
    label: &str,
    now_ms: i64,
    life_ms: i64,
) -> Result<Issued, SessionError> {
    if mid < 1 {
        return Err(invalid("mid", "expected an integer of at least 1"));
    }
    if !(1..=MOST_SESSION_LIFE_MS).contains(&life_ms) {
        return Err(invalid("life", "expected up to ten years"));
    }
    if label.chars().count() > 64 || label.chars().any(char::is_control) {
        return Err(invalid("label", "expected at most 64 printable characters"));
    }
    let sql =
        "SELECT COUNT(*) FROM playback_session WHERE app = $1 AND mid = $2 AND expires_at > $3";
    if tx.query_int(sql, &[app.into(), mid.into(), now_ms.into()])? >= MOST_OF_VIEWER {
        let expected = format!("the viewer has {MOST_OF_VIEWER} sessions already: end one first");
        return Err(invalid("mid", expected));
    }
    let [sessdata, access_key] = [SECRET_CHARS; 2].map(|chars| Secret::draw(random, chars));
    let (sessdata, access_key) = (sessdata?, access_key?);
    let csrf = Secret::draw(random, CSRF_CHARS)?;
    let expires_at_ms = now_ms.saturating_add(life_ms);
    let [a, b, c] = [&sessdata, &access_key, &csrf].map(|secret| secret.hash().0);
    let row = tx.query_first(
        "INSERT INTO playback_session \
         (app, mid, sessdata_hash, key_hash, csrf_hash, created_at, expires_at, label) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        &[
            app.into(),
            mid.into(),
            a[..].into(),
            b[..].into(),
            c[..].into(),
            now_ms.into(),
            expires_at_ms.into(),
            label.into(),
        ],
    )?;
    let id = row.map(|row| row.int(0)).transpose()?;
    let unnumbered = || DbError::Statement("a session was given no number".to_owned());
    Ok(Issued {
        id: id.ok_or_else(unnumbered)?,
        sessdata,
        csrf,
        access_key,
        expires_at_ms,
    })
}

/// Removes some of the sessions that have expired. In a transaction of its own: two nodes that do so at once may meet,
/// and then the next one goes on.
pub(crate) async fn remove_expired(state: &Database, now_ms: i64) {
    let sql = "DELETE FROM playback_session WHERE id IN \
               (SELECT id FROM playback_session WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    remove_past(state, sql, now_ms).await;
}

/// Likewise of the revoked tokens that nobody could use any more if they were not revoked.
pub(crate) async fn remove_ended_tokens(state: &Database, now_ms: i64) {
    let sql = "DELETE FROM playback_revoked_token WHERE hash IN \
               (SELECT hash FROM playback_revoked_token WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    remove_past(state, sql, now_ms - KEPT_PAST_MS).await;
}

async fn remove_past(state: &Database, sql: &'static str, past_ms: i64) {
    let remove = move |tx: &mut Tx<'_>| tx.execute(sql, &[past_ms.into(), REMOVED_AT_ONCE.into()]);
    if let Err(error) = state.write_async::<_, DbError>(remove).await {
        tracing::debug!(%error, "what has expired stays for now");
    }
}

/// The sessions of a viewer that have not expired, the newest first.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    (app, mid): ViewerKey,
    now_ms: i64,
) -> Result<Vec<ListedSession>, DbError> {
    let sql = "SELECT id, label, created_at, expires_at FROM playback_session \
               WHERE app = $1 AND mid = $2 AND expires_at > $3 ORDER BY id DESC LIMIT $4";
    let values = [app.into(), mid.into(), now_ms.into(), MOST_OF_VIEWER.into()];
    let listed = |mut row: Row| {
        Ok(ListedSession {
            id: row.int(0)?,
            label: row.take_text(1)?,
            created_at_ms: row.int(2)?,
            expires_at_ms: row.int(3)?,
        })
    };
    tx.query(sql, &values)?.into_iter().map(listed).collect()
}

/// Ends a session of a viewer; none where there is none. The change is to be applied when it is committed.
pub(crate) fn end(
    tx: &mut Tx<'_>,
    (app, mid): ViewerKey,
    id: i64,
    now_ms: i64,
) -> Result<Option<Change>, DbError> {
    touch(tx)?;
    let sql = "DELETE FROM playback_session WHERE app = $1 AND mid = $2 AND id = $3 \
               RETURNING sessdata_hash, key_hash";
    let rows = tx.query(sql, &[app.into(), mid.into(), id.into()])?;
    if rows.is_empty() {
        return Ok(None);
    }
    let change = Change {
        sessions: keys_of(rows)?,
        ..Change::default()
    };
    change.note(tx, now_ms)?;
    Ok(Some(change))
}

/// Ends all sessions of a viewer; returns what they are known by, for the caller's [`Change`].
pub(crate) fn end_all(tx: &mut Tx<'_>, (app, mid): ViewerKey) -> Result<Vec<SecretKey>, DbError> {
    let sql = "DELETE FROM playback_session WHERE app = $1 AND mid = $2 \
               RETURNING sessdata_hash, key_hash";
    keys_of(tx.query(sql, &[app.into(), mid.into()])?)
}

fn keys_of(rows: Vec<Row>) -> Result<Vec<SecretKey>, DbError> {
    let mut keys = Vec::with_capacity(2 * rows.len());
    for mut row in rows {
        for (column, sent_as) in [(0, SentAs::Cookie), (1, SentAs::AccessKey)] {
            keys.push(SecretKey::of(hash(&mut row, column)?, sent_as));
        }
    }
    Ok(keys)
}

/// Revokes a token that somebody else has issued, until it has ended. The change is to be applied when it is committed.
pub(crate) fn revoke_token(tx: &mut Tx<'_>, revoked: Revocation) -> Result<Change, DbError> {
    touch(tx)?;
    tx.execute(
        "INSERT INTO playback_revoked_token (hash, revoked_at, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at \
         WHERE playback_revoked_token.expires_at < excluded.expires_at",
        &[
            revoked.token.0.to_be_bytes()[..].into(),
            revoked.at_ms.into(),
            revoked.ends_ms.into(),
        ],
    )?;
    let change = Change {
        revoked: Some(revoked),
        ..Change::default()
    };
    change.note(tx, revoked.at_ms)?;
    Ok(change)
}

/// The session of a secret, expired or not.
pub(super) fn find(
    tx: &mut Tx<'_>,
    secret: SecretHash,
    sent_as: SentAs,
) -> Result<Option<Session>, DbError> {
    let column = match sent_as {
        SentAs::Cookie => "sessdata_hash",
        SentAs::AccessKey => "key_hash",
        SentAs::Token => return Ok(None),
    };
    let sql = format!(
        "SELECT id, app, mid, expires_at, csrf_hash, {column} FROM playback_session WHERE {column} = $1"
    );
    let Some(mut row) = tx.query_first(&sql, &[secret.0[..].into()])? else {
        return Ok(None);
    };
    let app = AppNo::try_from(row.int(1)?);
    let app = app.map_err(|_| DbError::Corrupt("a session is of no app".to_owned()))?;
    let session = Session {
        app,
        mid: row.int(2)?,
        source: source_of_login(&format!("session {}", row.int(0)?)),
        expires_at_ms: row.int(3)?,
        csrf: first_bits(hash(&mut row, 4)?),
        token: None,
    };
    let is_same = hash(&mut row, 5)?.matches(&secret);
    Ok(is_same.then_some(session))
}

fn hash(row: &mut Row, column: usize) -> Result<SecretHash, DbError> {
    let expected = "32 bytes";
    SecretHash::from_bytes(&row.take_bytes(column)?).ok_or(DbError::Type { column, expected })
}
