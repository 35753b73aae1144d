//! Stateless sessions: a `SESSDATA` or `access_key` that is a JWT of the site's login service
//! (`spec playback-report`, Viewers and sessions).
//!
//! Only what is needed is here: the compact form, HS256 and EdDSA over Ed25519, and the claims that
//! a session has. `ring`, which is there for TLS, does the arithmetic.

mod claims;
mod key;
mod sign;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use thiserror::Error;

pub use claims::{JwtClaims, NOT_BEFORE_LEEWAY_S};
pub use key::{BadKey, JwtAlgorithm, MIN_SHARED_SECRET_BYTES, SessionKey};
pub use sign::SigningKey;

use super::cookies::MAX_SECRET_BYTES;

/// A secret that has the shape of a JWT. Nothing is true of it before [`verify`](Self::verify).
pub struct Jwt<'a> {
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
    algorithm: JwtAlgorithm,
    key_id: Option<String>,
}

/// Why a JWT is no session. All are -101; the text is for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwtFault {
    /// Signed by another key, or by another algorithm than the key is for.
    #[error("jwt: not signed by this key")]
    BadSignature,
    /// Signed, but without `mid`, `csrf` or `exp`, or with one of another type.
    #[error("jwt: mid, csrf or exp is missing or malformed")]
    BadClaims,
    /// Its `exp` has passed.
    #[error("jwt: expired")]
    Expired,
    /// Its `nbf` has not come.
    #[error("jwt: not valid yet")]
    NotYet,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood. None is.
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

impl<'a> Jwt<'a> {
    /// Reads the shape: three parts of base64url, of which the first names a known algorithm. `None`
    /// for all other secrets, which are then a matter of lookup.
    #[must_use]
    pub fn parse(secret: &'a str) -> Option<Self> {
        if secret.len() > MAX_SECRET_BYTES {
            return None;
        }
        let (signed, signature) = secret.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header: Header = serde_json::from_slice(&header).ok()?;
        if header.crit.is_some() {
            return None;
        }
        Some(Self {
            signed,
            payload,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            algorithm: JwtAlgorithm::from_name(&header.alg)?,
            key_id: header.kid,
        })
    }

    /// What it says it is signed with.
    #[must_use]
    pub const fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }

    /// Which key it says it is signed by, `kid`: where an app has several, that one is tried first.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Checks the signature by this key, then the claims.
    ///
    /// # Errors
    /// What is wrong with it. Claims are not looked at before the signature is right.
    pub fn verify(&self, key: &SessionKey, now_ms: i64) -> Result<JwtClaims, JwtFault> {
        let is_signed = key.algorithm() == self.algorithm
            && key.is_signature(self.signed.as_bytes(), &self.signature);
        if !is_signed {
            return Err(JwtFault::BadSignature);
        }
        let payload = URL_SAFE_NO_PAD.decode(self.payload);
        claims::read(&payload.map_err(|_| JwtFault::BadClaims)?, now_ms)
    }
}

impl std::fmt::Debug for Jwt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
