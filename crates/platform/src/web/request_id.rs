//! An id for each request, in its reply's header and in every line logged while it is handled.
//!
//! The lines get it from a span around the handler. What a request leaves to other threads, such as the journal's
//! writer, logs without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::Problem;
use crate::random::{NoRandomness, Random};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_GIVEN_CHARS: usize = 64;

/// The id of a request, in its extensions.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("-")
    }
}

/// Makes request ids: a random number of this process, and a count.
#[derive(Debug)]
pub struct RequestIds {
    process: u32,
    made: AtomicU64,
}

impl RequestIds {
    /// Draws the number of this process.
    pub fn new(random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut process = [0; 4];
        random.fill(&mut process)?;
        Ok(Self {
            process: u32::from_le_bytes(process),
            made: AtomicU64::new(0),
        })
    }

    fn next(&self) -> RequestId {
        let text = format!(
            "{:08x}-{:x}",
            self.process,
            self.made.fetch_add(1, Ordering::Relaxed)
        );
        RequestId(HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("-")))
    }
}

/// Layer: takes the client's `x-request-id` where it is short and plain, else makes one.
pub async fn with_request_id(
    State(ids): State<Arc<RequestIds>>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = request
        .headers()
        .get(HEADER)
        .filter(|value| is_plain(value))
        .cloned();
    let id = given.map_or_else(|| ids.next(), RequestId);
    request.extensions_mut().insert(id.clone());
    // Of the highest level, so that errors carry the id at every log level.
    let span = tracing::error_span!("request", request_id = id.as_str());
    let mut response = answer(request, next).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response.body_mut() = Body::from(problem.body(Some(id.as_str())));
        response
            .headers_mut()
            .remove(axum::http::header::CONTENT_LENGTH);
    }
    response.headers_mut().insert(HEADER, id.0);
    response
}

/// Runs the handler, and logs how it ended: 500 is a fault of the server; «try later» is not, and would flood the log
/// while the disk is full.
async fn answer(request: Request, next: Next) -> Response {
    let seen = tracing::enabled!(tracing::Level::DEBUG).then(|| {
        let route = request.extensions().get::<MatchedPath>().cloned();
        (request.method().clone(), route)
    });
    let response = next.run(request).await;
    let status = response.status();
    if let Some((method, route)) = seen {
        // The pattern, not the path: a path may hold what no log should.
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        tracing::debug!(status = status.as_u16(), %method, route, "answered");
    }
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::warn!(status = status.as_u16(), "answered with an error");
    }
    response
}

fn is_plain(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_GIVEN_CHARS).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
