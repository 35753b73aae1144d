//! Reads responses: a bounded body, and the reply of CommReport in it. Shared by all clients.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use hyper::header::RETRY_AFTER;
use hyper::{HeaderMap, StatusCode};
use reportd_protocol::comm::Reply;

use crate::error::{Cause, ClientError};

/// Most bytes of a reply that only says yes or no. Such replies have some tens; error pages of
/// proxies some thousands.
pub(crate) const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Most bytes of a report. Two hundred tasks with every channel, brand, action and loss have some
/// millions.
pub(crate) const MAX_REPORT_BYTES: usize = 16 * 1024 * 1024;

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        Self {
            status,
            retry_after: retry_after(headers),
            body,
        }
    }

    /// The error of a server that said no.
    pub(crate) fn refused(&self, code: i64, msg: String) -> ClientError {
        ClientError::Refused {
            http: self.status.as_u16(),
            code,
            msg,
            retry_after: self.retry_after,
        }
    }

    /// The error of a response that is not of the protocol.
    pub(crate) fn invalid(&self, problem: impl Into<String>) -> ClientError {
        ClientError::InvalidReply {
            http: self.status.as_u16(),
            problem: problem.into(),
            retry_after: self.retry_after,
        }
    }
}

/// Reads a body, and fails if it is longer than `max_bytes`.
pub(crate) async fn read_body<B>(body: B, max_bytes: usize) -> Result<Bytes, Cause>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Cause>,
{
    Ok(Limited::new(body, max_bytes).collect().await?.to_bytes())
}

/// Takes a response for a success only if both its status and its reply say so.
pub(crate) fn decode_reply(response: &Response) -> Result<Reply, ClientError> {
    let reply =
        Reply::decode(&response.body).map_err(|error| response.invalid(error.to_string()))?;
    match (reply.is_ok(), response.status.is_success()) {
        (true, true) => Ok(reply),
        (true, false) => Err(response.invalid("ret 0")),
        (false, _) => Err(response.refused(reply.ret, reply.msg)),
    }
}

/// The `Retry-After` of a response, if it is in seconds. A date would need a clock that agrees with
/// the server's.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(status: u16, body: &'static str) -> Result<Reply, ClientError> {
        let status = StatusCode::from_u16(status).unwrap();
        decode_reply(&Response::new(status, &HeaderMap::new(), body.into()))
    }

    #[test]
    fn only_ret_0_with_a_status_of_2xx_is_a_success() {
        assert!(decode(200, r#"{"ret":0,"msg":"ok"}"#).is_ok());
        assert!(decode(202, r#"{"ret":0}"#).is_ok());
        for status in [302, 404, 500] {
            let error = decode(status, r#"{"ret":0,"msg":"ok"}"#).unwrap_err();
            assert!(
                matches!(error, ClientError::InvalidReply { .. }),
                "{status}"
            );
        }
        let error = decode(200, r#"{"ret":40002,"msg":"gid"}"#).unwrap_err();
        assert!(matches!(
            error,
            ClientError::Refused {
                http: 200,
                code: 40002,
                ..
            }
        ));
        assert_eq!(
            error.to_string(),
            "refused with HTTP status 200, code 40002: gid"
        );
    }

    #[test]
    fn retry_after_is_taken_in_seconds_only() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("-7"), None);
        assert_eq!(read("Fri, 21 Nov 2025 07:28:00 GMT"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
