//! How a report is posted, and what its reply says.

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use reportd_protocol::dialogue::Reply;

use crate::error::ClientError;
use crate::request::FORM;
use crate::response::Response;

/// The headers of a report.
pub(crate) fn form_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, FORM)])
}

/// The ticket of a report that was accepted. Both the status, always 200, and `ec` must say so.
pub(crate) fn decode_filed(response: &Response) -> Result<Option<String>, ClientError> {
    let reply = Reply::decode(&response.body)
        .ok_or_else(|| response.invalid("expected a JSON object with an integer `ec`"))?;
    match (reply.is_ok(), response.status.is_success()) {
        (true, true) => Ok(reply.ticket_id),
        (true, false) => Err(response.invalid("ec of a success")),
        (false, _) => Err(response.refused(reply.ec, reply.em)),
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    fn read(status: u16, body: &'static str) -> Result<Option<String>, ClientError> {
        let status = StatusCode::from_u16(status).unwrap();
        decode_filed(&Response::new(status, &HeaderMap::new(), body.into()))
    }

    #[test]
    fn the_ec_decides() {
        let ok = r#"{"ec":0,"em":"success","wt":0.1,"timesec":1,"data":{"ticket_id":"7"}}"#;
        assert_eq!(read(200, ok).unwrap().as_deref(), Some("7"));
        // As the source has it in one place.
        let bare = r#"{"ec":200,"em":"success","data":[]}"#;
        assert_eq!(read(200, bare).unwrap(), None);
        let refused = read(200, r#"{"ec":404,"em":"category","data":{}}"#).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "refused with HTTP status 200, code 404: category"
        );
        assert!(!refused.is_retryable());
        for ec in [429, 503] {
            let body = format!(r#"{{"ec":{ec},"em":"later","data":{{}}}}"#);
            assert!(read(200, body.leak()).unwrap_err().is_retryable(), "{ec}");
        }
        for (status, body) in [(200, ""), (200, "[]"), (502, "<html>"), (404, ok)] {
            let error = read(status, body).unwrap_err();
            assert!(matches!(error, ClientError::InvalidReply { .. }), "{error}");
        }
    }
}
