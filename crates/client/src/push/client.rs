//! The client that reads the push reports.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use reportd_protocol::push::{
    self, ACTIONS_PARAMETER, BRANDS_PARAMETER, Date, END_PARAMETER, FunnelData, FunnelsData,
    OnlineData, QuotasData, START_PARAMETER, TaskQuery, Users, UsersData,
};
use reqwest::{Method, Request, Url};
use serde::de::DeserializeOwned;

use super::address::{Addresses, ids_segment, join_ids, query, segment};
use super::reply::{decode_auth, decode_data, success_data};
use super::settings::{PushClientBuilder, PushSettings};
use super::token::{TOKEN_NAME, Token, TokenKeeper};
use crate::builder::ClientBuilder;
use crate::clock::Clock;
use crate::error::ClientError;
use crate::response::{MAX_REPLY_BYTES, MAX_REPORT_BYTES};
use crate::sender::Sender;

/// Reads the push reports of one app from one server. Cheap to clone; the clones share their
/// connections and their token.
///
/// It authenticates by itself: with the first call, then before the token ends, and once more for a
/// call whose token is refused. Calls at the same time share one token and wait for the same
/// renewal. Reports change nothing, so a call that fails in passing is tried again, and also one over
/// a rate limit, when the server says that it may come again soon.
///
/// ```no_run
/// # async fn print_clicks() -> Result<(), reportd_client::ClientError> {
/// use reportd_client::{PushClient, protocol::push::TaskQuery};
///
/// let client = PushClient::new("http://127.0.0.1:8300", "app1", "appkey", "master secret")?;
/// let tasks = client.task_report(&["RASL_1"], &TaskQuery::default()).await?;
/// for (task_id, task) in tasks {
///     println!("{task_id}: {} clicks", task.total.figures.click_num);
/// }
/// client.log_out().await
/// # }
/// ```
///
/// # Errors
/// Each report ends in [`ClientError::Refused`] with HTTP status, `code` and text if the server
/// refuses it, or its credentials; in [`ClientError::InvalidRequest`] if no path can hold its
/// argument; else in the error of the last try.
#[derive(Clone)]
pub struct PushClient {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) sender: Sender,
    pub(super) addresses: Addresses,
    pub(super) appkey: String,
    pub(super) master_secret: String,
    pub(super) clock: Clock,
    pub(super) tokens: TokenKeeper,
}

/// What a report of a group is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupOptions {
    /// Whether `gt` is to show brands.
    pub by_brand: bool,
    /// The first day on which a task was created; 70 days before today if not given.
    pub start: Option<Date>,
    /// The last such day, included; today if not given.
    pub end: Option<Date>,
}

impl PushClient {
    /// A client with the default settings of [`PushClientBuilder`].
    ///
    /// # Errors
    /// [`ClientError::Setup`]; see [`PushClientBuilder::build`].
    pub fn new(
        base_url: &str,
        app_id: &str,
        appkey: &str,
        master_secret: &str,
    ) -> Result<Self, ClientError> {
        Self::builder(base_url, app_id, appkey, master_secret).build()
    }

    /// A client with other settings. `base_url` may have a path of its own; `/v2` and the app are
    /// added to it.
    #[must_use]
    pub fn builder(
        base_url: &str,
        app_id: &str,
        appkey: &str,
        master_secret: &str,
    ) -> PushClientBuilder {
        ClientBuilder::new(base_url, PushSettings::new(app_id, appkey, master_secret))
    }

    /// What became of tasks, by task id: at most 200, without those that the server does not know.
    ///
    /// # Errors
    /// See [`PushClient`].
    pub async fn task_report<S: AsRef<str>>(
        &self,
        task_ids: &[S],
        options: &TaskQuery,
    ) -> Result<FunnelsData, ClientError> {
        let ids = ids_segment("task ids", task_ids)?;
        let actions = &options.actions;
        let query = query(&[
            (
                ACTIONS_PARAMETER,
                (!actions.is_empty()).then(|| join_ids(actions)),
            ),
            (BRANDS_PARAMETER, brands(options.by_brand)),
        ]);
        self.report(&format!("/report/push/task/{ids}{query}"))
            .await
    }

    /// What became of the tasks of a group, summed; `None` if the server does not know the group.
    ///
    /// # Errors
    /// See [`PushClient`].
    pub async fn group_report(
        &self,
        name: &str,
        options: GroupOptions,
    ) -> Result<Option<FunnelData>, ClientError> {
        let group = segment("group name", name)?;
        let query = query(&[
            (BRANDS_PARAMETER, brands(options.by_brand)),
            (START_PARAMETER, options.start.map(|day| day.to_string())),
            (END_PARAMETER, options.end.map(|day| day.to_string())),
        ]);
        let mut groups: FunnelsData = self
            .report(&format!("/report/push/task_group/{group}{query}"))
            .await?;
        Ok(groups.remove(name))
    }

    /// Live counts of tasks and what was lost where and why, by task id: as
    /// [`task_report`](Self::task_report), with
    /// [`failed_detail`](reportd_protocol::push::FunnelData::failed_detail).
    ///
    /// # Errors
    /// See [`PushClient`]; code 30017 if the app may not read it.
    pub async fn detail_report<S: AsRef<str>>(
        &self,
        task_ids: &[S],
    ) -> Result<FunnelsData, ClientError> {
        let ids = ids_segment("task ids", task_ids)?;
        self.report(&format!("/report/push/task/{ids}/detail"))
            .await
    }

