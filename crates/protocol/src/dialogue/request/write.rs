//! Writes requests, as a client's PHP does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;

use super::sign;
use crate::dialogue::cipher::{BLOCK_BYTES, Cipher};

/// Encrypts a text to a `content`; `random_iv` as for [`Cipher::encrypt`].
#[must_use]
pub fn content_text(text: &[u8], cipher: &Cipher, random_iv: [u8; BLOCK_BYTES]) -> String {
    STANDARD.encode(cipher.encrypt(text, random_iv))
}

/// The signed, urlencoded body that carries this content.
#[must_use]
pub fn report_form(app_id: &str, content: &str) -> String {
    Serializer::new(String::with_capacity(content.len() * 11 / 10 + 128))
        .append_pair("appid", app_id)
        .append_pair("sign", &sign(app_id, content))
        .append_pair("content", content)
        .finish()
}
