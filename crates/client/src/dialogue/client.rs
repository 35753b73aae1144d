//! The client that files dialogue reports.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reportd_protocol::dialogue::{
    Cipher, CipherSettings, MAX_BODY_BYTES, Report, content_text, report_form,
};
use reqwest::{Method, Request, Url};

use super::reply::decode_filed;
use super::settings::{DialogueClientBuilder, DialogueSettings, DrawIv};
use crate::builder::ClientBuilder;
use crate::clock::Clock;
use crate::error::ClientError;
use crate::response::MAX_REPLY_BYTES;
use crate::sender::Sender;

/// Files abuse reports of one app with one server. Cheap to clone; the clones share their
/// connections.
///
/// A report is encrypted as the app has set it, signed and sent, again if it fails in passing: `ec`
/// 429 or 503, a broken connection, no reply in time. That is safe: the server knows a report by its
/// `report_id` and content, and gives a copy the ticket of the first. `timestamp` is no part of that
/// content: each try tells its own time.
///
/// ```no_run
/// # async fn file() -> Result<(), reportd_client::ClientError> {
/// use reportd_client::DialogueClient;
/// use reportd_client::protocol::dialogue::{
///     AesMode, CipherSettings, Evidence, Info, InfoKind, IvSetting, Report, User,
/// };
///
/// let cipher = CipherSettings {
///     mode: AesMode::Aes128Cbc,
///     iv: IvSetting::Prepended,
///     key: b"0123456789abcdef",
///     php_key: false,
///     zero_padding: false,
/// };
/// let client = DialogueClient::new("http://127.0.0.1:8300", "app001", &cipher)?;
/// let report = Report {
///     uniqid: Some("our-17".into()),
///     report_id: "123212".into(),
///     category: "room".into(),
///     redirect: Some("https://example.com/verdicts".into()),
///     timestamp_ms: 0,
///     evidence: Evidence::default(),
///     users: vec![User { key: "id_9".to_owned(), ..User::default() }],
///     infos: vec![Info {
///         id: "9".into(),
///         user: 0,
///         kind: InfoKind::Text,
///         content: "buy now".into(),
///         time_ms: 1_574_767_721_000,
///         tag: None,
///     }],
/// };
/// let ticket = client.file(&report).await?;
/// println!("ticket {}", ticket.unwrap_or_default());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DialogueClient {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) sender: Sender,
    pub(super) endpoint: Url,
    pub(super) app_id: String,
    pub(super) cipher: Cipher,
    pub(super) clock: Clock,
    pub(super) draw_iv: DrawIv,
}

impl DialogueClient {
    /// A client with the default settings of [`DialogueClientBuilder`].
    ///
    /// # Errors
    /// [`ClientError::Setup`]; see [`DialogueClientBuilder::build`].
    pub fn new(
        base_url: &str,
        app_id: &str,
        cipher: &CipherSettings<'_>,
    ) -> Result<Self, ClientError> {
        Self::builder(base_url, app_id, cipher).build()
    }

    /// A client with other settings. `base_url` may have a path of its own; the path of the protocol
    /// is added to it.
    #[must_use]
    pub fn builder(
        base_url: &str,
        app_id: &str,
        cipher: &CipherSettings<'_>,
    ) -> DialogueClientBuilder {
        ClientBuilder::new(base_url, DialogueSettings::new(app_id, cipher))
    }

    /// Files a report, again if need be, until it is accepted, and tells its ticket; servers that
    /// tell none give `None`. `Ok` means that the server has it for good. Of the report's own
    /// `timestamp_ms` nothing is sent: the clock of the client tells the time.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code ([`Code`](reportd_protocol::dialogue::Code)) if the
    /// server refuses it; [`ClientError::InvalidRequest`], with nothing sent, if it is larger than a
    /// request can be; else that of the last try, and it may have been filed: file it again to find
    /// out.
    pub async fn file(&self, report: &Report<'_>) -> Result<Option<String>, ClientError> {
        let mut report = report.clone();
        let seed = [&*report.report_id, &*self.inner.app_id].concat();
        self.inner
            .sender
            .send(seed.as_bytes(), || {
                report.timestamp_ms = (self.inner.clock)();
                let form = self.form(&report);
                async move { self.post(form?).await }
            })
            .await
    }

    fn form(&self, report: &Report<'_>) -> Result<Bytes, ClientError> {
        let no_iv = || ClientError::Setup("the system gives no random bytes".to_owned());
        let iv = (self.inner.draw_iv)().ok_or_else(no_iv)?;
        let content = content_text(report.write().as_bytes(), &self.inner.cipher, iv);
        let form = report_form(&self.inner.app_id, &content);
        if form.len() > MAX_BODY_BYTES {
            let message = format!("{} bytes are more than {MAX_BODY_BYTES}", form.len());
            return Err(ClientError::InvalidRequest(message));
        }
        Ok(form.into())
    }

    async fn post(&self, form: Bytes) -> Result<Option<String>, ClientError> {
        let mut request = Request::new(Method::POST, self.inner.endpoint.clone());
        *request.body_mut() = Some(form.into());
        decode_filed(&self.inner.sender.exchange(request, MAX_REPLY_BYTES).await?)
    }
}

/// Shows no key.
impl fmt::Debug for DialogueClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialogueClient")
            .field("endpoint", &self.inner.endpoint.as_str())
            .field("app_id", &self.inner.app_id)
            .finish_non_exhaustive()
    }
}
