//! Secrets: how they are made, hashed and compared, and kept out of logs.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random::{NoRandomness, Random};

/// A secret text. It prints as dots.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who must have it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `count` random characters of `[A-Za-z0-9]`, just under 6 bits each.
    pub fn draw(random: &dyn Random, count: usize) -> Result<Self, NoRandomness> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(count);
        let mut bytes = [0; 64];
        while text.len() < count {
            random.fill(&mut bytes)?;
            // Bytes past the last whole multiple of 62 are dropped: each character is equally likely.
            let fair = bytes
                .iter()
                .filter(|&&byte| byte < 248)
                .map(|&byte| char::from(ALPHABET[usize::from(byte % 62)]));
            text.extend(fair.take(count - text.len()));
        }
        Ok(Self(text))
    }

    /// Its hash, the only form in which tokens and keys are kept.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// SHA-256 of a secret. Secrets of ours hold over 180 random bits, so that no slow hash is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Hashes `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The hash that was stored as `bytes`.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Compares in constant time.
    ///
    /// What keeps a secret from being guessed is that it is looked up by its hash and holds over 180 random bits: the
    /// time of a look-up tells something of a hash that the guesser cannot choose. This comparison only adds that no
    /// time depends on how much of a found hash agrees.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(•••)")
    }
}

/// Reads key bytes as the command line takes them: the text itself, or bytes with `hex:` or `base64:` in front.
///
/// # Errors
/// A text that says what was expected.
pub fn parse_key_bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some(hex) = text.strip_prefix("hex:") {
        return parse_hex(hex)
            .ok_or_else(|| "after hex: expected pairs of hexadecimal digits".to_owned());
    }
    if let Some(encoded) = text.strip_prefix("base64:") {
        return STANDARD
            .decode(encoded)
            .map_err(|_| "after base64: expected padded base64".to_owned());
    }
    Ok(text.as_bytes().to_vec())
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| {
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn secrets_are_drawn_fair_and_stay_hidden() {
        let secret = Secret::draw(&SeededRandom::new(1), 200).unwrap();
        assert_eq!(secret.reveal().len(), 200);
        assert!(
            secret
                .reveal()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
        assert_eq!(
            format!("{secret:?} {:?}", secret.hash()),
            "••• SecretHash(•••)"
        );
    }

    #[test]
    fn key_bytes_are_read_in_three_spellings() {
        assert_eq!(parse_key_bytes("abc"), Ok(b"abc".to_vec()));
        assert_eq!(parse_key_bytes("hex:00fF"), Ok(vec![0, 255]));
        assert_eq!(parse_key_bytes("base64:AP8="), Ok(vec![0, 255]));
        for bad in ["hex:0", "hex:zz", "base64:%"] {
            assert!(parse_key_bytes(bad).is_err(), "{bad}");
        }
    }
}
