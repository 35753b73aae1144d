//! How the `content` of a report and of a callback is encrypted (`spec dialogue-report`): AES as PHP's
//! `openssl_encrypt` does it, under the settings of an app.
//!
//! None of it proves who wrote a content: CBC and ECB keep no one from changing one. That is why a
//! content that cannot be decrypted and one that is no JSON are one error, found in the same time:
//! a sender who could tell them apart could decrypt contents of others by trying.

mod blocks;
mod mode;
mod padding;

use serde::Deserialize as _;
use serde::de::IgnoredAny;
use serde_json::Deserializer;
use subtle::Choice;
use thiserror::Error;

use blocks::BlockCipher;
pub use mode::{AesMode, IvSetting};

/// Bytes of a block of AES, and so of an iv.
pub const BLOCK_BYTES: usize = 16;

/// What an app sets for its cipher.
#[derive(Clone, Copy)]
pub struct CipherSettings<'a> {
    /// `aes_mode`
    pub mode: AesMode,
    /// `aes_iv`
    pub iv: IvSetting,
    /// The app's key: as long as the mode says, unless [`php_key`](Self::php_key).
    pub key: &'a [u8],
    /// `php_key`: a key of another length is taken as PHP does, shorter ones filled up with zeros and
    /// longer ones cut.
    pub php_key: bool,
    /// `zero_padding`: contents filled up with zeros are accepted beside PKCS#7, and written.
    pub zero_padding: bool,
}

/// A cipher made ready for an app. Printed, it shows nothing of its key.
#[derive(Clone)]
pub struct Cipher {
    blocks: BlockCipher,
    iv: Iv,
    zero_padding: bool,
}

#[derive(Clone, Copy)]
enum Iv {
    None,
    Prepended,
    Always([u8; BLOCK_BYTES]),
}

/// Why settings are not those of a cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadCipher {
    /// An empty key is never meant, not even under `php_key`.
    #[error("the key is empty")]
    NoKey,
    /// The key is not that long, and `php_key` is off.
    #[error("the key must have {0} bytes, or php_key must be set")]
    KeyLength(usize),
}

/// A content that is not encrypted with this key under these settings, or is no JSON object after
/// that. Which of them it is cannot be known, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("content cannot be decrypted to a JSON object")]
pub struct CannotDecrypt;

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cipher").finish_non_exhaustive()
    }
}

impl Cipher {
    /// Makes the settings ready.
    ///
    /// # Errors
    /// If the key does not fit the mode.
    pub fn new(settings: &CipherSettings<'_>) -> Result<Self, BadCipher> {
        if settings.key.is_empty() {
            return Err(BadCipher::NoKey);
        }
        let key_bytes = settings.mode.key_bytes();
        let wrong_length = BadCipher::KeyLength(key_bytes);
        let mut key = settings.key.to_vec();
        if settings.php_key {
            key.resize(key_bytes, 0);
        } else if key.len() != key_bytes {
            return Err(wrong_length);
        }
        let first_block = key.first_chunk().ok_or(wrong_length)?;
        let iv = match settings.iv {
            _ if settings.mode.is_ecb() => Iv::None,
            IvSetting::Prepended => Iv::Prepended,
            IvSetting::Zero => Iv::Always([0; BLOCK_BYTES]),
            IvSetting::Key => Iv::Always(*first_block),
            IvSetting::Fixed(iv) => Iv::Always(iv),
        };
        Ok(Self {
            blocks: BlockCipher::new(&key).ok_or(wrong_length)?,
            iv,
            zero_padding: settings.zero_padding,
        })
    }

    /// Encrypts a text. `random_iv` is used under [`IvSetting::Prepended`] alone, and must then be
    /// new and unpredictable each time.
    #[must_use]
    pub fn encrypt(&self, text: &[u8], random_iv: [u8; BLOCK_BYTES]) -> Vec<u8> {
        let mut padded = Vec::with_capacity(text.len() + 2 * BLOCK_BYTES);
        padded.extend_from_slice(text);
        if self.zero_padding {
            padding::pad_with_zeros(&mut padded);
        } else {
            padding::pad(&mut padded);
        }
        let (blocks, _) = padded.as_chunks_mut();
        match self.iv {
            Iv::None => self.blocks.encrypt(blocks, None),
            Iv::Always(iv) => self.blocks.encrypt(blocks, Some(iv)),
            Iv::Prepended => {
                self.blocks.encrypt(blocks, Some(random_iv));
                padded.splice(0..0, random_iv);
            }
        }
        padded
    }

    /// Decrypts to the text of a JSON object.
    ///
    /// The text is read as JSON also if its padding is wrong, and only then do both errors meet: how
    /// long it takes does not say which it was.
    ///
    /// # Errors
    /// One for all that can be wrong.
    pub fn decrypt(&self, content: Vec<u8>) -> Result<String, CannotDecrypt> {
        let (text, is_padded) = self.open(content)?;
        let text = String::from_utf8(text).ok();
        let text = text.filter(|text| is_json_object(text));
        text.filter(|_| bool::from(is_padded)).ok_or(CannotDecrypt)
    }

    /// The text without padding, and whether the padding was right.
    fn open(&self, mut content: Vec<u8>) -> Result<(Vec<u8>, Choice), CannotDecrypt> {
        let iv = match self.iv {
            Iv::None => None,
            Iv::Always(iv) => Some(iv),
            Iv::Prepended => {
                let iv = *content.first_chunk().ok_or(CannotDecrypt)?;
                content.drain(..BLOCK_BYTES);
                Some(iv)
            }
        };
        // How long a content is, its sender knows: this error may be found sooner.
        let (blocks, []) = content.as_chunks_mut() else {
            return Err(CannotDecrypt);
        };
        self.blocks.decrypt(blocks, iv);
        let last = blocks.last().ok_or(CannotDecrypt)?;
        let (added, mut is_padded) = padding::padding_of(last);
        content.truncate(content.len() - usize::from(added));
        if self.zero_padding {
            // The text of an object ends with `}`, so that zeros after it are none of it.
            let text_bytes = content
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1);
            content.truncate(text_bytes);
            is_padded = Choice::from(1);
        }
        Ok((content, is_padded))
    }
}

/// Whether it is one JSON object and nothing else. Nesting costs no stack.
fn is_json_object(text: &str) -> bool {
    let mut deserializer = Deserializer::from_str(text);
    let is_json = IgnoredAny::deserialize(&mut deserializer).is_ok() && deserializer.end().is_ok();
    is_json && text.trim_ascii_start().starts_with('{')
}
