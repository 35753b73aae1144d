//! Reads replies of the feeds: `{"accepted": n}`, or problem details (RFC 9457).

use serde::Deserialize;

use crate::error::ClientError;
use crate::response::Response;

#[derive(Deserialize)]
struct Accepted {
    accepted: u64,
}

/// What this client tells of a problem. Any member may be absent, but a problem without title and
/// detail is none.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

/// How many the server has accepted.
pub(crate) fn decode_accepted(response: &Response) -> Result<u64, ClientError> {
    if response.status.is_success() {
        return serde_json::from_slice(&response.body)
            .map(|reply: Accepted| reply.accepted)
            .map_err(|error| response.invalid(error.to_string()));
    }
    match serde_json::from_slice(&response.body) {
        Ok(Problem {
            title: None,
            detail: None,
        })
        | Err(_) => Err(response.invalid("no problem details")),
        Ok(Problem { title, detail }) => Err(ClientError::Problem {
            http: response.status.as_u16(),
            title: title.unwrap_or_default(),
            detail: detail.unwrap_or_default(),
            retry_after: response.retry_after,
        }),
    }
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    fn decode(status: u16, body: &'static str) -> Result<u64, ClientError> {
        let status = StatusCode::from_u16(status).unwrap();
        decode_accepted(&Response::new(status, &HeaderMap::new(), body.into()))
    }

    #[test]
    fn only_a_number_accepted_is_a_success() {
        assert_eq!(decode(200, r#"{"accepted":3,"more":0}"#).unwrap(), 3);
        for (status, body) in [
            (200, "ok"),
            (200, "{}"),
            (502, "<html>"),
            (400, "{}"),
            (302, ""),
        ] {
            let error = decode(status, body).unwrap_err();
            assert!(
                matches!(error, ClientError::InvalidReply { http, .. } if http == status),
                "{error}"
            );
        }
    }

    #[test]
    fn problem_details_are_told() {
        let body = r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"line 2: type: missing"}"#;
        assert_eq!(
            decode(400, body).unwrap_err().to_string(),
            "refused with HTTP status 400 (Bad Request): line 2: type: missing"
        );
        let error = decode(413, r#"{"title":"Content Too Large"}"#).unwrap_err();
        assert!(
            matches!(&error, ClientError::Problem { http: 413, detail, .. } if detail.is_empty()),
            "{error}"
        );
    }
}
