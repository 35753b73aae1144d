//! The settings of a client of the playback reports.

use std::sync::Arc;

use super::client::{Inner, PlaybackClient};
use super::login::PlaybackLogin;
use crate::builder::ClientBuilder;
use crate::error::ClientError;

/// The settings of a [`PlaybackClient`].
pub type PlaybackClientBuilder = ClientBuilder<PlaybackSettings>;

/// What a [`PlaybackClient`] alone is given.
#[derive(Clone)]
pub struct PlaybackSettings {
    pub(super) login: PlaybackLogin,
}

impl PlaybackClientBuilder {
    /// Makes the client. It connects with its first call.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, no cookie can hold the
    /// `SESSDATA`, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<PlaybackClient, ClientError> {
        // Each call adds its path to it, and a wrong one is better told here.
        self.address("/")?;
        let inner = Inner {
            sender: self.sender(self.own.login.headers()?)?,
            base_url: self.base_url,
            login: self.own.login,
        };
        Ok(PlaybackClient {
            inner: Arc::new(inner),
        })
    }
}
