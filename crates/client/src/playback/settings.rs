//! The settings of a client of the playback reports.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Inner, PlaybackClient};
use super::login::PlaybackLogin;
use crate::error::ClientError;
use crate::sender::{Sender, Tries, parse_address};

/// The settings of a [`PlaybackClient`].
#[derive(Debug, Clone)]
pub struct PlaybackClientBuilder {
    base_url: String,
    login: PlaybackLogin,
    tries: Tries,
}

impl PlaybackClientBuilder {
    pub(super) fn new(base_url: &str, login: PlaybackLogin) -> Self {
        Self {
            base_url: base_url.to_owned(),
            login,
            tries: Tries::default(),
        }
    }

    /// How long each try may take, from connecting to the last byte of the reply. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.tries.timeout = timeout;
        self
    }

    /// How often a call is tried at most, the first time included. Default: 4; 1 never tries again.
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

    /// Makes the client. It connects with its first call.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, no cookie can hold the
    /// `SESSDATA`, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<PlaybackClient, ClientError> {
        // Each call adds its path to it, and a wrong one is better told here.
        parse_address(&self.base_url, "/")?;
        let inner = Inner {
            sender: Sender::new(self.login.headers()?, self.tries)?,
            base_url: self.base_url,
            login: self.login,
        };
        Ok(PlaybackClient {
            inner: Arc::new(inner),
        })
    }
}
