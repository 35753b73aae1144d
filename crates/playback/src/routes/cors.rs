//! Calls of pages of other origins, with credentials (CORS). Only origins that an app lists are told that they may; `*`
//! never is.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use reportd_platform::AppNo;

use crate::registry::Apps;

/// For how long a browser may keep what a preflight said, in seconds.
const MOST_AGE: &str = "600";

/// Most bytes of a list of headers that a preflight asks for.
const MOST_HEADER_BYTES: usize = 1_024;

/// The origin of the page that calls.
pub(super) fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(header::ORIGIN).cloned()
}

/// What a browser asks before a call. It brings no session, so whose call it will be is not known yet.
pub(super) fn preflight(headers: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    let allowed = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, OPTIONS");
    allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let age = HeaderValue::from_static(MOST_AGE);
    allowed.insert(header::ACCESS_CONTROL_MAX_AGE, age);
    // Whichever headers it wants to send: calls take no notice of them.
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    if let Some(asked) = asked.filter(|asked| asked.len() <= MOST_HEADER_BYTES) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}

/// Tells a browser that the page may read a reply, where the app lists its origin: that of the session, else that of the
/// host, else any.
pub(super) fn allow(
    mut response: Response,
    apps: &Apps,
    origin: HeaderValue,
    host: Option<&str>,
    app: Option<AppNo>,
) -> Response {
    let of_host = || Some(apps.of_host(host?)?.app.no);
    let app = app.or_else(of_host);
    let is_allowed = origin
        .to_str()
        .is_ok_and(|origin| apps.allows_origin(&origin.to_ascii_lowercase(), app));
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if is_allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let credentials = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
    } else {
        for name in [
            header::ACCESS_CONTROL_ALLOW_METHODS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            header::ACCESS_CONTROL_MAX_AGE,
        ] {
            headers.remove(name);
        }
    }
    response
}
