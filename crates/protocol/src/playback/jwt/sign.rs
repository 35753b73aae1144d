//! Issues sessions, as a site's login service does: clients for tests and load need them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{BadKey, JwtAlgorithm, JwtClaims, MIN_SHARED_SECRET_BYTES};

/// A key by which sessions are signed.
pub struct SigningKey(Kind);

enum Kind {
    Hs256(hmac::Key),
    EdDsa(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// A shared secret.
    ///
    /// # Errors
    /// If it has fewer than [`MIN_SHARED_SECRET_BYTES`].
    pub fn hs256(secret: &[u8]) -> Result<Self, BadKey> {
        if secret.len() < MIN_SHARED_SECRET_BYTES {
            return Err(BadKey::TooShort);
        }
        Ok(Self(Kind::Hs256(hmac::Key::new(hmac::HMAC_SHA256, secret))))
    }

    /// The pair of an Ed25519 seed.
    ///
    /// # Errors
    /// As good as never: any 32 bytes are a seed.
    pub fn ed25519(seed: &[u8; 32]) -> Result<Self, BadKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| BadKey::NotEd25519)?;
        Ok(Self(Kind::EdDsa(Box::new(pair))))
    }

    /// The public key, base64url, that an app registers for it; `None` of a shared secret.
    #[must_use]
    pub fn public_key(&self) -> Option<String> {
        match &self.0 {
            Kind::Hs256(_) => None,
            Kind::EdDsa(pair) => Some(URL_SAFE_NO_PAD.encode(pair.public_key())),
        }
    }

    /// A session with these claims; `key_id` becomes its `kid`.
    #[must_use]
    pub fn sign(&self, claims: &JwtClaims, key_id: Option<&str>) -> String {
        let algorithm = match self.0 {
            Kind::Hs256(_) => JwtAlgorithm::Hs256,
            Kind::EdDsa(_) => JwtAlgorithm::EdDsa,
        };
        let mut header = serde_json::json!({"alg": algorithm.name(), "typ": "JWT"});
        if let Some(key_id) = key_id {
            header["kid"] = key_id.into();
        }
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let claims = serde_json::to_vec(claims).expect("integers and texts can always be written");
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = match &self.0 {
            Kind::Hs256(key) => URL_SAFE_NO_PAD.encode(hmac::sign(key, signed.as_bytes())),
            Kind::EdDsa(pair) => URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes())),
        };
        format!("{signed}.{signature}")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}
