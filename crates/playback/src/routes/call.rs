//! From a request to what it asks for, in this order: its form, its session, the csrf token, then its parameters.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use bytes::Bytes;
use reportd_platform::AppNo;
use reportd_platform::web::{ClientAddress, limit_key, read_body};
use reportd_protocol::playback::meaning::DeleteScope;
use reportd_protocol::playback::{
    Beat, Carried, Code, Cookies, CursorQuery, Endpoint, Form, ListQuery, Proof, Refusal, Sent,
    VideoQuery, data_reply, read_kid, read_switch,
};

use super::reply::{Answer, Refused};
use crate::Playback;
use crate::read;
use crate::registry::PlaybackApp;
use crate::sessions::{Login, NoLogin, Sender};

/// Answers a call; `known_app` is whose call it proves to be.
pub(super) async fn take(
    playback: &Playback,
    endpoint: Endpoint,
    request: Request,
    known_app: &mut Option<AppNo>,
) -> Result<Answer, Refused> {
    let (parts, body) = request.into_parts();
    let body = read(playback, endpoint, &parts, body).await?;
    let form = Form::read(&Sent {
        query: parts.uri.query(),
        content_type: parts
            .headers
            .get(header::CONTENT_TYPE)
            .map(HeaderValue::as_bytes),
        body: &body,
    })?;
    let login = log_in(playback, endpoint, &parts, &form).await?;
    if let Some(login) = &login {
        *known_app = Some(login.app.app.no);
        playback.limit_app(&login.app).await?;
    }
    match login {
        Some(login) => with_session(playback, endpoint, &form, &login).await,
        None => without_session(playback, endpoint, &parts, &form).await,
    }
}

async fn read(
    playback: &Playback,
    endpoint: Endpoint,
    parts: &Parts,
    body: Body,
) -> Result<Bytes, Refused> {
    playback.limit_address(parts).await?;
    match endpoint.is_post() {
        true => Ok(read_body(body, playback.limits.body).await?),
        false => Ok(Bytes::new()),
    }
}

/// Who calls; `None` where the call may do without, and nobody is logged in.
async fn log_in(
    playback: &Playback,
    endpoint: Endpoint,
    parts: &Parts,
    form: &Form<'_>,
) -> Result<Option<Login>, Refused> {
    let cookies = parts.headers.get_all(header::COOKIE).into_iter();
    let cookies = Cookies::parse(cookies.map(HeaderValue::as_bytes));
    let is_optional = endpoint.proof() == Proof::Optional;
    let Some(carried) = Carried::find(endpoint, form, &cookies) else {
        let none = Refusal::not_logged_in("no session is sent");
        return if is_optional {
            Ok(None)
        } else {
            Err(none.into())
        };
    };
    let sender = Sender {
        host: host(&parts.headers, &parts.uri),
        address: ClientAddress::of(&parts.extensions),
    };
    let found = playback
        .log_in(carried.secrets(), carried.is_cookie(), sender)
        .await;
    let login = match found {
        Ok(login) => login,
        Err(NoLogin::None | NoLogin::Limited) if is_optional => return Ok(None),
        Err(no_login) => return Err(no_login.into()),
    };
    carried.check_csrf(endpoint, form, |sent| login.session.is_csrf(sent))?;
    Ok(Some(login))
}

async fn with_session(
    playback: &Playback,
    endpoint: Endpoint,
    form: &Form<'_>,
    login: &Login,
) -> Result<Answer, Refused> {
    let (app, mid) = (&login.app, login.session.mid);
    match endpoint {
        Endpoint::HistoryReport => playback.take_beat(login, Beat::history_report(form)?).await,
        Endpoint::Heartbeat => playback.take_beat(login, Beat::heartbeat(form)?).await,
        Endpoint::Delete => {
            let scope = DeleteScope::Entry(read_kid(form)?);
            playback.delete(login, scope).await
        }
        Endpoint::Clear => playback.delete(login, DeleteScope::All).await,
        Endpoint::SetShadow => {
            let (is_paused, now_ms) = (read_switch(form)?, playback.clock.now_ms());
            let viewers = &playback.viewers;
            viewers
                .set_paused(app.app.no, mid, is_paused, now_ms)
                .await?;
            // What is reported after the reply is of the new state on every node.
            tokio::time::sleep(playback.others_hear_in).await;
            Ok(Answer::ok())
        }
        Endpoint::Shadow => {
            let found = playback.viewers.find(app.app.no, mid).await?;
            let is_paused = found.is_some_and(|viewer| viewer.paused.is_some());
            let body = data_reply(&is_paused);
            Ok(read::Answer { body, lag_ms: 0 }.into())
        }
        Endpoint::HistoryCursor => {
            let asked = CursorQuery::read(form)?;
            Ok(playback.history_page_reply(app, mid, &asked).await?.into())
        }
        Endpoint::History => {
            let asked = ListQuery::read(form)?;
            Ok(playback.list_reply(app, mid, &asked).await?.into())
        }
        Endpoint::Player | Endpoint::OnlineTotal => {
            ask(playback, endpoint, form, app, Some(mid)).await
        }
    }
}

/// A call that may do without a session: whose app it asks is told by the host, or there is but one.
async fn without_session(
    playback: &Playback,
    endpoint: Endpoint,
    parts: &Parts,
    form: &Form<'_>,
) -> Result<Answer, Refused> {
    let apps = playback.registry.apps();
    let app = apps
        .without_session(host(&parts.headers, &parts.uri))
        .cloned();
    let app = app.ok_or_else(|| Refusal::new(Code::NotFound, "no app is of this host"))?;
    playback.limit_app(&app).await?;
    ask(playback, endpoint, form, &app, None).await
}

async fn ask(
    playback: &Playback,
    endpoint: Endpoint,
    form: &Form<'_>,
    app: &Arc<PlaybackApp>,
    mid: Option<i64>,
) -> Result<Answer, Refused> {
    let asked = VideoQuery::read(form)?;
    let answer = if endpoint == Endpoint::Player {
        playback.player_reply(app, mid, &asked).await?
    } else {
        playback.online_reply(app, &asked).await?
    };
    Ok(answer.into())
}

/// The host that a request was sent to.
pub(super) fn host<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    let header = headers.get(header::HOST);
    let header = header.and_then(|value| value.to_str().ok());
    header.or(uri.host())
}

impl Playback {
    /// Counts a request of an address where these are limited.
    async fn limit_address(&self, parts: &Parts) -> Result<(), Refused> {
        let Some(rate) = self.limits.per_address else {
            return Ok(());
        };
        let key = limit_key(ClientAddress::of(&parts.extensions));
        let taken = self.address_limiter.take(key, 1, rate).await;
        taken.map_err(Refused::limited)
    }

    /// Counts a request of an app where these are limited.
    async fn limit_app(&self, app: &PlaybackApp) -> Result<(), Refused> {
        let Some(rate) = self.limits.per_app else {
            return Ok(());
        };
        let taken = self.app_limiter.take(app.app.no, 1, rate).await;
        taken.map_err(Refused::limited)
    }
}
