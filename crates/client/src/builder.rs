//! What the builders of all clients for programs share: where the server is, and how long and how
//! often a request is tried.

use std::fmt;
use std::time::Duration;

use hyper::HeaderMap;
use reqwest::Url;

use crate::error::ClientError;
use crate::sender::{Sender, Tries, parse_address};

/// The settings of a client: those that all have, and `S`, which it alone has. Each client has a name
/// for its own, such as [`CommClientBuilder`](crate::CommClientBuilder).
#[derive(Clone)]
pub struct ClientBuilder<S> {
    pub(crate) base_url: String,
    tries: Tries,
    pub(crate) own: S,
}

impl<S> ClientBuilder<S> {
    pub(crate) fn new(base_url: &str, own: S) -> Self {
        Self {
            base_url: base_url.to_owned(),
            tries: Tries::default(),
            own,
        }
    }

    /// How long each try may take, from connecting to the last byte of the reply. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.tries.timeout = timeout;
        self
    }

    /// How often a request is sent at most, the first time included. Default: 4; 1 never sends
    /// again.
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

    /// The address of a path below the base URL.
    pub(crate) fn address(&self, path: &str) -> Result<Url, ClientError> {
        parse_address(&self.base_url, path)
    }

    /// The connections; `headers` go with every request.
    pub(crate) fn sender(&self, headers: HeaderMap) -> Result<Sender, ClientError> {
        Sender::new(headers, self.tries)
    }
}

/// Shows no credentials.
impl<S> fmt::Debug for ClientBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::{CommClient, PlaybackClient, PlaybackLogin, PushFeedClient};

    #[test]
    fn builders_show_where_they_send_and_no_credentials() {
        let url = "http://example.com/base";
        let login = PlaybackLogin::AccessKey("geheim".to_owned());
        let feed = PushFeedClient::builder(url, "app").api_key("geheim");
        for shown in [
            format!("{:?}", CommClient::builder(url, "geheim")),
            format!("{:?}", PlaybackClient::builder(url, login)),
            format!("{:?}", feed.master_secret("geheim").attempts(7)),
        ] {
            assert!(shown.contains(url), "{shown}");
            assert!(!shown.contains("geheim"), "{shown}");
        }
    }
}
