//! Login sessions of viewers: those that were issued here, of which only hashes are kept, and tokens (JWT) that a site's
//! own login service has signed with a key that the app has registered.

mod issued;
mod keys;
mod look_up;

use reportd_platform::AppNo;
use reportd_platform::secret::SecretHash;
use reportd_protocol::playback::JwtClaims;

pub use self::issued::{DEFAULT_SESSION_LIFE_MS, Issued, SessionError, create};
pub(crate) use self::issued::{
    ListedSession, end, end_all, list, remove_ended_tokens, remove_expired, revoke_token,
};
pub use self::keys::SEALED_COLUMNS;
pub(crate) use self::keys::{
    KnownKey, NewKey, NewKeyOf, SessionKeysError, ShownKey, add_key, list_keys, load_keys,
    remove_key, replace_keys,
};
pub(crate) use self::look_up::{Login, NoLogin, Sender};
use crate::entry::source_of_login;

/// What a secret is looked up by in memory: the first bits of its hash, and for what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SecretKey(pub(crate) u128);

/// What a secret was sent as. A `SESSDATA` is no access key, nor the other way round; a token is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentAs {
    Cookie,
    AccessKey,
    Token,
}

impl SecretKey {
    pub(crate) fn of(hash: SecretHash, sent_as: SentAs) -> Self {
        let mark = match sent_as {
            SentAs::Cookie => 0,
            SentAs::AccessKey => 1,
            SentAs::Token => 2,
        };
        Self(first_bits(hash) & !3 | mark)
    }
}

/// A token that may be revoked: a hash of its app, viewer and `jti`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenId(pub(crate) u128);

impl TokenId {
    pub(crate) fn of(app: AppNo, mid: i64, jti: &str) -> Self {
        let text = format!("playback token {app} {mid} {jti}");
        Self(first_bits(SecretHash::of(&text)))
    }
}

/// Half a hash, which is as good: nobody can make two secrets that agree in it.
fn first_bits(SecretHash(bytes): SecretHash) -> u128 {
    bytes
        .first_chunk()
        .map_or(0, |half| u128::from_be_bytes(*half))
}

/// A session that is known. It may have ended: see [`Self::is_in_force`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) app: AppNo,
    pub(crate) mid: i64,
    /// Where beats that name no `session` come from.
    pub(crate) source: u64,
    expires_at_ms: i64,
    csrf: u128,
    /// Under which it may be revoked, where it is a token with a `jti`.
    token: Option<TokenId>,
}

impl Session {
    fn of_token(app: AppNo, claims: &JwtClaims) -> Self {
        let JwtClaims {
            mid,
            csrf,
            expires_at_s,
            id,
        } = claims;
        let login = match id {
            Some(jti) => format!("jti {jti}"),
            None => format!("mid {mid} exp {expires_at_s}"),
        };
        Self {
            app,
            mid: *mid,
            source: source_of_login(&login),
            expires_at_ms: expires_at_s.saturating_mul(1000),
            csrf: first_bits(SecretHash::of(csrf)),
            token: id.as_deref().map(|jti| TokenId::of(app, *mid, jti)),
        }
    }

    pub(crate) fn is_in_force(&self, now_ms: i64) -> bool {
        now_ms < self.expires_at_ms
    }

    /// Whether a csrf token is this session's. Hashes are compared: how long that takes tells nothing of the token.
    pub(crate) fn is_csrf(&self, sent: &str) -> bool {
        first_bits(SecretHash::of(sent)) == self.csrf
    }
}
