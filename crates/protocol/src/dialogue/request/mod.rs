//! The request that carries a report: `appid`, `sign` and the encrypted `content`.

mod base64;
mod body;
mod write;

use std::borrow::Cow;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

pub use write::{content_text, report_form};

use super::cipher::{CannotDecrypt, Cipher};
use super::code::Code;
use super::refusal::Refusal;
use crate::hex;
use crate::values::limit_chars;

/// Most bytes of a request's body (`spec dialogue-report`: 2 MiB).
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Most characters of an appid. Our limit.
pub const MAX_APP_ID_CHARS: usize = 128;

/// A request whose fields are there; nothing is known of its content yet. To be read in this
/// order: the app by `app_id`, [`check_sign`](Self::check_sign), [`open`](Self::open).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// Whose report it says it is.
    pub app_id: Cow<'a, str>,
    sign: Cow<'a, str>,
    content: Cow<'a, str>,
}

impl<'a> Request<'a> {
    /// Reads a body, a form or JSON, under the header `Content-Type`.
    ///
    /// # Errors
    /// 413 if it is over [`MAX_BODY_BYTES`]; 400 if it cannot be read or a field is missing.
    pub fn read(content_type: Option<&[u8]>, body: &'a [u8]) -> Result<Self, Refusal> {
        if body.len() > MAX_BODY_BYTES {
            return Err(Code::TooLarge.into());
        }
        let mut values = body::read(content_type, body)?;
        let app_id = body::required(&mut values, 0)?;
        limit_chars(&app_id, MAX_APP_ID_CHARS)
            .map_err(|problem| Refusal::bad_field(format!("appid: {problem}")))?;
        let sign = body::required(&mut values, 1)?;
        let content = body::required(&mut values, 2)?;
        Ok(Self {
            app_id,
            sign,
            content: plus_signs(content),
        })
    }

    /// Compares the sign, which holds no secret: it finds errors of transport alone.
    ///
    /// # Errors
    /// 402 if it is another.
    pub fn check_sign(&self) -> Result<(), Refusal> {
        if sign(&self.app_id, &self.content) == self.sign {
            return Ok(());
        }
        Err(Code::BadSign.into())
    }

    /// The text of the content, a JSON object.
    ///
    /// # Errors
    /// 403 if it cannot be decrypted.
    pub fn open(&self, cipher: &Cipher) -> Result<String, Refusal> {
        Ok(open_content(&self.content, cipher)?)
    }
}

/// Decrypts a content, of a report or a callback, to the text of a JSON object. Spaces in it are the
/// `+` of base64 again.
///
/// # Errors
/// One for all that can be wrong.
pub fn open_content(content: &str, cipher: &Cipher) -> Result<String, CannotDecrypt> {
    let content = plus_signs(Cow::Borrowed(content));
    cipher.decrypt(base64::decode(&content).ok_or(CannotDecrypt)?)
}

/// The sign of a request: lower-case hex SHA-1 of appid and content (`seed dialogue-report`).
#[must_use]
pub fn sign(app_id: &str, content: &str) -> String {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(app_id.as_bytes());
    hash.update(content.as_bytes());
    hex::encode(hash.finish().as_ref())
}

/// A form that was not encoded turned each `+` into a space.
fn plus_signs(content: Cow<'_, str>) -> Cow<'_, str> {
    if content.contains(' ') {
        Cow::Owned(content.replace(' ', "+"))
    } else {
        content
    }
}
