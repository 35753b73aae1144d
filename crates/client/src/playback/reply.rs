//! Reads the replies of the playback reports.

use reportd_protocol::playback::Reply;
use serde::de::DeserializeOwned;

use crate::error::ClientError;
use crate::response::Response;

/// Takes a response for a success only if both its status, always 200, and its code say so.
fn success(response: &Response) -> Result<Reply<'_>, ClientError> {
    let reply =
        Reply::decode(&response.body).map_err(|error| response.invalid(error.to_string()))?;
    match (reply.is_ok(), response.status.is_success()) {
        (true, true) => Ok(reply),
        (true, false) => Err(response.invalid("code 0")),
        (false, _) => Err(response.refused(reply.code, reply.message)),
    }
}

/// Reads the reply of a call that only says whether it was done.
pub(crate) fn decode_done(response: &Response) -> Result<(), ClientError> {
    success(response).map(drop)
}

/// The `data` of a success.
pub(super) fn decode_data<T: DeserializeOwned>(response: &Response) -> Result<T, ClientError> {
    success(response)?
        .read_data()
        .map_err(|error| response.invalid(format!("data: {error}")))
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, body: &'static str) -> Result<bool, ClientError> {
        let status = StatusCode::from_u16(status).unwrap();
        decode_data(&Response::new(status, &HeaderMap::new(), body.into()))
    }

    #[test]
    fn the_code_decides() {
        let ok = read(200, r#"{"code":0,"message":"0","ttl":1,"data":true}"#);
        assert!(ok.unwrap());
        let error = read(200, r#"{"code":-101,"message":"账号未登录","ttl":1}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "refused with HTTP status 200, code -101: 账号未登录"
        );
    }

    #[test]
    fn what_is_not_of_the_protocol_is_no_success() {
        for (status, body) in [
            (200, ""),
            (200, r#"{"code":"0"}"#),
            (200, r#"{"code":0}"#),
            (200, r#"{"code":0,"data":{}}"#),
            (404, r#"{"code":0,"data":true}"#),
            (502, "<html>"),
        ] {
            let error = read(status, body).unwrap_err();
            assert!(
                matches!(error, ClientError::InvalidReply { .. }),
                "{body}: {error}"
            );
        }
    }
}
