//! The client that feeds the push reports.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reportd_protocol::push::{Event, Receipt};
use reqwest::{Method, Request, Url};

use super::address::{Addresses, feed_path};
use super::batches::{event_batches, receipt_batches};
use super::feed_reply::decode_accepted;
use crate::builder::ClientBuilder;
use crate::error::ClientError;
use crate::request::secret_setting;
use crate::response::MAX_REPLY_BYTES;
use crate::sender::Sender;

/// Sends events and receipts of one app to one server. Cheap to clone; the clones share their
/// connections.
///
/// An event or a receipt counts once however often it arrives, so sending again is safe: a request
/// that fails in passing is sent again, and after an error all of it may be.
#[derive(Clone)]
pub struct PushFeedClient {
    sender: Sender,
    addresses: Addresses,
    app_id: String,
    event_headers: Option<HeaderMap>,
    master_secret: Option<String>,
}

impl PushFeedClient {
    /// A client that is given what its feed needs: [`api_key`](PushFeedClientBuilder::api_key) for
    /// events, [`master_secret`](PushFeedClientBuilder::master_secret) for receipts. `base_url` may
    /// have a path of its own.
    #[must_use]
    pub fn builder(base_url: &str, app_id: &str) -> PushFeedClientBuilder {
        let own = FeedSettings {
            app_id: app_id.to_owned(),
            api_key: None,
            master_secret: None,
        };
        ClientBuilder::new(base_url, own)
    }

    /// Sends events, in as many requests as they need, and tells how many were accepted: each cid
    /// is one. `Ok` means that the server has them for good.
    ///
    /// # Errors
    /// [`ClientError::Problem`] with the place if the server refuses a request, all of which then
    /// counts for nothing; or the error of the last try. Requests before it were accepted.
    /// [`ClientError::Setup`] if the client has no key.
    pub async fn send_events(&self, events: &[Event<'_>]) -> Result<u64, ClientError> {
        let mut accepted = 0;
        for body in event_batches(events) {
            accepted += self.send_event_lines(body).await?;
        }
        Ok(accepted)
    }

    /// Sends one request of events that was made before, NDJSON or an array, with the same care.
    ///
    /// # Errors
    /// As [`send_events`](Self::send_events).
    pub async fn send_event_lines(&self, body: Bytes) -> Result<u64, ClientError> {
        let missing = || ClientError::Setup("events need an API key".to_owned());
        let headers = self.event_headers.as_ref().ok_or_else(missing)?;
        self.send(EVENTS, headers, body).await
    }

    /// Signs and sends receipts, in as many requests as they need, and tells how many were accepted.
    ///
    /// # Errors
    /// As [`send_events`](Self::send_events); [`ClientError::Setup`] if the client has no master
    /// secret.
    pub async fn send_receipts(&self, receipts: &[Receipt<'_>]) -> Result<u64, ClientError> {
        let missing = || ClientError::Setup("receipts need the master secret".to_owned());
        let master_secret = self.master_secret.as_deref().ok_or_else(missing)?;
        let mut accepted = 0;
        for body in receipt_batches(receipts, &self.app_id, master_secret) {
            accepted += self.send_receipt_lines(body).await?;
        }
        Ok(accepted)
    }

    /// Sends one request of receipts that were signed before, one a line, with the same care.
    ///
    /// # Errors
    /// As [`send_events`](Self::send_events).
    pub async fn send_receipt_lines(&self, body: Bytes) -> Result<u64, ClientError> {
        self.send(RECEIPTS, &feed_headers(None)?, body).await
    }

    async fn send(&self, path: &str, headers: &HeaderMap, body: Bytes) -> Result<u64, ClientError> {
        let url = self.addresses.of(path)?;
        let try_once = || self.exchange(&url, headers, body.clone());
        self.sender.send(&body, try_once).await
    }

    async fn exchange(
        &self,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<u64, ClientError> {
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = headers.clone();
        *request.body_mut() = Some(body.into());
        let response = self.sender.exchange(request, MAX_REPLY_BYTES).await?;
        decode_accepted(&response)
    }
}

/// Shows no credentials.
impl std::fmt::Debug for PushFeedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushFeedClient")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`PushFeedClient`].
pub type PushFeedClientBuilder = ClientBuilder<FeedSettings>;

/// What a [`PushFeedClient`] alone is given.
#[derive(Clone)]
pub struct FeedSettings {
    app_id: String,
    api_key: Option<String>,
    master_secret: Option<String>,
}

impl PushFeedClientBuilder {
    /// The API key for events, of role ingest or admin.
    #[must_use]
    pub fn api_key(mut self, api_key: &str) -> Self {
        self.own.api_key = Some(api_key.to_owned());
        self
    }

    /// The app's master secret, which signs receipts.
    #[must_use]
    pub fn master_secret(mut self, master_secret: &str) -> Self {
        self.own.master_secret = Some(master_secret.to_owned());
        self
    }

    /// Makes the client. It connects when it first sends.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, no app can have the id,
    /// the key cannot stand in a header, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<PushFeedClient, ClientError> {
        let api_key = self.own.api_key.as_deref();
        let event_headers = api_key.map(|key| feed_headers(Some(key)));
        Ok(PushFeedClient {
            sender: self.sender(HeaderMap::new())?,
            addresses: Addresses::below(self.address(&feed_path(&self.own.app_id)?)?),
            event_headers: event_headers.transpose()?,
            app_id: self.own.app_id,
            master_secret: self.own.master_secret,
        })
    }
}

/// The feed of events, below the path of an app's feeds.
pub(crate) const EVENTS: &str = "/events";

/// The feed of receipts, below the path of an app's feeds.
pub(crate) const RECEIPTS: &str = "/receipts";

/// The headers of a feed. The key is marked as secret.
pub(crate) fn feed_headers(api_key: Option<&str>) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::with_capacity(4);
    let lines = HeaderValue::from_static("application/x-ndjson");
    headers.insert(CONTENT_TYPE, lines);
    if let Some(api_key) = api_key {
        let bearer = secret_setting("API key", &format!("Bearer {api_key}"))?;
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}
