//! One request and its response, in bounds: what was seen of it stands also where its end never came.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use reportd_protocol::dialogue::{ID_HEADER, REVISION_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

use super::connection::Connection;
use super::guard::CallbackUrl;
use super::outbox::Leased;
use super::schedule;
use super::send::Sender;

/// Bytes of a response that are kept.
const EXCERPT_BYTES: usize = 64 << 10;
/// Bytes of a response that are read as fast as they come.
const UNPACED_BYTES: usize = 1 << 20;
/// Bytes a second of what is behind them: a body without end takes little of what other receivers need, and ends with the
/// time of its attempt.
const PACE: u64 = 4 << 20;

/// What was seen of a response.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) status: Option<StatusCode>,
    pub(super) retry_after: Option<Duration>,
    pub(super) excerpt: Vec<u8>,
}

/// The request of a delivery: the same bytes each time, signed at this time.
pub(super) fn request(
    leased: &Leased,
    url: &CallbackUrl,
    sender: &Sender,
    now_ms: i64,
) -> Option<Request<Full<Bytes>>> {
    let url = url.url();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::new(Full::new(leased.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.parse::<Uri>().ok()?;
    let headers = request.headers_mut();
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    headers.insert(HOST, HeaderValue::from_str(authority).ok()?);
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form);
    let agent = HeaderValue::from_static(concat!("reportd/", env!("CARGO_PKG_VERSION")));
    headers.insert(USER_AGENT, agent);
    sign(headers, leased, sender, now_ms)?;
    Some(request)
}

/// A signature for each secret in force, the newest first, with blanks between (Standard Webhooks): a receiver that has
/// either of two takes it.
fn sign(headers: &mut HeaderMap, leased: &Leased, sender: &Sender, now_ms: i64) -> Option<()> {
    let (id, now_s) = (&leased.webhook_id, now_ms / 1_000);
    headers.insert(ID_HEADER, HeaderValue::from_str(id).ok()?);
    headers.insert(TIMESTAMP_HEADER, HeaderValue::from(now_s));
    headers.insert(REVISION_HEADER, HeaderValue::from(leased.revision));
    let secrets = sender.secrets.iter().rev();
    let in_force = secrets.filter(|one| one.until_ms.is_none_or(|until_ms| now_ms < until_ms));
    let signatures: Vec<String> = in_force
        .map(|one| one.secret.sign(id, now_s, &leased.body))
        .collect();
    if !signatures.is_empty() {
        let signatures = HeaderValue::from_str(&signatures.join(" ")).ok()?;
        headers.insert(SIGNATURE_HEADER, signatures);
    }
    Some(())
}

/// Sends a request over a connection and reads the response to its end.
pub(super) async fn run(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
    seen: &mut Seen,
    now_ms: i64,
) -> Result<(), hyper::Error> {
    let (head, body) = connection.send(request).await?.into_parts();
    seen.status = Some(head.status);
    let retry_after = head.headers.get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok());
    seen.retry_after = retry_after.and_then(|value| schedule::retry_after(value, now_ms));
    if body.is_end_stream() {
        return Ok(());
    }
    connection.drive(read(body, &mut seen.excerpt)).await
}

async fn read(mut body: Incoming, excerpt: &mut Vec<u8>) -> Result<(), hyper::Error> {
    let mut bytes = 0;
    while let Some(frame) = Pin::new(&mut body).frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = EXCERPT_BYTES - excerpt.len();
        excerpt.extend_from_slice(&data[..data.len().min(room)]);
        bytes += data.len();
        if bytes > UNPACED_BYTES {
            let pause_us = data.len() as u64 * 1_000_000 / PACE;
            tokio::time::sleep(Duration::from_micros(pause_us)).await;
        }
    }
    Ok(())
}
