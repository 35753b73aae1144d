//! The headers of CommReport. Shared by both of its clients.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use crate::error::ClientError;

/// The headers that CommReport asks for (`seed comm-report`). The token is the raw token and is
/// marked as secret.
pub(crate) fn report_headers(token: &str) -> Result<HeaderMap, ClientError> {
    let mut token = HeaderValue::from_str(token).map_err(|_| {
        ClientError::Setup("token: a character that a header cannot hold".to_owned())
    })?;
    token.set_sensitive(true);
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(AUTHORIZATION, token);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}
