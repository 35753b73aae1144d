//! The keys that an app registers for its sessions.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;
use ring::signature::{ED25519, UnparsedPublicKey};
use thiserror::Error;

/// Least bytes of a shared secret for HS256 (RFC 7518, 3.2).
pub const MIN_SHARED_SECRET_BYTES: usize = 32;

const PUBLIC_KEY_BYTES: usize = 32;

/// What stands before the 32 bytes of an Ed25519 key in the DER of a public key (RFC 8410).
const DER_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a session is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// EdDSA over Ed25519: the server knows the public key alone.
    EdDsa,
}

impl JwtAlgorithm {
    /// Its name in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name, to the letter. There is no `none`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Hs256, Self::EdDsa]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// A key by which sessions are verified, made ready once.
#[derive(Clone)]
pub struct SessionKey(Kind);

#[derive(Clone)]
enum Kind {
    Hs256(hmac::Key),
    EdDsa(UnparsedPublicKey<[u8; PUBLIC_KEY_BYTES]>),
}

/// Why a key cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadKey {
    /// A shared secret that could be guessed.
    #[error("a secret for HS256 must have at least 32 bytes")]
    TooShort,
    /// Not an Ed25519 public key.
    #[error("not an Ed25519 public key: expected PEM, or base64 of its DER or of its 32 bytes")]
    NotEd25519,
}

impl SessionKey {
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

    /// A public key: PEM (`BEGIN PUBLIC KEY`), or base64 or base64url of its DER or of its 32 bytes
    /// (the `x` of a JWK).
    ///
    /// # Errors
    /// If it is not the public key of an Ed25519 pair.
    pub fn ed25519(text: &str) -> Result<Self, BadKey> {
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        let encoded: String = lines
            .flat_map(str::chars)
            .filter(|character| !character.is_ascii_whitespace())
            .map(|character| match character {
                '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        let bytes = BASE64.decode(encoded).map_err(|_| BadKey::NotEd25519)?;
        let key = bytes.strip_prefix(&DER_PREFIX).unwrap_or(&bytes);
        let key = key.try_into().map_err(|_| BadKey::NotEd25519)?;
        Ok(Self(Kind::EdDsa(UnparsedPublicKey::new(&ED25519, key))))
    }

    /// Whether both verify the same tokens, however they were written. How long that takes tells nothing of a secret.
    #[must_use]
    pub fn verifies_same(&self, other: &Self) -> bool {
        const ANY_MESSAGE: &[u8] = b"";
        match (&self.0, &other.0) {
            (Kind::Hs256(a), Kind::Hs256(b)) => {
                let tag = hmac::sign(a, ANY_MESSAGE);
                hmac::verify(b, ANY_MESSAGE, tag.as_ref()).is_ok()
            }
            (Kind::EdDsa(a), Kind::EdDsa(b)) => a.as_ref() == b.as_ref(),
            _ => false,
        }
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> JwtAlgorithm {
        match self.0 {
            Kind::Hs256(_) => JwtAlgorithm::Hs256,
            Kind::EdDsa(_) => JwtAlgorithm::EdDsa,
        }
    }

    /// Whether `signature` is by this key. How long it takes does not depend on the signature.
    pub(super) fn is_signature(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Kind::Hs256(key) => hmac::verify(key, signed, signature).is_ok(),
            Kind::EdDsa(key) => key.verify(signed, signature).is_ok(),
        }
    }
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SessionKey")
            .field(&self.algorithm())
            .finish()
    }
}
