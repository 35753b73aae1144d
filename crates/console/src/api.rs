//! Calls of the JSON API in the process, as the person who is logged in.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Limited};
use reportd_platform::access::Principal;
use reportd_platform::web::{Acting, Stopping};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use crate::fault::Fault;

/// Most bytes of a reply: far above any page that is shown.
const MOST_REPLY_BYTES: usize = 64 << 20;
/// Tells how far a read lags behind what is acknowledged.
const LAG: &str = "reportd-lag-ms";

/// A call that is being put together.
pub(crate) struct Call<'a> {
    router: &'a Router,
    person: &'a Arc<Principal>,
    /// Ends a reply that has no end of its own when the server stops.
    stopping: Option<&'a Stopping>,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Result<Vec<u8>, serde_json::Error>>,
}

/// A reply, and how far it lags in ms.
pub(crate) struct Reply<T> {
    pub(crate) body: T,
    pub(crate) lag_ms: i64,
}

/// A problem as the API tells it.
#[derive(Deserialize)]
struct Told {
    detail: String,
    field: Option<String>,
}

impl<'a> Call<'a> {
    /// A call of a path such as `/api/apps/{}/push/tasks/{}`: each `{}` takes one of `segments`, percent-coded.
    pub(crate) fn new(
        router: &'a Router,
        person: &'a Arc<Principal>,
        method: Method,
        path: &str,
        segments: &[&str],
    ) -> Self {
        Self {
            router,
            person,
            stopping: None,
            method,
            path: fill_path(path, segments),
            query: Vec::new(),
            body: None,
        }
    }

    /// Which learns when the server stops.
    #[must_use]
    pub(crate) fn until(mut self, stopping: Option<&'a Stopping>) -> Self {
        self.stopping = stopping;
        self
    }

    /// With a parameter.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a parameter, where there is a value that is not empty.
    #[must_use]
    pub(crate) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) if !value.is_empty() => self.with(name, value),
            _ => self,
        }
    }

    /// With a JSON body.
    #[must_use]
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body));
        self
    }

    /// Its address: what «JSON» on a page links to.
    pub(crate) fn address(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&self.query);
        format!("{}?{}", self.path, query.finish())
    }

    /// Sends it and reads the reply.
    ///
    /// # Errors
    /// What the API refused, with its status and its words.
    pub(crate) async fn send<T: DeserializeOwned>(self) -> Result<T, Fault> {
        Ok(self.send_fresh().await?.body)
    }

    /// Sends it and reads the reply and how far it lags.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn send_fresh<T: DeserializeOwned>(self) -> Result<Reply<T>, Fault> {
        let path = self.path.clone();
        let Reply { body, lag_ms } = self.send_whole().await?;
        let body = serde_json::from_slice(&body).map_err(|error| {
            Fault::internal(format!("the reply of {path} is not understood: {error}"))
        })?;
        Ok(Reply { body, lag_ms })
    }

    /// All of the reply that does not depend on what it is read as: compiled once, not once a page.
    async fn send_whole(self) -> Result<Reply<Vec<u8>>, Fault> {
        let (parts, body) = self.exchange().await?.into_parts();
        let lag = parts.headers.get(LAG).and_then(|lag| lag.to_str().ok());
        let lag_ms = lag.and_then(|lag| lag.parse().ok()).unwrap_or(0);
        let mut body = read(body).await?;
        if body.is_empty() {
            body.extend_from_slice(b"null");
        }
        Ok(Reply { body, lag_ms })
    }

    /// Sends it and hands the reply on as it comes: exports and streams.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn exchange(self) -> Result<Response<Body>, Fault> {
        let address = self.address();
        let mut request = Request::builder().method(self.method).uri(address);
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = self.body.transpose().map_err(Fault::internal)?;
        let mut request = request
            .body(Body::from(body.unwrap_or_default()))
            .map_err(Fault::internal)?;
        request
            .extensions_mut()
            .insert(Acting(Arc::clone(self.person)));
        if let Some(stopping) = self.stopping {
            request.extensions_mut().insert(stopping.clone());
        }
        let reply = match self.router.clone().oneshot(request).await {
            Ok(reply) => reply,
            Err(never) => match never {},
        };
        if reply.status().is_success() {
            return Ok(reply);
        }
        let status = reply.status();
        let body = read(reply.into_body()).await?;
        let told = serde_json::from_slice(&body).unwrap_or_else(|_| Told {
            detail: status.canonical_reason().unwrap_or("").to_owned(),
            field: None,
        });
        Err(Fault::api(status, told.detail, told.field))
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Fault> {
    let body = Limited::new(body, MOST_REPLY_BYTES).collect().await;
    let body =
        body.map_err(|error| Fault::api(StatusCode::BAD_GATEWAY, error.to_string(), None))?;
    Ok(body.to_bytes().into())
}

/// A path whose places `{}` are filled with segments, each percent-coded.
pub(crate) fn fill_path(path: &str, segments: &[&str]) -> String {
    let mut filled = String::with_capacity(path.len() + 32);
    let mut segments = segments.iter();
    let mut parts = path.split("{}");
    filled.push_str(parts.next().unwrap_or_default());
    for part in parts {
        for byte in segments.next().unwrap_or(&"").bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    filled.push(char::from(byte));
                }
                other => filled.push_str(&format!("%{other:02X}")),
            }
        }
        filled.push_str(part);
    }
    filled
}
