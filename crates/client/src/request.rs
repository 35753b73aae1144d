//! Headers that several clients send.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use crate::error::ClientError;

/// The content type of a form.
pub(crate) const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The headers that CommReport asks for (`seed comm-report`). The token is the raw token.
pub(crate) fn report_headers(token: &str) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(AUTHORIZATION, secret_setting("token", token)?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

/// A credential as a header, marked as secret. `what` is its name in an error.
pub(crate) fn secret_setting(what: &str, text: &str) -> Result<HeaderValue, ClientError> {
    secret_header(text)
        .ok_or_else(|| ClientError::Setup(format!("{what}: a character that a header cannot hold")))
}

/// A text as a header that is marked as secret; `None` where no header can hold it.
pub(crate) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
