//! The settings of a client of the push reports.

use std::sync::Arc;

use hyper::HeaderMap;

use super::address::{Addresses, app_path};
use super::client::{Inner, PushClient};
use super::token::TokenKeeper;
use crate::builder::ClientBuilder;
use crate::clock::{Clock, system_now_ms};
use crate::error::ClientError;

/// The settings of a [`PushClient`]. A try takes the authentication that it may need first into its
/// time, and a call whose token is refused begins once more with a new one.
pub type PushClientBuilder = ClientBuilder<PushSettings>;

/// What a [`PushClient`] alone is given.
#[derive(Clone)]
pub struct PushSettings {
    app_id: String,
    appkey: String,
    master_secret: String,
    clock: Clock,
}

impl PushSettings {
    pub(super) fn new(app_id: &str, appkey: &str, master_secret: &str) -> Self {
        Self {
            app_id: app_id.to_owned(),
            appkey: appkey.to_owned(),
            master_secret: master_secret.to_owned(),
            clock: Arc::new(system_now_ms),
        }
    }
}

impl PushClientBuilder {
    /// What tells the time, in milliseconds since 1970: for the sign, which the server takes within
    /// 10 minutes of its own time, and for the end of the token. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.own.clock = Arc::new(now_ms);
        self
    }

    /// Makes the client. It connects and authenticates with its first call.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, no app can have the id, or
    /// the system's root certificates cannot be read.
    pub fn build(self) -> Result<PushClient, ClientError> {
        let inner = Inner {
            sender: self.sender(HeaderMap::new())?,
            addresses: Addresses::below(self.address(&app_path(&self.own.app_id)?)?),
            appkey: self.own.appkey,
            master_secret: self.own.master_secret,
            clock: self.own.clock,
            tokens: TokenKeeper::default(),
        };
        Ok(PushClient {
            inner: Arc::new(inner),
        })
    }
}
