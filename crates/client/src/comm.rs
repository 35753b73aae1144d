//! The client of CommReport for programs that report.

use bytes::Bytes;
use reportd_protocol::comm::{OutgoingReport, PATH};
use reqwest::{Method, Request, Url};

use crate::builder::ClientBuilder;
use crate::error::ClientError;
use crate::request::report_headers;
use crate::response::{MAX_REPLY_BYTES, decode_reply};
use crate::sender::Sender;

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
        let token = token.to_owned();
        ClientBuilder::new(base_url, CommSettings { token })
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
pub type CommClientBuilder = ClientBuilder<CommSettings>;

/// What a [`CommClient`] alone is given.
#[derive(Clone)]
pub struct CommSettings {
    token: String,
}

impl CommClientBuilder {
    /// Makes the client. It connects when it first sends.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, the token cannot stand in
    /// a header, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<CommClient, ClientError> {
        Ok(CommClient {
            endpoint: self.address(PATH)?,
            sender: self.sender(report_headers(&self.own.token)?)?,
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
