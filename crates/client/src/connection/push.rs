//! The calls of the push reports on one plain connection: each sends once.

use bytes::Bytes;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reportd_protocol::push::{self, AuthData};

use super::{Connection, request};
use crate::error::ClientError;
use crate::push::{
    EVENTS, RECEIPTS, app_path, decode_accepted, decode_auth, feed_headers, feed_path,
    success_data, token_headers,
};
use crate::response::{MAX_REPLY_BYTES, MAX_REPORT_BYTES};

impl Connection {
    /// Obtains a token, once, without the care of [`PushClient`](crate::PushClient). `now_ms` is
    /// milliseconds since 1970.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::InvalidReply`], or those of [`post`](Self::post).
    pub async fn authenticate(
        &mut self,
        app_id: &str,
        appkey: &str,
        master_secret: &str,
        now_ms: i64,
    ) -> Result<AuthData, ClientError> {
        let path = format!("{}/auth", app_path(app_id)?);
        let json = HeaderValue::from_static(push::CONTENT_TYPE);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        let body = push::auth_request(appkey, master_secret, now_ms).into();
        let request = request(Method::POST, &path, headers, body)?;
        let response = self.exchange(request, MAX_REPLY_BYTES).await?;
        decode_auth(&response).map(|(data, _)| data)
    }

    /// Gets a report, once: `path` begins below the app, `/report/push/count` say, with its percent
    /// codes and query. What comes back is the whole reply, a success.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    pub async fn get_report(
        &mut self,
        app_id: &str,
        token: &str,
        path: &str,
    ) -> Result<Bytes, ClientError> {
        let path = format!("{}{path}", app_path(app_id)?);
        let request = request(Method::GET, &path, token_headers(token)?, Bytes::new())?;
        let response = self.exchange(request, MAX_REPORT_BYTES).await?;
        success_data(&response)?;
        Ok(response.body)
    }

    /// Posts one request of events, once, and tells how many were accepted; see
    /// [`event_batches`](crate::event_batches).
    ///
    /// # Errors
    /// [`ClientError::Problem`], [`ClientError::InvalidReply`], or those of [`post`](Self::post).
    pub async fn post_events(
        &mut self,
        app_id: &str,
        api_key: &str,
        body: Bytes,
    ) -> Result<u64, ClientError> {
        let headers = feed_headers(Some(api_key))?;
        self.post_feed(app_id, EVENTS, headers, body).await
    }

    /// Posts one request of signed receipts, once, and tells how many were accepted; see
    /// [`receipt_batches`](crate::receipt_batches).
    ///
    /// # Errors
    /// As [`post_events`](Self::post_events).
    pub async fn post_receipts(&mut self, app_id: &str, body: Bytes) -> Result<u64, ClientError> {
        self.post_feed(app_id, RECEIPTS, feed_headers(None)?, body)
            .await
    }

    async fn post_feed(
        &mut self,
        app_id: &str,
        feed: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<u64, ClientError> {
        let path = format!("{}{feed}", feed_path(app_id)?);
        let request = request(Method::POST, &path, headers, body)?;
        let response = self.exchange(request, MAX_REPLY_BYTES).await?;
        decode_accepted(&response)
    }
}
