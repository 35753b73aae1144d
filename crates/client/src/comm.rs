//! The client of CommReport for programs that report.

use std::time::Duration;

use bytes::Bytes;
use reportd_protocol::comm::{OutgoingReport, PATH};
use reqwest::Url;
use reqwest::redirect::Policy;

use crate::error::ClientError;
use crate::request::report_headers;
use crate::response::{decode_reply, read_body, retry_after};
use crate::retry::RetryPolicy;
use crate::tls;

/// Sends bot event reports to one server for one app. Cheap to clone; the clones share their
/// connections.
///
/// See the [crate's page](crate) for why sending again is safe, and what a nonce is for.
#[derive(Debug, Clone)]
pub struct CommClient {
    http: reqwest::Client,
    endpoint: Url,
    timeout: Duration,
    retry: RetryPolicy,
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
            timeout: Duration::from_secs(10),
            retry: RetryPolicy {
                attempts: 4,
                first_wait: Duration::from_millis(250),
                longest_wait: Duration::from_secs(30),
            },
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
        let mut attempt = 1;
        loop {
            let Err(error) = self.try_once(body.clone()).await else {
                return Ok(());
            };
            let Some(wait) = self.retry.wait(&error, attempt, &body) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn try_once(&self, body: Bytes) -> Result<(), ClientError> {
        match tokio::time::timeout(self.timeout, self.exchange(body)).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::Timeout(self.timeout)),
        }
    }

    async fn exchange(&self, body: Bytes) -> Result<(), ClientError> {
        let request = self.http.post(self.endpoint.clone()).body(body);
        let response = request.send().await.map_err(failed)?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let body = read_body(reqwest::Body::from(response))
            .await
            .map_err(ClientError::Transport)?;
        decode_reply(status, retry_after, &body).map(drop)
    }
}

/// The settings of a [`CommClient`].
#[derive(Clone)]
pub struct CommClientBuilder {
    base_url: String,
    token: String,
    timeout: Duration,
    retry: RetryPolicy,
}

impl CommClientBuilder {
    /// How long each try may take, from connecting to the last byte of the reply. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a report is sent at most, the first time included. Default: 4; 1 never sends
    /// again.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.retry.attempts = attempts;
        self
    }

    /// The wait after the first failure, which doubles with each further one, and the longest wait.
    /// A server that asks for more than the longest is not tried again. Default: 250 ms and 30 s.
    #[must_use]
    pub fn waits(mut self, first: Duration, longest: Duration) -> Self {
        self.retry.first_wait = first;
        self.retry.longest_wait = longest;
        self
    }

    /// Makes the client. It connects when it first sends.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if the URL is not one of `http` or `https`, the token cannot stand in
    /// a header, or the system's root certificates cannot be read.
    pub fn build(self) -> Result<CommClient, ClientError> {
        let endpoint = endpoint(&self.base_url)?;
        tls::ensure_provider();
        let http = reqwest::Client::builder()
            .default_headers(report_headers(&self.token)?)
            .redirect(Policy::none())
            .build()
            .map_err(|error| ClientError::Setup(format!("{error:?}")))?;
        Ok(CommClient {
            http,
            endpoint,
            timeout: self.timeout,
            retry: self.retry,
        })
    }
}

fn endpoint(base_url: &str) -> Result<Url, ClientError> {
    let url = Url::parse(&format!("{}{PATH}", base_url.trim_end_matches('/')))
        .map_err(|error| ClientError::Setup(format!("base URL: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(ClientError::Setup(
            "base URL: expected http or https".to_owned(),
        )),
    }
}

fn failed(error: reqwest::Error) -> ClientError {
    let error = error.without_url();
    if error.is_connect() {
        ClientError::Connect(error.into())
    } else {
        ClientError::Transport(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_to_the_base_url() {
        let endpoint = |base| endpoint(base).map(String::from).ok();
        let expected = Some("https://example.com/api/v1/CommReport".to_owned());
        assert_eq!(endpoint("https://example.com"), expected);
        assert_eq!(endpoint("https://example.com/"), expected);
        assert_eq!(
            endpoint("http://127.0.0.1:8/reports/").as_deref(),
            Some("http://127.0.0.1:8/reports/api/v1/CommReport")
        );
        assert_eq!(endpoint("ftp://example.com"), None);
        assert_eq!(endpoint("example.com"), None);
    }

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
