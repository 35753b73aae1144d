//! The client of CommReport for programs that report.

use std::time::Duration;

use bytes::Bytes;
use reportd_protocol::comm::{OutgoingReport, PATH};
use reqwest::{Method, Request, Url};

use crate::error::ClientError;
use crate::request::report_headers;
use crate::response::{MAX_REPLY_BYTES, decode_reply};
use crate::sender::{Sender, Tries, parse_address};

/// Sends bot event reports to one server for one app. Cheap to clone; the clones share their
/// connections.
///
/// See the [crate's page](crate) for why sending again is safe, and what a nonce is for.
#[derive(Debug, Clone)]
pub struct CommClient {
    sender: Sender,
    endpoint: Url,
}

impl CommClient {
    /// A client with the default settings of [`CommClientBuilder`].
    ///
    /// # Errors
    /// [`ClientError::Setup`]; see [`CommClientBuilder::build`].
    pub fn new(base_url: &str, token: &str) -> Result<Self, ClientError> {
        Self::builder(base_url, token).build()
    }

    /// A client with other settings. `base_url` may have a path of its own; the path of the
    /// protocol is added to it.
    #[must_use]
    pub fn builder(base_url: &str, token: &str) -> CommClientBuilder {
        CommClientBuilder {
            base_url: base_url.to_owned(),
            token: token.to_owned(),
            tries: Tries::default(),
        }
    }

    /// Sends a report, again if need be, until it is accepted. `Ok` means that the server has it
    /// for good.
    ///
    /// # Errors
    /// That of the last try. After a timeout or a broken connection the report may have been
    /// counted; to find out, send the same report again.
    pub async fn send(&self, report: &OutgoingReport) -> Result<(), ClientError> {
        self.send_json(report.to_json().into()).await
    }

    /// Sends a body that was made before, with the same care.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_json(&self, body: Bytes) -> Result<(), ClientError> {
        self.sender
            .send(&body, || self.exchange(body.clone()))
            .await
    }

    async fn exchange(&self, body: Bytes) -> Result<(), ClientError> {
        let mut request = Request::new(Method::POST, self.endpoint.clone());
        *request.body_mut() = Some(body.into());
        let response = self.sender.exchange(request, MAX_REPLY_BYTES).await?;
        decode_reply(&response).map(drop)
    }
}

/// The settings of a [`CommClient`].
#[derive(Clone)]
pub struct CommClientBuilder {
    base_url: String,
    token: String,
    tries: Tries,
}

impl CommClientBuilder {
    /// How long each try may take, from connecting to the last byte of the reply. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.tries.timeout = timeout;
        self
    }

    /// How often a report is sent at most, the first time included. Default: 4; 1 never sends
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

    /// Makes the client. It connects when it first sends.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, the token cannot stand in
    /// a header, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<CommClient, ClientError> {
        Ok(CommClient {
            endpoint: parse_address(&self.base_url, PATH)?,
            sender: Sender::new(report_headers(&self.token)?, self.tries)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_does_not_show() {
        let client = CommClient::new("http://example.com", "geheim").unwrap();
        assert!(!format!("{client:?}").contains("geheim"));
        assert!(matches!(
            CommClient::new("http://example.com", "a\nb"),
            Err(ClientError::Setup(_))
        ));
    }
}
