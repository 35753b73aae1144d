//! The settings of a client that files dialogue reports.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reportd_protocol::dialogue::{
    BLOCK_BYTES, BadCipher, Cipher, CipherSettings, MAX_APP_ID_CHARS, PATH,
};

use super::client::{DialogueClient, Inner};
use super::reply::form_headers;
use crate::clock::system_now_ms;
use crate::error::ClientError;
use crate::sender::{Sender, Tries, parse_address};

/// Tells the milliseconds since 1970.
pub(super) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Draws an iv; `None` if the system has no randomness to give.
pub(super) type DrawIv = fn() -> Option<[u8; BLOCK_BYTES]>;

/// The settings of a [`DialogueClient`].
#[derive(Clone)]
pub struct DialogueClientBuilder {
    base_url: String,
    app_id: String,
    cipher: Result<Cipher, BadCipher>,
    clock: Clock,
    tries: Tries,
}

impl DialogueClientBuilder {
    pub(super) fn new(base_url: &str, app_id: &str, cipher: &CipherSettings<'_>) -> Self {
        Self {
            base_url: base_url.to_owned(),
            app_id: app_id.to_owned(),
            cipher: Cipher::new(cipher),
            clock: Arc::new(system_now_ms),
            tries: Tries::default(),
        }
    }

    /// What tells the time, in milliseconds since 1970: for `timestamp`, which the server takes
    /// within 10 minutes of its own time. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now_ms);
        self
    }

    /// How long each try may take, from connecting to the last byte of the reply. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.tries.timeout = timeout;
        self
    }

    /// How often a report is sent at most, the first time included. Default: 4; 1 never sends again.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.tries.retry.attempts = attempts;
        self
    }

    /// The wait after the first failure, which doubles with each further one, and the longest wait.
    /// A server that asks for more than the longest is not tried again. Default: 250 ms and 30 s.
    #[must_use]
    pub fn waits(mut self, first: Duration, longest: Duration) -> Self {
        self.tries.retry.first_wait = first;
        self.tries.retry.longest_wait = longest;
        self
    }

    /// Makes the client. It connects when it first files.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, no app can have the id, the
    /// key does not fit the cipher, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<DialogueClient, ClientError> {
        if !(1..=MAX_APP_ID_CHARS).contains(&self.app_id.chars().count()) {
            let expected = format!("app id: expected 1 to {MAX_APP_ID_CHARS} characters");
            return Err(ClientError::Setup(expected));
        }
        let wrong = |error: BadCipher| ClientError::Setup(format!("cipher: {error}"));
        let inner = Inner {
            endpoint: parse_address(&self.base_url, PATH)?,
            sender: Sender::new(form_headers(), self.tries)?,
            app_id: self.app_id,
            cipher: self.cipher.map_err(wrong)?,
            clock: self.clock,
            draw_iv,
        };
        Ok(DialogueClient {
            inner: Arc::new(inner),
        })
    }
}

/// Shows no key.
impl fmt::Debug for DialogueClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialogueClientBuilder")
            .field("base_url", &self.base_url)
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
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
