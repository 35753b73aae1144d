//! The client that reports what a viewer watches, and reads it back.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use reportd_protocol::playback::meaning::Kid;
use reportd_protocol::playback::{
    Beat, CursorQuery, Endpoint, HistoryFilter, HistoryPage, ListItem, ListQuery, OnlineTotal,
    PlayerData, VideoQuery, clear_form, delete_form, heartbeat_form, history_form, switch_form,
};
use reqwest::{Method, Request, Url};
use serde::de::DeserializeOwned;

use super::heartbeat_settings::HeartbeatsBuilder;
use super::login::PlaybackLogin;
use super::pages::HistoryPages;
use super::reply::{decode_data, decode_done};
use super::settings::{PlaybackClientBuilder, PlaybackSettings};
use crate::builder::ClientBuilder;
use crate::error::ClientError;
use crate::request::FORM;
use crate::response::{MAX_REPLY_BYTES, MAX_REPORT_BYTES, Response};
use crate::sender::{Sender, parse_address};

/// Reports what one viewer watches to one server, and reads it back. Cheap to clone; the clones
/// share their connections.
///
/// # Sending again
///
/// Both reports are sent again when they fail in passing: code -503 or -509, a broken connection, no
/// reply in time. No nonce is needed. What reports mean are maxima, minima, sets and registers in
/// which the newest wins, so a second copy of the newest report changes nothing but the time, by the
/// wait between the two. A player that counts no seconds of its own (`realtime`) may be given the 15
/// seconds of one more quarter-minute.
///
/// It follows that a copy must not arrive after a newer report of the same player, where it would
/// win: await each report before the next one, as [`Heartbeats`](super::Heartbeats) do.
/// After a delete it would bring the entry back, as the next report would anyway.
///
/// Reads change nothing and pausing the history twice is pausing it once: they are sent again too.
/// A delete and a clear are sent again only where the server surely did nothing, because it was not
/// reached or said -503 or -509: a second delete would take what was watched since the first, and be
/// one more to undo.
///
/// ```no_run
/// # async fn resume() -> Result<(), reportd_client::ClientError> {
/// use reportd_client::protocol::playback::{Beat, Position, VideoQuery};
/// use reportd_client::{PlaybackClient, PlaybackLogin};
///
/// let login = PlaybackLogin::AccessKey("the viewer's".to_owned());
/// let client = PlaybackClient::new("http://127.0.0.1:8300", login)?;
/// let report = Beat {
///     aid: 13_662_970,
///     cid: 126_654_047,
///     position: Position::At(1248),
///     ..Beat::default()
/// };
/// client.history_report(&report).await?;
/// let video = VideoQuery { aid: 13_662_970, cid: 126_654_047 };
/// println!("resume at {} ms", client.player(&video).await?.last_play_time);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Each call ends in [`ClientError::Refused`] with the code
/// ([`Code`](reportd_protocol::playback::Code)) if the server refuses it; in
/// [`ClientError::InvalidRequest`], with nothing sent, if the login cannot prove it; else in the
/// error of the last try.
#[derive(Clone)]
pub struct PlaybackClient {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) sender: Sender,
    pub(super) base_url: String,
    pub(super) login: PlaybackLogin,
}

impl PlaybackClient {
    /// A client with the default settings of [`PlaybackClientBuilder`].
    ///
    /// # Errors
    /// [`ClientError::Setup`]; see [`PlaybackClientBuilder::build`].
    pub fn new(base_url: &str, login: PlaybackLogin) -> Result<Self, ClientError> {
        Self::builder(base_url, login).build()
    }

    /// A client with other settings. `base_url` may have a path of its own; the paths of the protocol
    /// are added to it.
    #[must_use]
    pub fn builder(base_url: &str, login: PlaybackLogin) -> PlaybackClientBuilder {
        ClientBuilder::new(base_url, PlaybackSettings { login })
    }

    /// Reports progress. `Ok` means that the server has it for good. What only heartbeats have
    /// fields for (`session`, `play_type` and the player's counts) is not sent.
    ///
    /// # Errors
    /// See [`PlaybackClient`]; after a timeout or a broken connection it may have been counted.
    pub async fn history_report(&self, beat: &Beat<'_>) -> Result<(), ClientError> {
        let body = history_form(beat, self.inner.login.history_proof());
        self.report(Endpoint::HistoryReport, body).await
    }

    /// Reports a heartbeat. `Ok` means that the server has it for good. It needs a
    /// [`PlaybackLogin::Cookie`].
    ///
    /// # Errors
    /// As [`history_report`](Self::history_report).
    pub async fn heartbeat(&self, beat: &Beat<'_>) -> Result<(), ClientError> {
        let body = heartbeat_form(beat, self.inner.login.csrf());
        self.report(Endpoint::Heartbeat, body).await
    }

    /// The heartbeats of a player, to be driven by it. Of `video` they take what stays the same
    /// ([`duration_s`](Beat::duration_s) too, if it is known: the server then knows the end) and the
    /// position at which it starts. They need a [`PlaybackLogin::Cookie`].
    #[must_use]
    pub fn heartbeats(&self, video: Beat<'static>) -> HeartbeatsBuilder {
        HeartbeatsBuilder::new(self.clone(), video)
    }