    /// What became of the app's pushes on a past day.
    ///
    /// # Errors
    /// See [`PushClient`].
    pub async fn day_report(&self, date: Date, by_brand: bool) -> Result<FunnelData, ClientError> {
        let query = query(&[(BRANDS_PARAMETER, brands(by_brand))]);
        let days: FunnelsData = self
            .report(&format!("/report/push/date/{date}{query}"))
            .await?;
        of_day(days, date)
    }

    /// How much of today's quotas is used and left, by channel and quota kind.
    ///
    /// # Errors
    /// See [`PushClient`]; code 30023 if the app may not read it.
    pub async fn count_report(&self) -> Result<QuotasData, ClientError> {
        self.report("/report/push/count").await
    }

    /// The app's users on a past day.
    ///
    /// # Errors
    /// See [`PushClient`].
    pub async fn user_report(&self, date: Date) -> Result<Users, ClientError> {
        let days: UsersData = self.report(&format!("/report/user/date/{date}")).await?;
        of_day(days, date)
    }

    /// How many users were online in the last 24 hours, by milliseconds since 1970: a point every
    /// 10 minutes.
    ///
    /// # Errors
    /// See [`PushClient`].
    pub async fn online_report(&self) -> Result<BTreeMap<i64, i64>, ClientError> {
        let data: OnlineData = self.report("/report/online_user").await?;
        Ok(data.online_statics)
    }

    /// Ends the token on the server, if there is one. The client can be used again: it then obtains
    /// another.
    ///
    /// # Errors
    /// See [`PushClient`]. The client has forgotten the token all the same; it ends by itself, after
    /// 24 hours at most.
    pub async fn log_out(&self) -> Result<(), ClientError> {
        let Some(token) = self.inner.tokens.take().await else {
            return Ok(());
        };
        let token = token.to_str().unwrap_or_default();
        let url = self
            .inner
            .addresses
            .of(&format!("/auth/{}", segment("token", token)?))?;
        let seed = token.as_bytes();
        let ended = self.inner.sender.send(seed, || self.end_once(&url)).await;
        match ended {
            // It had ended already, perhaps by a try whose reply was lost.
            Err(error) if error.is_bad_token() => Ok(()),
            result => result,
        }
    }

    async fn report<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let url = self.inner.addresses.of(path)?;
        match self.ask(&url).await {
            Err(error) if error.is_bad_token() => self.ask(&url).await,
            result => result,
        }
    }

    async fn ask<T: DeserializeOwned>(&self, url: &Url) -> Result<T, ClientError> {
        let seed = format!("{url} {}", self.now_ms());
        self.inner
            .sender
            .send(seed.as_bytes(), || self.ask_once(url))
            .await
    }

    async fn ask_once<T: DeserializeOwned>(&self, url: &Url) -> Result<T, ClientError> {
        let tokens = &self.inner.tokens;
        let token = tokens.get(self.now_ms(), || self.authenticate()).await?;
        let mut request = Request::new(Method::GET, url.clone());
        request.headers_mut().insert(TOKEN_NAME, token.clone());
        let response = self
            .inner
            .sender
            .exchange(request, MAX_REPORT_BYTES)
            .await?;
        let result = decode_data(&response);
        if result.as_ref().is_err_and(ClientError::is_bad_token) {
            tokens.forget(&token).await;
        }
        result
    }

    async fn authenticate(&self) -> Result<Token, ClientError> {
        let Inner {
            sender,
            addresses,
            appkey,
            master_secret,
            ..
        } = &*self.inner;
        let now_ms = self.now_ms();
        let mut request = Request::new(Method::POST, addresses.of("/auth")?);
        let json = HeaderValue::from_static(push::CONTENT_TYPE);
        request.headers_mut().insert(CONTENT_TYPE, json);
        *request.body_mut() = Some(push::auth_request(appkey, master_secret, now_ms).into());
        let response = sender.exchange(request, MAX_REPLY_BYTES).await?;
        let (data, end_ms) = decode_auth(&response)?;
        Token::new(&data.token, end_ms, now_ms)
            .ok_or_else(|| response.invalid("data.token: a character that a header cannot hold"))
    }

    async fn end_once(&self, url: &Url) -> Result<(), ClientError> {
        let request = Request::new(Method::DELETE, url.clone());
        let response = self.inner.sender.exchange(request, MAX_REPLY_BYTES).await?;
        success_data(&response).map(drop)
    }

    fn now_ms(&self) -> i64 {
        (self.inner.clock)()
    }
}

/// Shows no credentials.
impl fmt::Debug for PushClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushClient")
            .field("addresses", &self.inner.addresses)
            .finish_non_exhaustive()
    }
}

fn brands(by_brand: bool) -> Option<String> {
    by_brand.then(|| "true".to_owned())
}

/// The data of the day that was asked for. A server has some for every day, if only zeros.
fn of_day<T>(mut days: BTreeMap<String, T>, date: Date) -> Result<T, ClientError> {
    days.remove(&date.to_string())
        .ok_or_else(|| ClientError::InvalidReply {
            http: 200,
            problem: format!("data: nothing of {date}"),
            retry_after: None,
        })
}
