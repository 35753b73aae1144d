//! Settings: apps and their credentials, keys, people, and the settings of the server. For admins.
//!
//! Each form is [`form::Form`]: it is filled from what the API told, and its fields are the members of the call's body.
//! What the API refuses comes back as the same page, with what was sent, beside the field it is about.

mod app;
mod app_forms;
mod apps;
mod form;
mod keys;
mod people;
mod secrets;
mod server;
mod texts;

pub(crate) use self::app_forms::of_app as form_of_app;
pub(crate) use self::form::{Field, Input};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use reportd_platform::access::Permission;
use serde::Deserialize;

use self::texts::SettingsTexts;
use crate::Console;
use crate::fault::Fault;
use crate::frame::{Frame, Section};
use crate::pairs::Pairs;
use crate::visit::{Posted, Visit};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/settings", get(begin))
        .route("/console/settings/apps", get(apps::show).post(apps::create))
        .route("/console/settings/apps/{app}", get(app::show))
        .route("/console/settings/apps/{app}/state", post(app::set_state))
        .route(
            "/console/settings/apps/{app}/credentials/{kind}",
            post(app::rotate),
        )
        .route("/console/settings/apps/{app}/set/{form}", post(app::save))
        .route("/console/settings/keys", get(keys::show).post(keys::create))
        .route("/console/settings/keys/revoke", post(keys::revoke))
        .route(
            "/console/settings/people",
            get(people::show).post(people::create),
        )
        .route(
            "/console/settings/people/{name}",
            get(people::one).post(people::save),
        )
        .route(
            "/console/settings/people/{name}/password",
            post(people::password),
        )
        .route("/console/settings/people/{name}/state", post(people::state))
        .route("/console/settings/server", get(server::show))
}

async fn begin(visit: Visit) -> Result<Response, Fault> {
    managed(&visit)?;
    Ok(Redirect::to("/console/settings/apps").into_response())
}

/// The texts of the visit, where the person may see settings.
///
/// # Errors
/// 403. The API refuses anyway; this keeps pages from others that ask the API for nothing.
fn managed(visit: &Visit) -> Result<&'static SettingsTexts, Fault> {
    let t = SettingsTexts::of(visit.locale);
    if visit.may(Permission::Manage) {
        return Ok(t);
    }
    Err(Fault::said(StatusCode::FORBIDDEN, t.for_admins))
}

/// True where the person may touch some apps alone, and nothing of the server as a whole.
pub(crate) fn is_limited(visit: &Visit) -> bool {
    visit.person.apps.is_some()
}

/// What stands around a page of settings.
fn frame(visit: &Visit, title: &str) -> Frame {
    let t = SettingsTexts::of(visit.locale);
    let page = |path: &str| format!("/console/settings/{path}");
    let mut pages = vec![
        (t.apps, page("apps")),
        (t.keys, page("keys")),
        (t.people, page("people")),
    ];
    if !is_limited(visit) {
        pages.push((t.server, page("server")));
    }
    visit.frame(Section::Settings, title).pages(&pages)
}

/// A page that says what was refused has the status of the refusal.
fn with_status(mut response: Response, fault: Option<&Fault>) -> Response {
    if let Some(fault) = fault {
        *response.status_mut() = fault.status;
    }
    response
}

/// An app as forms name it.
#[derive(Deserialize)]
struct NamedApp {
    app_id: String,
    name: String,
}

#[derive(Deserialize)]
struct NamedApps {
    apps: Vec<NamedApp>,
}

/// The apps to choose from: id and text of each.
async fn app_choices(visit: &Visit) -> Result<Vec<(String, String)>, Fault> {
    let told: NamedApps = visit.get("/api/apps", &[]).send().await?;
    let choice = |app: NamedApp| {
        let text = if app.name == app.app_id {
            app.name
        } else {
            format!("{} ({})", app.name, app.app_id)
        };
        (app.app_id, text)
    };
    Ok(told.apps.into_iter().map(choice).collect())
}

/// The roles to choose from, with what each may do.
fn role_choices(t: &SettingsTexts, roles: &[&str]) -> Vec<(String, String)> {
    let choice = |role: &&str| {
        let text = role_text(t, role);
        ((*role).to_owned(), format!("{role} · {text}"))
    };
    roles.iter().map(choice).collect()
}

fn role_text(t: &SettingsTexts, role: &str) -> &'static str {
    match role {
        "ingest" => t.role_ingest,
        "viewer" => t.role_viewer,
        "moderator" => t.role_moderator,
        "lead" => t.role_lead,
        _ => t.role_admin,
    }
}

#[cfg(test)]
mod tests;
