//! Dialogue reports on one plain connection: each is sent once.

use bytes::Bytes;
use hyper::Method;
use reportd_protocol::dialogue::PATH;

use super::{Connection, request};
use crate::dialogue::{decode_filed, form_headers};
use crate::error::ClientError;
use crate::response::MAX_REPLY_BYTES;

impl Connection {
    /// Posts the form of a dialogue report, once, without the care of
    /// [`DialogueClient`](crate::DialogueClient), and tells its ticket; see
    /// [`report_form`](reportd_protocol::dialogue::report_form).
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::InvalidReply`], or those of [`post`](Self::post).
    pub async fn post_dialogue(&mut self, form: Bytes) -> Result<Option<String>, ClientError> {
        let request = request(Method::POST, PATH, form_headers(), form)?;
        decode_filed(&self.exchange(request, MAX_REPLY_BYTES).await?)
    }
}
