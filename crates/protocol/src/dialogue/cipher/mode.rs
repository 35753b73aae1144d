//! The settings `aes_mode` and `aes_iv` of an app.

use super::BLOCK_BYTES;
use crate::hex;

/// Key length and mode: the setting `aes_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AesMode {
    /// `aes-128-cbc`
    #[default]
    Aes128Cbc,
    /// `aes-192-cbc`
    Aes192Cbc,
    /// `aes-256-cbc`
    Aes256Cbc,
    /// `aes-128-ecb`
    Aes128Ecb,
    /// `aes-192-ecb`
    Aes192Ecb,
    /// `aes-256-ecb`
    Aes256Ecb,
}

impl AesMode {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Aes128Cbc,
        Self::Aes192Cbc,
        Self::Aes256Cbc,
        Self::Aes128Ecb,
        Self::Aes192Ecb,
        Self::Aes256Ecb,
    ];

    /// Its name, which is also PHP's and OpenSSL's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Cbc => "aes-128-cbc",
            Self::Aes192Cbc => "aes-192-cbc",
            Self::Aes256Cbc => "aes-256-cbc",
            Self::Aes128Ecb => "aes-128-ecb",
            Self::Aes192Ecb => "aes-192-ecb",
            Self::Aes256Ecb => "aes-256-ecb",
        }
    }

    /// The one of that name; PHP takes them in either case, and so does this.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name().eq_ignore_ascii_case(name))
    }

    /// How long its key is.
    #[must_use]
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes128Ecb => 16,
            Self::Aes192Cbc | Self::Aes192Ecb => 24,
            Self::Aes256Cbc | Self::Aes256Ecb => 32,
        }
    }

    /// Whether equal blocks of a content look equal encrypted. It is for existing clients alone, and
    /// the console warns of it.
    #[must_use]
    pub const fn is_ecb(self) -> bool {
        matches!(self, Self::Aes128Ecb | Self::Aes192Ecb | Self::Aes256Ecb)
    }
}

/// Where the iv of a CBC content comes from: the setting `aes_iv`. ECB has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IvSetting {
    /// `prepended`: random, in front of the ciphertext.
    #[default]
    Prepended,
    /// `zero`: sixteen zero bytes.
    Zero,
    /// `key`: the first sixteen bytes of the key.
    Key,
    /// Always this one.
    Fixed([u8; BLOCK_BYTES]),
}

impl IvSetting {
    /// Reads the setting: `prepended`, `zero`, `key`, or 32 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "prepended" => Some(Self::Prepended),
            "zero" => Some(Self::Zero),
            "key" => Some(Self::Key),
            digits => hex::decode(digits).map(Self::Fixed),
        }
    }

    /// The setting as text.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Prepended => "prepended".to_owned(),
            Self::Zero => "zero".to_owned(),
            Self::Key => "key".to_owned(),
            Self::Fixed(iv) => hex::encode(iv),
        }
    }
}
