//! Who asks for a page, and in which language; every page begins with it.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use form_urlencoded::Serializer;
use reportd_platform::access::{Permission, Principal};
use reportd_platform::apps::App;
use reportd_platform::directory::Snapshot;
use reportd_platform::secret::Secret;
use reportd_platform::web::Stopping;
use serde::de::DeserializeOwned;

use crate::Console;
use crate::api::{Call, Reply};
use crate::fault::Fault;
use crate::frame::{FaultPage, Frame, Section};
use crate::headers::is_script;
use crate::links::{own_address, referring_page};
use crate::login::{ask_to_log_in_again, ended_for_script};
use crate::session;
use crate::texts::{Locale, Texts};

/// The cookie that keeps a language that was chosen.
pub(crate) const LANGUAGE: &str = "reportd_lang";
/// Most bytes of a form.
pub(crate) const MOST_FORM_BYTES: usize = 1 << 20;
/// What is there for somebody who must change the password first.
const OF_LOGIN: [&str; 2] = ["/console/password", "/console/logout"];

/// A request for a page by a person who is logged in.
#[derive(Clone)]
pub(crate) struct Visit {
    /// Who asks.
    pub(crate) person: Arc<Principal>,
    /// The language of the page.
    pub(crate) locale: Locale,
    /// The texts that all pages share.
    pub(crate) t: &'static Texts,
    /// The person must choose a password of its own before anything else.
    pub(crate) must_change: bool,
    /// The path and query of the page; of the one that a form is on, where it answers a form.
    pub(crate) address: String,
    /// What forms must send back.
    pub(crate) csrf: String,
    /// Apps as they stand.
    pub(crate) directory: Arc<Snapshot>,
    /// The time, in ms.
    pub(crate) now_ms: i64,
    /// The headers of the request.
    pub(crate) headers: HeaderMap,
    stopping: Option<Stopping>,
    console: Console,
}

impl Visit {
    /// The visit of a request.
    ///
    /// # Errors
    /// A reply that leads to the login page, or to the one where a password is changed.
    pub(crate) async fn of(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let address = match parts.method {
            Method::GET | Method::HEAD => {
                let address = parts.uri.path_and_query();
                address
                    .map_or("/console", |address| address.as_str())
                    .to_owned()
            }
            // What answers a form is of the page that the form is on: its own address shows nothing.
            _ => referring_page(parts),
        };
        let visit = Self::begun(parts, console, &address).await?;
        let is_of_login = OF_LOGIN.contains(&parts.uri.path());
        if visit.must_change && !is_of_login {
            let to = Serializer::new(String::new())
                .append_pair("to", own_address(&visit.address))
                .finish();
            return Err(Redirect::to(&format!("/console/password?{to}")).into_response());
        }
        parts.extensions.insert(visit.clone());
        Ok(visit)
    }

    /// The visit of whoever is logged in, for a page of that address.
    ///
    /// # Errors
    /// A reply that leads to the login page.
    pub(crate) async fn begun(
        parts: &mut Parts,
        console: &Console,
        address: &str,
    ) -> Result<Self, Response> {
        let found = session::find(console, &parts.headers).await;
        let Some(session) = found.map_err(|error| Fault::from(error).into_text())? else {
            return Err(
                match (parts.method == Method::GET, is_script(&parts.headers)) {
                    (true, false) => Redirect::to(&session::login_address(address)).into_response(),
                    (true, true) => ended_for_script(),
                    (false, _) => StatusCode::UNAUTHORIZED.into_response(),
                },
            );
        };
        let locale = locale(&parts.headers);
        Ok(Self {
            person: session.person,
            locale,
            t: Texts::of(locale),
            must_change: session.must_change,
            address: address.to_owned(),
            csrf: session.csrf,
            directory: console.directory.snapshot(),
            now_ms: console.clock.now_ms(),
            headers: parts.headers.clone(),
            stopping: parts.extensions.get().cloned(),
            console: console.clone(),
        })
    }

    /// The same visit in a session that has just begun.
    pub(crate) fn with_session(&self, secret: &Secret) -> Self {
        Self {
            csrf: session::csrf_of(secret.reveal(), &self.person.name),
            must_change: false,
            ..self.clone()
        }
    }

    /// True where a form was sent by a page of this session.
    pub(crate) fn is_ours(&self, form: &[u8]) -> bool {
        let sent = form_urlencoded::parse(form).find(|(name, _)| name == "csrf");
        session::is_csrf(&self.csrf, sent.as_ref().map_or("", |(_, csrf)| csrf))
    }

