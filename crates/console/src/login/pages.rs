//! The login page, and the page of a form that was kept.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::forms::Found;
use super::kept::Kept;
use super::texts::LoginTexts;
use crate::assets;
use crate::frame::{Frame, Section};
use crate::headers;
use crate::moderation;
use crate::session;
use crate::texts::{Locale, Texts};
use crate::visit::{self, Visit};

/// The login page.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    locale: Locale,
    common: &'static Texts,
    t: &'static LoginTexts,
    kept: &'a Kept,
    why: &'a str,
    /// This page again in the other language.
    other_language: String,
    /// Asked for at once: a browser sends no cookie with a link from elsewhere, but with this.
    look_again: bool,
}

impl LoginPage<'_> {
    fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

pub(super) fn login_page(
    request: &HeaderMap,
    status: StatusCode,
    kept: &Kept,
    why: &str,
) -> Response {
    let locale = visit::locale(request);
    let here = session::login_address(kept.to());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("to", &here);
    let from_elsewhere = headers::text(request, "sec-fetch-site") == Some("cross-site");
    let page = LoginPage {
        locale,
        common: Texts::of(locale),
        t: LoginTexts::of(locale),
        kept,
        why,
        other_language: format!("/console/language?{}", query.finish()),
        look_again: from_elsewhere && status == StatusCode::OK,
    };
    match page.render() {
        Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the login page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A form that was kept, to be looked at and sent.
#[derive(Template)]
#[template(path = "login_resume.html")]
struct ResumePage<'a> {
    frame: Frame,
    t: &'static LoginTexts,
    kept: &'a Kept,
    /// What is sent, and of what.
    about: String,
    /// What people read of it: text and value.
    shown: Vec<(String, String)>,
    /// All that is sent; none where the form is another's.
    fields: Option<Vec<(String, String)>>,
}

/// Goes on with a form that was kept, where the same person has logged in again.
pub(super) async fn resume(visit: &Visit, kept: &Kept) -> Response {
    let Some(found) = Found::at(kept.to()) else {
        return Redirect::to(kept.back()).into_response();
    };
    let fields = kept.fields(&found);
    let is_own = kept.is_of(&visit.person.name);
    if let Some(ticket) = found.ticket().filter(|_| is_own) {
        let shown = moderation::resume(visit, ticket, fields).await;
        return shown.unwrap_or_else(|fault| visit.fault_page(&fault));
    }
    let shown = match is_own {
        true => shown(visit, &found, &fields).await,
        false => Vec::new(),
    };
    let t = LoginTexts::of(visit.locale);
    visit.page(&ResumePage {
        frame: visit.frame(Section::None, t.resume),
        t,
        kept,
        about: found.title(visit.locale),
        shown,
        fields: is_own.then_some(fields),
    })
}

/// What people read of a form: label and value of each field, as the form showed them.
async fn shown(visit: &Visit, found: &Found, fields: &[(String, String)]) -> Vec<(String, String)> {
    let app = fields.iter().find(|(name, _)| name == "app");
    let app = app.map_or("", |(_, app)| app);
    let mut shown = Vec::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let Some(label) = found.label(visit.locale, name) else {
            continue;
        };
        let text = match found.is_label(name) {
            true => moderation::label_text(visit, app, value).await,
            false => found.text(visit.locale, name, value),
        };
        shown.push((label, text));
    }
    shown
}
