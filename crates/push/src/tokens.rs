//! Tokens of `/v2` in the state store: only their hashes, so that a copy of the store opens nothing.
//!
//! A look-up holds for half a second ([`met`]), so a log-out acts on this node at once, and on all within a second.

mod met;

use reportd_db::{Database, DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::random::{NoRandomness, Random};
use reportd_platform::secret::{Secret, SecretHash, hex};

pub(crate) use self::met::Holder;
pub use self::met::MetTokens;

/// Characters of a token, each of 62: over 235 random bits.
const TOKEN_CHARS: usize = 40;

/// Bytes of a token's proof, in hexadecimal digits: it keeps guesses from the store, and opens nothing.
const PROOF_BYTES: usize = 8;

/// Expired tokens that are removed when one is issued: more than come, so that they do not pile up.
const REMOVED_AT_ONCE: i64 = 100;

/// Draws a token of an app with this master secret: random characters, and a proof that only who knows the secret can
/// make. So any node tells a token from a guess without a look at the store, and no guess is looked up.
pub(crate) fn draw(random: &dyn Random, master_secret: &str) -> Result<Secret, NoRandomness> {
    let drawn = Secret::draw(random, TOKEN_CHARS)?;
    let proof = proof(drawn.reveal(), master_secret);
    Ok(Secret::new(format!("{}{proof}", drawn.reveal())))
}

/// Whether a text may be a token that one of these secrets has proved.
pub(crate) fn is_proved(token: &str, master_secrets: &[&str]) -> bool {
    let Some((drawn, told)) = token.split_at_checked(TOKEN_CHARS) else {
        return false;
    };
    // Hashes are compared, in constant time.
    let told = SecretHash::of(told);
    master_secrets.iter().fold(false, |is_proved, secret| {
        is_proved | SecretHash::of(&proof(drawn, secret)).matches(&told)
    })
}

fn proof(drawn: &str, master_secret: &str) -> String {
    let hash = SecretHash::of(&format!("push token {master_secret} {drawn}"));
    hex(&hash.0[..PROOF_BYTES])
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
    fn a_token_is_told_from_a_guess_by_its_secret() {
        let token = draw(&SeededRandom::new(1), "secret").unwrap();
        let token = token.reveal();
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(is_proved(token, &["older", "secret"]));
        assert!(!is_proved(token, &["other"]) && !is_proved(token, &[]));
        for guess in ["", "short", &token[1..], &format!("x{}", &token[1..])] {
            assert!(!is_proved(guess, &["secret"]), "{guess}");
        }
    }
}
