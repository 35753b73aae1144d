//! The settings of a client of the push reports.

use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;

use super::address::{Addresses, app_path};
use super::client::{Inner, PushClient};
use super::token::TokenKeeper;
use crate::clock::system_now_ms;
use crate::error::ClientError;
use crate::sender::{Sender, Tries};

/// Tells the milliseconds since 1970.
pub(super) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The settings of a [`PushClient`].
#[derive(Clone)]
pub struct PushClientBuilder {
    base_url: String,
    app_id: String,
    appkey: String,
    master_secret: String,
    clock: Clock,
    tries: Tries,
}

impl PushClientBuilder {
    pub(super) fn new(base_url: &str, app_id: &str, appkey: &str, master_secret: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            app_id: app_id.to_owned(),
            appkey: appkey.to_owned(),
            master_secret: master_secret.to_owned(),
            clock: Arc::new(system_now_ms),
            tries: Tries::default(),
        }
    }

    /// What tells the time, in milliseconds since 1970: for the sign, which the server takes within
    /// 10 minutes of its own time, and for the end of the token. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now_ms);
        self
    }

    /// How long each try may take, from connecting to the last byte of the reply, with the
    /// authentication that it may need first. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.tries.timeout = timeout;
        self
    }

    /// How often a call is tried at most, the first time included. Default: 4; 1 never tries again.
    /// A call whose token is refused begins once more with a new one.
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

    /// Makes the client. It connects and authenticates with its first call.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, no app can have the id, or
    /// the system's root certificates cannot be read.
    pub fn build(self) -> Result<PushClient, ClientError> {
        let inner = Inner {
            sender: Sender::new(HeaderMap::new(), self.tries)?,
            addresses: Addresses::new(&self.base_url, &app_path(&self.app_id)?)?,
            appkey: self.appkey,
            master_secret: self.master_secret,
            clock: self.clock,
            tokens: TokenKeeper::default(),
        };
        Ok(PushClient {
            inner: Arc::new(inner),
        })
    }
}
