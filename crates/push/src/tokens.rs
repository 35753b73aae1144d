//! Tokens of `/v2` in the state store: only their hashes, so that a copy of the store opens nothing.
//!
//! A look-up holds for half a second ([`met`]), so a log-out acts on this node at once, and on all within a second.

mod met;

use reportd_db::{Database, DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::random::{NoRandomness, Random};
use reportd_platform::secret::{Secret, SecretHash, hex};
use tokio::sync::OnceCell;

pub(crate) use self::met::Holder;
pub use self::met::MetTokens;

/// Characters of a token, each of 62: over 235 random bits.
const TOKEN_CHARS: usize = 40;

/// Bytes of a token's proof, in hexadecimal digits: it keeps guesses from the store, and opens nothing.
const PROOF_BYTES: usize = 8;

/// Expired tokens that are removed when one is issued: more than come, so that they do not pile up.
const REMOVED_AT_ONCE: i64 = 100;

/// Draws a token of an app: random characters, and a proof that only who knows the key of tokens can make. So any node tells
/// a token from a guess without a look at the store, and no guess is looked up.
pub(crate) fn draw(
    random: &dyn Random,
    key: &Secret,
    app_id: &str,
) -> Result<Secret, NoRandomness> {
    let drawn = Secret::draw(random, TOKEN_CHARS)?;
    let proof = proof(drawn.reveal(), key, app_id);
    Ok(Secret::new(format!("{}{proof}", drawn.reveal())))
}

/// Whether a text may be a token of an app that was proved with this key.
pub(crate) fn is_proved(token: &str, key: &Secret, app_id: &str) -> bool {
    let Some((drawn, told)) = token.split_at_checked(TOKEN_CHARS) else {
        return false;
    };
    // Hashes are compared, in constant time.
    SecretHash::of(&proof(drawn, key, app_id)).matches(&SecretHash::of(told))
}

fn proof(drawn: &str, key: &Secret, app_id: &str) -> String {
    let hash = SecretHash::of(&format!("push token {} {app_id} {drawn}", key.reveal()));
    hex(&hash.0[..PROOF_BYTES])
}

/// The key that proves tokens: one for the store, made when it is first needed. No credential that ends: a token lives on
/// when those that it was got with have been replaced. It opens nothing, so it is kept as it is.
#[derive(Default)]
pub struct TokenKey(OnceCell<Secret>);

impl TokenKey {
    /// The key.
    pub(crate) async fn get(
        &self,
        state: &Database,
        random: &dyn Random,
    ) -> Result<&Secret, TokenKeyError> {
        self.0
            .get_or_try_init(async || {
                let found = state.read_async::<_, DbError>(find_key).await?;
                if let Some(found) = found {
                    return Ok(found);
                }
                let drawn = Secret::draw(random, TOKEN_CHARS)?;
                // Of two nodes that make one at once the first has made it.
                let make = move |tx: &mut Tx<'_>| {
                    let sql = "INSERT INTO push_token_key (id, secret) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
                    tx.execute(sql, &[drawn.reveal().into()])
                };
                state.write_async::<_, DbError>(make).await?;
                let found = state.read_async::<_, DbError>(find_key).await?;
                found.ok_or(TokenKeyError::Lost)
            })
            .await
    }
}

/// Why there is no key of tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenKeyError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("the key of tokens is not where it was just put")]
    Lost,
}

fn find_key(tx: &mut Tx<'_>) -> Result<Option<Secret>, DbError> {
    let row = tx.query_first("SELECT secret FROM push_token_key WHERE id = 1", &[])?;
    row.map(|mut row| Ok(Secret::new(row.take_text(0)?)))
        .transpose()
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

/// Whose a token is, expired or not.
pub(crate) async fn holder(state: &Database, hash: SecretHash) -> Result<Option<Holder>, DbError> {
    let find = move |tx: &mut Tx<'_>| {
        let sql = "SELECT app, expires_at FROM push_token WHERE hash = $1";
        let row = tx.query_first(sql, &[hash.0[..].into()])?;
        row.map(|row| Ok((row.int(0)?, row.int(1)?))).transpose()
    };
    let found: Option<(i64, i64)> = state.read_async::<_, DbError>(find).await?;
    Ok(found.and_then(|(app, expires_at_ms)| {
        let app = AppNo::try_from(app).ok()?;
        Some(Holder { app, expires_at_ms })
    }))
}

/// Ends a token of an app; false where there is none.
pub(crate) async fn end(state: &Database, app: AppNo, hash: SecretHash) -> Result<bool, DbError> {
    let end = move |tx: &mut Tx<'_>| {
        let sql = "DELETE FROM push_token WHERE hash = $1 AND app = $2";
        tx.execute(sql, &[hash.0[..].into(), app.into()])
    };
    state.write_async(end).await.map(|ended| ended > 0)
}

#[cfg(test)]
mod tests {
    use reportd_platform::random::SeededRandom;

    use super::*;

    #[test]
    fn a_token_is_told_from_a_guess_by_its_proof() {
        let (key, other) = (Secret::new("key"), Secret::new("other"));
        let token = draw(&SeededRandom::new(1), &key, "app").unwrap();
        let token = token.reveal();
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(is_proved(token, &key, "app"));
        assert!(!is_proved(token, &other, "app") && !is_proved(token, &key, "else"));
        for guess in ["", "short", &token[1..], &format!("x{}", &token[1..])] {
            assert!(!is_proved(guess, &key, "app"), "{guess}");
        }
    }
}
