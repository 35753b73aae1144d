//! All apps, and new ones.

use askama::Template;
use axum::extract::Query;
use axum::http::Method;
use axum::response::Response;
use reportd_platform::apps::DEFAULT_ZONE;
use serde::Deserialize;
use serde_json::Value;

use super::form::{Field, Form, Input};
use super::{Pairs, Posted, SettingsTexts, frame, managed, secrets, with_status};
use crate::api::fill_path;
use crate::csv;
use crate::fault::Fault;
use crate::frame::Frame;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

#[derive(Deserialize)]
struct App {
    app_id: String,
    name: String,
    zone: String,
    disabled: bool,
    credentials: Vec<Credential>,
}

#[derive(Deserialize)]
struct Credential {
    expires_at: Option<i64>,
}

#[derive(Deserialize)]
struct Apps {
    apps: Vec<App>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    pub(super) csv: Option<String>,
}

#[derive(Template)]
#[template(path = "settings_list.html")]
struct Page {
    frame: Frame,
    table: Table,
    title: &'static str,
    form: Option<Form>,
    /// Beside the form.
    second: Option<(&'static str, Form)>,
}

pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    list(&visit, asked.csv.is_some(), new_app(&visit, t), None).await
}

async fn list(
    visit: &Visit,
    is_csv: bool,
    form: Form,
    refused: Option<Fault>,
) -> Result<Response, Fault> {
    let t = managed(visit)?;
    let call = visit.get("/api/apps", &[]);
    let frame = frame(visit, t.apps).json(&call);
    let told: Apps = call.send().await?;
    let heads = [t.app_id, t.name, t.zone, t.state];
    let mut table = Table::new(visit.locale, "apps", "", &heads).with_csv("/console/settings/apps");
    for app in &told.apps {
        let address = fill_path("/console/settings/apps/{}", &[&app.app_id]);
        let state = if app.disabled { t.disabled } else { t.enabled };
        let mut state = Cell::text(state);
        let in_grace = app
            .credentials
            .iter()
            .filter(|one| one.expires_at.is_some());
        let in_grace = in_grace.count();
        if in_grace > 0 {
            state = state.noted(fill(t.in_grace, &[("n", &in_grace.to_string())]));
        }
        table.push(vec![
            Cell::text(&app.app_id).to(address),
            Cell::text(&app.name),
            Cell::text(&app.zone),
            state,
        ]);
    }
    if is_csv {
        return Ok(csv::reply(&table));
    }
    let page = Page {
        frame,
        table,
        title: t.new_app,
        form: (!super::is_limited(visit)).then_some(form),
        second: None,
    };
    Ok(with_status(visit.page(&page), refused.as_ref()))
}

fn new_app(visit: &Visit, t: &SettingsTexts) -> Form {
    let address = "/console/settings/apps".to_owned();
    let secret = |name, label: &str| Field::new(name, label, Input::Secret);
    Form::new("new-app", address, &visit.csrf, t.create_app).fields(vec![
        Field::new("app_id", t.app_id, Input::Text)
            .hint(t.app_id_hint)
            .required(),
        Field::new("name", t.name, Input::Optional).hint(t.app_name_hint),
        Field::new("zone", t.zone, Input::Text)
            .value(DEFAULT_ZONE)
            .hint(t.zone_hint)
            .required(),
        secret("comm_token", t.comm_token).hint(t.own_secrets_hint),
        secret("appkey", t.appkey),
        secret("master_secret", t.master_secret),
        secret("aes_key", t.aes_key),
    ])
}

/// What the API tells of credentials, with the name of each.
pub(super) fn secrets_of(t: &SettingsTexts) -> [(&'static str, &'static str); 8] {
    [
        ("app_id", t.app_id),
        ("comm_token", t.comm_token),
        ("appkey", t.appkey),
        ("master_secret", t.master_secret),
        ("aes_key", t.aes_key),
        ("aes_mode", t.aes_mode),
        ("aes_iv", t.aes_iv),
        ("callback_secret", t.callback_secret),
    ]
}

pub(super) async fn create(Posted { visit, form }: Posted<Pairs>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let posted = new_app(&visit, t).sent(&form);
    let made: Result<Value, Fault> = match posted.body() {
        Ok(body) => {
            let call = visit.call(Method::POST, "/api/apps", &[]).json(&body);
            call.send().await
        }
        Err(fault) => Err(fault),
    };
    match made {
        Ok(told) => {
            let id = form.get("app_id").trim();
            let back = fill_path("/console/settings/apps/{}", &[id]);
            secrets::page(&visit, id, &told, &secrets_of(t), back)
        }
        Err(fault) => {
            let form = posted.refused(&fault, visit.locale);
            list(&visit, false, form, Some(fault)).await
        }
    }
}