    /// A call of the API that reads; see [`Call::new`] for the path.
    pub(crate) fn get(&self, path: &str, segments: &[&str]) -> Call<'_> {
        self.call(Method::GET, path, segments)
    }

    /// A call of the API.
    pub(crate) fn call(&self, method: Method, path: &str, segments: &[&str]) -> Call<'_> {
        Call::new(&self.console.api, &self.person, method, path, segments)
            .until(self.stopping.as_ref())
    }

    /// True where the person may do what `permission` names: decides what a page offers, never what is done.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.person.role.may(permission)
    }

    /// The app of an id in the address.
    ///
    /// # Errors
    /// 404, also where the person may not touch it.
    pub(crate) fn app(&self, id: &str) -> Result<Arc<App>, Fault> {
        let app = self.apps().find(|app| app.id == id).cloned();
        app.ok_or_else(|| Fault::text(StatusCode::NOT_FOUND, |t| t.no_app, &[("id", id)]))
    }

    /// The apps that the person may touch, by id.
    pub(crate) fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        let mut apps: Vec<_> = self.directory.apps().collect();
        apps.retain(|app| self.person.may_touch(app.no));
        apps.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        apps.into_iter()
    }

    /// What stands around a page of a section; `title` is a text of the page's language.
    pub(crate) fn frame(&self, section: Section, title: impl Into<String>) -> Frame {
        Frame::new(self, section, title.into())
    }

    /// Renders a page.
    pub(crate) fn page(&self, page: &impl Template) -> Response {
        self.page_with(StatusCode::OK, page)
    }

    fn page_with(&self, status: StatusCode, page: &impl Template) -> Response {
        self.rendered(status, page.render())
    }

    fn rendered(&self, status: StatusCode, page: askama::Result<String>) -> Response {
        match page {
            Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, page = self.address, "a page cannot be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// The page of a fault.
    pub(crate) fn fault_page(&self, fault: &Fault) -> Response {
        let words = fault.told(self.locale);
        let (said, detail) = match fault.is_of_api() {
            true => (fault.meaning(self.t).to_owned(), Some(words)),
            false => (words.text, None),
        };
        let page = FaultPage {
            frame: self.frame(Section::None, self.t.error),
            said,
            detail,
            field: fault.field.clone(),
        };
        self.page_with(fault.status, &page)
    }

    /// Goes to a page after something was done, which then says so.
    pub(crate) fn done(&self, address: &str) -> Response {
        let sign = if address.contains('?') { '&' } else { '?' };
        Redirect::to(&format!("{address}{sign}done=1")).into_response()
    }
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        Self::of(parts, console).await
    }
}

/// A form that was sent by a page of ours, by the person who is logged in.
pub(crate) struct Posted<T> {
    pub(crate) visit: Visit,
    pub(crate) form: T,
}

impl<T: DeserializeOwned> FromRequest<Console> for Posted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let (visit, body) = receive(request, console).await?;
        let form = serde_urlencoded::from_bytes(&body).map_err(|error| {
            let why = error.to_string();
            let why = [("why", &*why)];
            Fault::text(StatusCode::BAD_REQUEST, |t| t.form_unread, &why).into_response()
        })?;
        Ok(Self { visit, form })
    }
}

/// The body of a form, if it was sent by a page of ours.
async fn receive(request: Request, console: &Console) -> Result<(Visit, Bytes), Response> {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST_FORM_BYTES)
        .await
        .map_err(|_| Fault::text(StatusCode::PAYLOAD_TOO_LARGE, |t| t.form_too_large, &[]))
        .map_err(IntoResponse::into_response)?;
    let visit = match Visit::of(&mut parts, console).await {
        Ok(visit) => visit,
        Err(response) if response.status() == StatusCode::UNAUTHORIZED => {
            return Err(ask_to_log_in_again(&parts, &body));
        }
        Err(response) => return Err(response),
    };
    if !visit.is_ours(&body) {
        let fault = Fault::text(StatusCode::FORBIDDEN, |t| t.form_of_another, &[]);
        return Err(fault.into_response());
    }
    Ok((visit, body))
}

/// The language that was chosen, else the first one that the browser asks for and is there.
pub(crate) fn locale(headers: &HeaderMap) -> Locale {
    let chosen = session::cookie(headers, LANGUAGE).and_then(|name| Locale::named(&name));
    chosen
        .or_else(|| {
            let asked = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
            asked.split(',').find_map(Locale::named)
        })
        .unwrap_or(Locale::En)
}

/// Notes on a page how far its figures lag.
impl<T> Reply<T> {
    /// The body; `frame` says that something is missing where it is.
    pub(crate) fn told(self, frame: &mut Frame) -> T {
        frame.is_behind |= self.lag_ms > 0;
        self.body
    }
}
