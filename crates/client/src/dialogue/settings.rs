//! The settings of a client that files dialogue reports.

use std::sync::Arc;

use reportd_protocol::dialogue::{
    BLOCK_BYTES, BadCipher, Cipher, CipherSettings, MAX_APP_ID_CHARS, PATH,
};

use super::client::{DialogueClient, Inner};
use super::reply::form_headers;
use crate::builder::ClientBuilder;
use crate::clock::{Clock, system_now_ms};
use crate::error::ClientError;

/// Draws an iv; `None` if the system has no randomness to give.
pub(super) type DrawIv = fn() -> Option<[u8; BLOCK_BYTES]>;

/// The settings of a [`DialogueClient`].
pub type DialogueClientBuilder = ClientBuilder<DialogueSettings>;

/// What a [`DialogueClient`] alone is given.
#[derive(Clone)]
pub struct DialogueSettings {
    app_id: String,
    cipher: Result<Cipher, BadCipher>,
    clock: Clock,
}

impl DialogueSettings {
    pub(super) fn new(app_id: &str, cipher: &CipherSettings<'_>) -> Self {
        Self {
            app_id: app_id.to_owned(),
            cipher: Cipher::new(cipher),
            clock: Arc::new(system_now_ms),
        }
    }
}

impl DialogueClientBuilder {
    /// What tells the time, in milliseconds since 1970: for `timestamp`, which the server takes
    /// within 10 minutes of its own time. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.own.clock = Arc::new(now_ms);
        self
    }

    /// Makes the client. It connects when it first files.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, no app can have the id, the
    /// key does not fit the cipher, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<DialogueClient, ClientError> {
        if !(1..=MAX_APP_ID_CHARS).contains(&self.own.app_id.chars().count()) {
            let expected = format!("app id: expected 1 to {MAX_APP_ID_CHARS} characters");
            return Err(ClientError::Setup(expected));
        }
        let wrong = |error: BadCipher| ClientError::Setup(format!("cipher: {error}"));
        let inner = Inner {
            endpoint: self.address(PATH)?,
            sender: self.sender(form_headers())?,
            app_id: self.own.app_id,
            cipher: self.own.cipher.map_err(wrong)?,
            clock: self.own.clock,
            draw_iv,
        };
        Ok(DialogueClient {
            inner: Arc::new(inner),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "programs of users have no randomness to give, and an iv must not be foreseen"
)]
fn draw_iv() -> Option<[u8; BLOCK_BYTES]> {
    let mut iv = [0; BLOCK_BYTES];
    getrandom::fill(&mut iv).ok().map(|()| iv)
}
