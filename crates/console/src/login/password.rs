//! The change of one's own password.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use reportd_platform::people::{PASSWORD_CHARS, PeopleError, password_of, set_password};
use reportd_platform::secret::Secret;
use serde::Deserialize;

use super::guard::check;
use super::kept::Kept;
use super::pages::resume;
use super::texts::LoginTexts;
use super::{Destination, From, session_cookie, told};
use crate::Console;
use crate::fault::Fault;
use crate::frame::{Frame, Section};
use crate::session;
use crate::texts::fill;
use crate::visit::{Posted, Visit};

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/console/password", get(show).post(change))
}

#[derive(Template)]
#[template(path = "login_password.html")]
struct PasswordPage<'a> {
    frame: Frame,
    t: &'static LoginTexts,
    kept: &'a Kept,
    why: &'a str,
    rule: String,
    must_change: bool,
}

/// The page, with what is to be done after it.
pub(super) fn page(visit: &Visit, kept: &Kept, status: StatusCode, why: &str) -> Response {
    let t = LoginTexts::of(visit.locale);
    let mut frame = visit.frame(Section::None, t.change);
    if visit.must_change {
        // They would all lead back here.
        frame.sections.clear();
    }
    let page = PasswordPage {
        frame,
        t,
        kept,
        why,
        rule: with_length(t.rule),
        must_change: visit.must_change,
    };
    let mut response = visit.page(&page);
    *response.status_mut() = status;
    response
}

fn with_length(text: &str) -> String {
    let (least, most) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
    fill(
        text,
        &[("least", &least.to_string()), ("most", &most.to_string())],
    )
}

async fn show(visit: Visit, Query(asked): Query<Destination>) -> Response {
    page(&visit, &Kept::page(&asked.to), StatusCode::OK, "")
}

/// What the page sends.
#[derive(Deserialize)]
struct ChangeForm {
    current: Secret,
    new: Secret,
    again: Secret,
    #[serde(flatten)]
    kept: Kept,
}

async fn change(
    State(console): State<Console>,
    From(address): From,
    Posted { visit, form }: Posted<ChangeForm>,
) -> Response {
    let t = LoginTexts::of(visit.locale);
    let refuse = |status, why: &str| page(&visit, &form.kept, status, why);
    if form.new != form.again {
        return refuse(StatusCode::BAD_REQUEST, t.differ);
    }
    if form.new == form.current {
        return refuse(StatusCode::BAD_REQUEST, t.same);
    }
    let name = visit.person.name.clone();
    if let Err(refused) = check(&console, &name, form.current, address).await {
        let (status, why, _) = told(&refused, t, t.wrong_current);
        return refuse(status, &why);
    }
    match set(&console, &name, form.new).await {
        Ok(secret) => {
            let cookie = session_cookie(&console, &visit.headers, Some(&secret));
            let mut response = match form.kept.has_form() {
                true => resume(&visit.with_session(&secret), &form.kept).await,
                false => Redirect::to(form.kept.to()).into_response(),
            };
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(PeopleError::Invalid { .. }) => refuse(StatusCode::BAD_REQUEST, &with_length(t.length)),
        Err(PeopleError::Db(error)) => Fault::from(error).into_text(),
        Err(error) => {
            tracing::error!(%error, "a password could not be changed");
            refuse(StatusCode::SERVICE_UNAVAILABLE, t.busy)
        }
    }
}

/// Sets the password, which ends all sessions of the person, and begins a new one.
async fn set(console: &Console, name: &str, new: Secret) -> Result<Secret, PeopleError> {
    let logins = &console.logins;
    let random = std::sync::Arc::clone(&logins.random);
    let hash = logins.verifier.hash(new, random).await?;
    let of = name.to_owned();
    let write = move |tx: &mut reportd_db::Tx<'_>| {
        set_password(tx, &of, &hash, false)?;
        let found = password_of(tx, &of)?;
        found.map_or(Err(PeopleError::Unknown(of.clone())), |(_, generation)| {
            Ok(generation)
        })
    };
    let generation = console.directory.db().write_async(write).await?;
    console.directory.refresh().await?;
    Ok(session::begin(console, name, generation).await?)
}
