//! Logging in and out, and the choice of a language.

mod forms;
mod guard;
mod kept;
mod pages;
mod password;
mod texts;

use std::net::IpAddr;

use axum::Router;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use reportd_platform::people::PeopleError;
use reportd_platform::secret::Secret;
use reportd_platform::web::{ClientAddress, retry_after};
use serde::Deserialize;
use serde_json::json;

pub(crate) use self::guard::Logins;
use self::guard::{Refused, check};
use self::kept::Kept;
use self::pages::{login_page, resume};
use self::texts::LoginTexts;
use crate::Console;
use crate::fault::Fault;
use crate::headers;
use crate::links;
use crate::session;
use crate::texts::{Locale, fill};
use crate::visit::{self, LANGUAGE, MOST_FORM_BYTES, Visit};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/login", get(show).post(log_in))
        .route("/console/logout", post(log_out))
        .route("/console/language", get(choose_language))
        .merge(password::routes())
}

/// Where a login goes on.
#[derive(Deserialize)]
struct Destination {
    #[serde(default)]
    to: String,
}

/// The login page; who is logged in already goes on.
async fn show(
    State(console): State<Console>,
    Query(asked): Query<Destination>,
    request: HeaderMap,
) -> Response {
    let kept = Kept::page(&asked.to);
    match session::find(&console, &request).await {
        Ok(Some(_)) => Redirect::to(kept.to()).into_response(),
        Ok(None) => login_page(&request, StatusCode::OK, &kept, ""),
        Err(error) => Fault::from(error).into_text(),
    }
}

/// What the login page sends.
#[derive(Deserialize)]
struct LoginForm {
    #[serde(default)]
    name: String,
    password: Secret,
    #[serde(flatten)]
    kept: Kept,
}

