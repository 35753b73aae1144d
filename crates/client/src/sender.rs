//! Sends requests from a pool of connections: a time limit for each try, and tries. Shared by the
//! clients for programs.

use std::time::Duration;

use hyper::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Request, Url};

use crate::error::ClientError;
use crate::response::{Response, read_body};
use crate::retry::RetryPolicy;
use crate::tls;

/// How long and how often a request is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tries {
    /// How long each try may take, from connecting to the last byte of the reply.
    pub(crate) timeout: Duration,
    pub(crate) retry: RetryPolicy,
}

/// What all clients begin with.
impl Default for Tries {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            retry: RetryPolicy {
                attempts: 4,
                first_wait: Duration::from_millis(250),
                longest_wait: Duration::from_secs(30),
            },
        }
    }
}

/// The connections of a client. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    http: reqwest::Client,
    tries: Tries,
}

impl Sender {
    /// `headers` go with every request. It connects when it first sends.
    pub(crate) fn new(headers: HeaderMap, tries: Tries) -> Result<Self, ClientError> {
        tls::ensure_provider();
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(Policy::none())
            .build()
            .map_err(|error| ClientError::Setup(format!("{error:?}")))?;
        Ok(Self { http, tries })
    }

    /// Tries until one succeeds, or fails for good. `seed` spreads the waits between them: see
    /// [`RetryPolicy::wait`].
    pub(crate) async fn send<T, F>(
        &self,
        seed: &[u8],
        try_once: impl FnMut() -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.send_while(|_| true, seed, try_once).await
    }

    /// As [`send`](Self::send), for what must not be done twice: it ends with the first try after
    /// which it may have been done.
    pub(crate) async fn send_until_reached<T, F>(
        &self,
        seed: &[u8],
        try_once: impl FnMut() -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.send_while(ClientError::is_surely_undone, seed, try_once)
            .await
    }

    async fn send_while<T, F>(
        &self,
        may_repeat: impl Fn(&ClientError) -> bool,
        seed: &[u8],
        mut try_once: impl FnMut() -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let Tries { timeout, retry } = self.tries;
        let mut attempt = 1;
        loop {
            let result = tokio::time::timeout(timeout, try_once()).await;
            let error = match result.unwrap_or(Err(ClientError::Timeout(timeout))) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait = retry.wait(&error, attempt, seed);
            let Some(wait) = wait.filter(|_| may_repeat(&error)) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Sends one request, once, and reads the whole response.
    pub(crate) async fn exchange(
        &self,
        request: Request,
        max_bytes: usize,
    ) -> Result<Response, ClientError> {
        let response = self.http.execute(request).await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(reqwest::Body::from(response), max_bytes)
            .await
            .map_err(ClientError::Transport)?;
        Ok(Response::new(status, &headers, body))
    }
}

/// The address of `path` below a base URL, which may have a path of its own.
pub(crate) fn parse_address(base_url: &str, path: &str) -> Result<Url, ClientError> {
    let url = Url::parse(&format!("{}{path}", base_url.trim_end_matches('/')))
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
        let address = |base| parse_address(base, "/a/b").map(String::from).ok();
        let expected = Some("https://example.com/a/b".to_owned());
        assert_eq!(address("https://example.com"), expected);
        assert_eq!(address("https://example.com/"), expected);
        assert_eq!(
            address("http://127.0.0.1:8/reports/").as_deref(),
            Some("http://127.0.0.1:8/reports/a/b")
        );
        assert_eq!(address("ftp://example.com"), None);
        assert_eq!(address("example.com"), None);
    }
}
