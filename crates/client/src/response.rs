//! Reads responses: a bounded body, and the reply in it. Shared by both clients.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use hyper::header::RETRY_AFTER;
use hyper::{HeaderMap, StatusCode};
use reportd_protocol::comm::Reply;

use crate::error::{Cause, ClientError};

/// Most bytes of a reply that are read. Replies have some tens; error pages of proxies some
/// thousands.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Reads a body, and fails if it is longer than any reply.
pub(crate) async fn read_body<B>(body: B) -> Result<Bytes, Cause>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Cause>,
{
    Ok(Limited::new(body, MAX_REPLY_BYTES)
        .collect()
        .await?
        .to_bytes())
}

/// Takes a response for a success only if both its status and its reply say so.
pub(crate) fn decode_reply(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Result<Reply, ClientError> {
    let http = status.as_u16();
    let invalid = |problem| ClientError::InvalidReply {
        http,
        problem,
        retry_after,
    };
    let reply = Reply::decode(body).map_err(|error| invalid(error.to_string()))?;
    match (reply.is_ok(), status.is_success()) {
        (true, true) => Ok(reply),
        (true, false) => Err(invalid("ret 0".to_owned())),
        (false, _) => Err(ClientError::Refused {
            http,
            ret: reply.ret,
            msg: reply.msg,
            retry_after,
        }),
    }
}

/// The `Retry-After` of a response, if it is in seconds. A date would need a clock that agrees with
/// the server's.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
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

    fn decode(status: u16, body: &str) -> Result<Reply, ClientError> {
        decode_reply(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
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
                ret: 40002,
                ..
            }
        ));
        assert_eq!(
            error.to_string(),
            "refused with HTTP status 200, ret 40002: gid"
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
