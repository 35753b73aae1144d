//! Tokens of `/v2` in the state store: only their hashes, so that a copy of the store opens nothing.
//!
//! Each call looks its token up there, so a log-out acts on all nodes at once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use reportd_db::{Database, DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::secret::SecretHash;

/// Characters of a token, each of 62: over 235 random bits.
pub(crate) const TOKEN_CHARS: usize = 40;

/// Expired tokens that are removed when one is issued: more than come, so that they do not pile up.
const REMOVED_AT_ONCE: i64 = 100;

/// Tokens that were in force when this node met them. Whether they still are is asked on each call: this only tells
/// them from guesses, which are not looked up without end.
#[derive(Default)]
pub(crate) struct SeenTokens(Mutex<HashSet<SecretHash>>);

/// Most of them; then all are forgotten. What is forgotten by mistake is refused only while its address fails too often.
const MOST_SEEN: usize = 65_536;

impl SeenTokens {
    pub(crate) fn add(&self, hash: SecretHash) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_SEEN {
            seen.clear();
        }
        seen.insert(hash);
    }

    pub(crate) fn contains(&self, hash: &SecretHash) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.contains(hash)
    }
}

/// Keeps a new token until `expires_at_ms`.
pub(crate) async fn keep(
    state: &Database,
    app: AppNo,
    hash: SecretHash,
    expires_at_ms: i64,
) -> Result<(), DbError> {
    let keep = move |tx: &mut Tx<'_>| {
        tx.execute(
            "INSERT INTO push_token (hash, app, expires_at) VALUES ($1, $2, $3)",
            &[hash.0[..].into(), app.into(), expires_at_ms.into()],
        )
    };
    state.write_async(keep).await.map(|_| ())
}

/// Removes some of the tokens that have expired. In a transaction of its own: two nodes that do so at once may meet, and
/// then the next one goes on.
pub(crate) async fn remove_expired(state: &Database, now_ms: i64) {
    let remove = move |tx: &mut Tx<'_>| {
        let sql = "DELETE FROM push_token WHERE hash IN \
                   (SELECT hash FROM push_token WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        tx.execute(sql, &[now_ms.into(), REMOVED_AT_ONCE.into()])
    };
    if let Err(error) = state.write_async::<_, DbError>(remove).await {
        tracing::debug!(%error, "expired tokens stay for now");
    }
}

/// The app of a token that is in force.
pub(crate) async fn holder(
    state: &Database,
    hash: SecretHash,
    now_ms: i64,
) -> Result<Option<AppNo>, DbError> {
    let find = move |tx: &mut Tx<'_>| {
        let sql = "SELECT app FROM push_token WHERE hash = $1 AND expires_at > $2";
        let row = tx.query_first(sql, &[hash.0[..].into(), now_ms.into()])?;
        row.map(|row| row.int(0)).transpose()
    };
    let app: Option<i64> = state.read_async::<_, DbError>(find).await?;
    Ok(app.and_then(|app| AppNo::try_from(app).ok()))
}

/// Ends a token of an app; false where there is none.
pub(crate) async fn end(state: &Database, app: AppNo, hash: SecretHash) -> Result<bool, DbError> {
    let end = move |tx: &mut Tx<'_>| {
        let sql = "DELETE FROM push_token WHERE hash = $1 AND app = $2";
        tx.execute(sql, &[hash.0[..].into(), app.into()])
    };
    state.write_async(end).await.map(|ended| ended > 0)
}
