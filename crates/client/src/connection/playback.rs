//! The calls of the playback reports on one plain connection: each sends once.

use bytes::Bytes;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use reportd_protocol::playback::Endpoint;

use super::{Connection, request};
use crate::error::ClientError;
use crate::playback::{PlaybackLogin, decode_done};
use crate::request::FORM;
use crate::response::{MAX_REPLY_BYTES, MAX_REPORT_BYTES};

impl Connection {
    /// Posts a form that is written already ([`heartbeat_form`](reportd_protocol::playback::heartbeat_form) and
    /// its like), once, without the care of [`PlaybackClient`](crate::PlaybackClient). Of `login` the
    /// cookie is sent; what else proves it must be in the form.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::InvalidReply`], or those of [`post`](Self::post).
    pub async fn post_playback(
        &mut self,
        endpoint: Endpoint,
        login: &PlaybackLogin,
        form: Bytes,
    ) -> Result<(), ClientError> {
        let mut headers = login.headers()?;
        headers.insert(CONTENT_TYPE, FORM);
        let request = request(Method::POST, endpoint.paths()[0], headers, form)?;
        decode_done(&self.exchange(request, MAX_REPLY_BYTES).await?)
    }

    /// Reads, once; `query` is without its `?`. What comes back is the whole reply, a success.
    ///
    /// # Errors
    /// As [`post_playback`](Self::post_playback).
    pub async fn get_playback(
        &mut self,
        endpoint: Endpoint,
        login: &PlaybackLogin,
        query: &str,
    ) -> Result<Bytes, ClientError> {
        let path = format!("{}?{query}", endpoint.paths()[0]);
        let request = request(Method::GET, &path, login.headers()?, Bytes::new())?;
        let response = self.exchange(request, MAX_REPORT_BYTES).await?;
        decode_done(&response)?;
        Ok(response.body)
    }
}