    /// The whole history, page by page from the newest entry.
    #[must_use]
    pub fn history(&self, filter: HistoryFilter) -> HistoryPages {
        HistoryPages::new(self.clone(), filter)
    }

    /// One page of the history, by a cursor.
    ///
    /// # Errors
    /// See [`PlaybackClient`].
    pub async fn history_page(&self, query: &CursorQuery) -> Result<HistoryPage, ClientError> {
        self.read(Endpoint::HistoryCursor, &query.write()).await
    }

    /// One page of the history, by its number. Entries move on while somebody watches;
    /// [`history`](Self::history) neither skips nor repeats them.
    ///
    /// # Errors
    /// See [`PlaybackClient`].
    pub async fn history_list(&self, query: &ListQuery) -> Result<Vec<ListItem>, ClientError> {
        self.read(Endpoint::History, &query.write()).await
    }

    /// Deletes an entry of the history.
    ///
    /// # Errors
    /// See [`PlaybackClient`]; after a timeout or a broken connection it may have been done.
    pub async fn delete(&self, kid: Kid) -> Result<(), ClientError> {
        let body = self.inner.login.prove_form(|csrf| delete_form(kid, csrf));
        self.change_once(Endpoint::Delete, body).await
    }

    /// Deletes the whole history.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn clear(&self) -> Result<(), ClientError> {
        let body = self.inner.login.prove_form(clear_form);
        self.change_once(Endpoint::Clear, body).await
    }

    /// Pauses the history, or resumes it. What stands there stays.
    ///
    /// # Errors
    /// See [`PlaybackClient`]; after a timeout or a broken connection it may have been done.
    pub async fn set_history_paused(&self, is_paused: bool) -> Result<(), ClientError> {
        let login = &self.inner.login;
        let body = login.prove_form(|csrf| switch_form(is_paused, csrf));
        self.report(Endpoint::SetShadow, body).await
    }

    /// Whether the history is paused.
    ///
    /// # Errors
    /// See [`PlaybackClient`].
    pub async fn is_history_paused(&self) -> Result<bool, ClientError> {
        self.read(Endpoint::Shadow, "").await
    }

    /// Where to resume a video, and what else a player asks for.
    ///
    /// # Errors
    /// See [`PlaybackClient`].
    pub async fn player(&self, video: &VideoQuery) -> Result<PlayerData, ClientError> {
        self.read(Endpoint::Player, &video.write()).await
    }

    /// How many are viewing a video.
    ///
    /// # Errors
    /// See [`PlaybackClient`].
    pub async fn online_total(&self, video: &VideoQuery) -> Result<OnlineTotal, ClientError> {
        self.read(Endpoint::OnlineTotal, &video.write()).await
    }

    /// Posts what may arrive twice.
    async fn report(&self, endpoint: Endpoint, body: String) -> Result<(), ClientError> {
        let (url, body) = (self.address(endpoint)?, Bytes::from(body));
        let once = || self.post(&url, &body);
        let seed = self.seed(&body);
        self.inner.sender.send(&seed, once).await
    }

    /// Posts what must not arrive twice.
    async fn change_once(&self, endpoint: Endpoint, body: String) -> Result<(), ClientError> {
        let (url, body) = (self.address(endpoint)?, Bytes::from(body));
        let once = || self.post(&url, &body);
        let seed = self.seed(&body);
        self.inner.sender.send_until_reached(&seed, once).await
    }

    async fn post(&self, url: &Url, body: &Bytes) -> Result<(), ClientError> {
        let mut request = Request::new(Method::POST, url.clone());
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        *request.body_mut() = Some(body.clone().into());
        decode_done(&self.exchange(request, MAX_REPLY_BYTES).await?)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        query: &str,
    ) -> Result<T, ClientError> {
        let mut url = self.address(endpoint)?;
        url.set_query((!query.is_empty()).then_some(query));
        self.inner.login.prove_query(&mut url);
        let once = || async {
            let request = Request::new(Method::GET, url.clone());
            decode_data(&self.exchange(request, MAX_REPORT_BYTES).await?)
        };
        let seed = self.seed(url.as_str().as_bytes());
        self.inner.sender.send(&seed, once).await
    }

    async fn exchange(&self, request: Request, max_bytes: usize) -> Result<Response, ClientError> {
        self.inner.sender.exchange(request, max_bytes).await
    }

    fn address(&self, endpoint: Endpoint) -> Result<Url, ClientError> {
        self.inner.login.check(endpoint)?;
        parse_address(&self.inner.base_url, endpoint.paths()[0])
    }

    /// Many viewers ask the same of the same video: only the session tells them apart.
    fn seed(&self, request: &[u8]) -> Vec<u8> {
        [request, self.inner.login.seed().as_bytes()].concat()
    }
}

/// Shows no secrets.
impl fmt::Debug for PlaybackClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaybackClient")
            .field("base_url", &self.inner.base_url)
            .field("login", &self.inner.login)
            .finish_non_exhaustive()
    }
}
