//! Reads replies under `/v2`.

use reportd_protocol::push::{AuthData, Reply};
use serde::de::DeserializeOwned;

use crate::error::ClientError;
use crate::response::Response;

/// The `data` of a success.
pub(crate) fn decode_data<T: DeserializeOwned>(response: &Response) -> Result<T, ClientError> {
    serde_json::from_str(success_data(response)?)
        .map_err(|error| response.invalid(format!("data: {error}")))
}

/// The token of a success, and its end in ms. No error repeats what was sent, for it could be the
/// token.
pub(crate) fn decode_auth(response: &Response) -> Result<(AuthData, i64), ClientError> {
    let data: AuthData = serde_json::from_str(success_data(response)?)
        .map_err(|_| response.invalid("data: expected texts `token` and `expire_time`"))?;
    let end_ms = data
        .expire_time
        .parse()
        .map_err(|_| response.invalid("data.expire_time: expected milliseconds"))?;
    Ok((data, end_ms))
}

/// The JSON of `data`, if both the status and the code say that it is a success.
pub(crate) fn success_data(response: &Response) -> Result<&str, ClientError> {
    let reply =
        Reply::decode(&response.body).map_err(|error| response.invalid(error.to_string()))?;
    match (reply.is_ok(), response.status.is_success()) {
        (true, true) => Ok(reply.data.map_or("{}", |data| data.get())),
        (true, false) => Err(response.invalid("code 0")),
        (false, _) => Err(response.refused(reply.code, reply.msg)),
    }
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};
    use reportd_protocol::push::Users;

    use super::*;

    fn response(status: u16, body: &'static str) -> Response {
        let status = StatusCode::from_u16(status).unwrap();
        Response::new(status, &HeaderMap::new(), body.into())
    }

    #[test]
    fn only_code_0_with_a_status_of_2xx_is_a_success() {
        let read = |status, body| success_data(&response(status, body)).map(str::to_owned);
        assert_eq!(
            read(200, r#"{"code":0,"data":{"a":1}}"#).unwrap(),
            r#"{"a":1}"#
        );
        assert_eq!(read(200, r#"{"code":0,"msg":"success"}"#).unwrap(), "{}");
        let refused = read(200, r#"{"code":1,"msg":"body is not JSON","data":{}}"#).unwrap_err();
        assert!(
            matches!(
                refused,
                ClientError::Refused {
                    http: 200,
                    code: 1,
                    ..
                }
            ),
            "{refused}"
        );
        for (status, body) in [
            (404, r#"{"code":0}"#),
            (200, r#"{"code":"0"}"#),
            (502, "<html>"),
        ] {
            let error = read(status, body).unwrap_err();
            assert!(matches!(error, ClientError::InvalidReply { .. }), "{error}");
        }
    }

    #[test]
    fn data_of_another_type_is_told_but_never_a_token() {
        let error = decode_data::<Users>(&response(200, r#"{"code":0,"data":{}}"#)).unwrap_err();
        assert!(error.to_string().contains("accumulative_num"), "{error}");
        for body in [
            r#"{"code":0,"data":{"token":5550000,"expire_time":"1"}}"#,
            r#"{"code":0,"data":{"token":"a5550000","expire_time":"soon"}}"#,
        ] {
            let error = decode_auth(&response(200, body)).unwrap_err();
            assert!(!error.to_string().contains("555"), "{error}");
        }
    }
}