async fn log_in(State(console): State<Console>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let t = LoginTexts::of(visit::locale(&parts.headers));
    let again = |status, kept: &Kept, why: &str| login_page(&parts.headers, status, kept, why);
    let Ok(body) = axum::body::to_bytes(body, MOST_FORM_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Ok(form) = serde_urlencoded::from_bytes::<LoginForm>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !headers::is_from_here(&parts.headers) {
        return again(StatusCode::FORBIDDEN, &Kept::default(), t.elsewhere);
    }
    let name = form.name.trim();
    match check(&console, name, form.password, address(&parts)).await {
        Ok(generation) => let_in(&console, parts, name, generation, form.kept).await,
        Err(refused) => {
            let (status, why, wait) = told(&refused, t, t.wrong);
            let mut page = again(status, &form.kept, &why);
            if let Some(wait) = wait {
                page.headers_mut().insert(header::RETRY_AFTER, wait);
            }
            page
        }
    }
}

/// What is told to somebody whose password was refused.
fn told(
    refused: &Refused,
    t: &LoginTexts,
    wrong: &str,
) -> (StatusCode, String, Option<HeaderValue>) {
    match refused {
        Refused::Wrong => (StatusCode::UNAUTHORIZED, wrong.to_owned(), None),
        Refused::TooMany(wait) => {
            let wait = retry_after(*wait);
            let seconds = wait.to_str().unwrap_or("60");
            let text = fill(t.too_many, &[("n", seconds)]);
            (StatusCode::TOO_MANY_REQUESTS, text, Some(wait))
        }
        Refused::Failed(error) => {
            let is_passing = match error {
                PeopleError::Busy => true,
                PeopleError::Db(error) => error.is_transient(),
                _ => false,
            };
            if !is_passing {
                tracing::error!(%error, "a password could not be checked");
            }
            (StatusCode::SERVICE_UNAVAILABLE, t.busy.to_owned(), None)
        }
    }
}

/// Begins a session, and goes on.
async fn let_in(
    console: &Console,
    mut parts: Parts,
    name: &str,
    generation: i64,
    kept: Kept,
) -> Response {
    // One browser has one session.
    let ended = session::end(console, &parts.headers).await;
    let begun = match ended {
        Ok(()) => session::begin(console, name, generation).await,
        Err(error) => Err(error),
    };
    let secret = match begun {
        Ok(secret) => secret,
        Err(error) => return Fault::from(error).into_text(),
    };
    let cookie = session_cookie(console, &parts.headers, Some(&secret));
    let own = format!("{}={}", session::SESSION, secret.reveal());
    keep_language(&mut parts.headers, &own);
    let mut response = match Visit::begun(&mut parts, console, kept.own_page()).await {
        Ok(visit) => go_on(&visit, &kept).await,
        Err(response) => response,
    };
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// Puts the cookie of a new session where pages look for it, beside the language that was chosen.
fn keep_language(request: &mut HeaderMap, session: &str) {
    let language = session::cookie(request, LANGUAGE);
    let cookies = match language {
        Some(language) => format!("{session}; {LANGUAGE}={language}"),
        None => session.to_owned(),
    };
    if let Ok(cookies) = HeaderValue::from_str(&cookies) {
        request.insert(header::COOKIE, cookies);
    }
}

/// Goes to the page that was asked for, or shows the form that was kept. A password that another has given is changed
/// before.
async fn go_on(visit: &Visit, kept: &Kept) -> Response {
    match (visit.must_change, kept.has_form()) {
        (true, _) => password::page(visit, kept, StatusCode::OK, ""),
        (false, true) => resume(visit, kept).await,
        (false, false) => Redirect::to(kept.to()).into_response(),
    }
}

fn session_cookie(console: &Console, request: &HeaderMap, secret: Option<&Secret>) -> HeaderValue {
    let is_secure = console.logins.secure_cookies || headers::is_by_tls(request);
    let cookie = session::set_cookie(secret, is_secure);
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}

async fn log_out(State(console): State<Console>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST_FORM_BYTES).await;
    if let Ok(visit) = Visit::of(&mut parts, &console).await {
        if !visit.is_ours(&body.unwrap_or_default()) {
            return StatusCode::FORBIDDEN.into_response();
        }
        if let Err(error) = session::end(&console, &parts.headers).await {
            return Fault::from(error).into_text();
        }
    }
    let cookie = session_cookie(&console, &parts.headers, None);
    let mut response = Redirect::to("/console/login").into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// What a choice of a language says.
#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    to: String,
    /// The other one where it is not named.
    language: Option<String>,
}

async fn choose_language(Query(choice): Query<Choice>, request: HeaderMap) -> Response {
    let other = match visit::locale(&request) {
        Locale::En => Locale::Zh,
        Locale::Zh => Locale::En,
    };
    let named = choice.language.as_deref().and_then(Locale::named);
    let tag = named.unwrap_or(other).tag();
    let cookie = format!("{LANGUAGE}={tag}; Path=/console; Max-Age=31536000; SameSite=Lax");
    let to = links::own_address(&choice.to);
    ([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response()
}

/// The reply to a form of a session that has ended: a login page that keeps the form, so that nothing is lost. A script
/// is told in a word.
pub(crate) fn ask_to_log_in_again(parts: &Parts, body: &[u8]) -> Response {
    if headers::is_script(&parts.headers) {
        return ended_for_script();
    }
    let t = LoginTexts::of(visit::locale(&parts.headers));
    // Cookies do not come with what another site sends: so a form without a session may be anybody's.
    let kept = match headers::is_from_here(&parts.headers) {
        true => Kept::form(parts, body),
        false => Kept::default(),
    };
    let why = if kept.has_form() { t.ended } else { "" };
    login_page(&parts.headers, StatusCode::UNAUTHORIZED, &kept, why)
}

/// What a script of a page is told whose session has ended.
pub(crate) fn ended_for_script() -> Response {
    let told = json!({"detail": "the session has ended: log in again"}).to_string();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::UNAUTHORIZED, kind, told).into_response()
}

/// Where a request came from.
fn address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get().map(|&ClientAddress(ip)| ip)
}

/// Where a request came from, as an extractor.
struct From(Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(address(parts)))
    }
}

#[cfg(test)]
mod tests;
