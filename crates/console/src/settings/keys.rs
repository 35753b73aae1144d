//! API keys.

use askama::Template;
use axum::extract::Query;
use axum::http::Method;
use axum::response::Response;
use reportd_platform::zones::Zone;
use serde::Deserialize;
use serde_json::Value;

use super::apps::Asked;
use super::form::{Field, Form, Input};
use super::{
    Pairs, Posted, SettingsTexts, app_choices, frame, managed, role_choices, secrets, with_status,
};
use crate::csv;
use crate::fault::Fault;
use crate::format::moment;
use crate::frame::Frame;
use crate::table::{Cell, Table};
use crate::visit::Visit;

const ADDRESS: &str = "/console/settings/keys";
const ROLES: &[&str] = &["viewer", "ingest", "moderator", "lead", "admin"];

#[derive(Deserialize)]
struct Key {
    name: String,
    role: String,
    app_id: Option<String>,
    categories: Option<Vec<String>>,
    created_at: i64,
    revoked_at: Option<i64>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Template)]
#[template(path = "settings_list.html")]
struct Page {
    frame: Frame,
    table: Table,
    title: &'static str,
    form: Option<Form>,
    second: Option<(&'static str, Form)>,
}

pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let form = new_key(&visit, t).await?;
    list(&visit, asked.csv.is_some(), form, None).await
}

async fn list(
    visit: &Visit,
    is_csv: bool,
    form: Form,
    refused: Option<Fault>,
) -> Result<Response, Fault> {
    let t = managed(visit)?;
    let call = visit.get("/api/keys", &[]);
    let frame = frame(visit, t.keys).json(&call);
    let told: Keys = call.send().await?;
    let table = table(visit, t, &told.keys)?;
    if is_csv {
        return Ok(csv::reply(&table));
    }
    let in_force = told.keys.iter().filter(|key| key.revoked_at.is_none());
    let choices: Vec<_> = in_force
        .map(|key| (key.name.clone(), key.name.clone()))
        .collect();
    let revoke = Form::new(
        "revoke",
        format!("{ADDRESS}/revoke"),
        &visit.csrf,
        t.revoke_key,
    )
    .danger(t.revoke_question.to_owned())
    .fields(vec![
        Field::new("name", t.key, Input::Choice(choices.clone())).required(),
    ]);
    let page = Page {
        frame,
        table,
        title: t.new_key,
        form: Some(form),
        second: (!choices.is_empty()).then_some((t.revoke, revoke)),
    };
    Ok(with_status(visit.page(&page), refused.as_ref()))
}

fn table(visit: &Visit, t: &SettingsTexts, keys: &[Key]) -> Result<Table, Fault> {
    let zone = own_zone(visit)?;
    let heads = [t.name, t.role, t.only_app, t.categories, t.created, t.state];
    let mut table = Table::new(visit.locale, "keys", "", &heads).with_csv(ADDRESS);
    for key in keys {
        let state = match key.revoked_at {
            Some(at_ms) => Cell::text(t.revoked).noted(moment(at_ms, &zone)),
            None => Cell::text(t.in_force),
        };
        let categories = key.categories.as_ref().map(|all| all.join(", "));
        table.push(vec![
            Cell::text(&key.name),
            Cell::text(&key.role),
            Cell::text(key.app_id.as_deref().unwrap_or(t.all)),
            Cell::text(categories.as_deref().unwrap_or(t.all)),
            Cell::text(moment(key.created_at, &zone)),
            state,
        ]);
    }
    Ok(table)
}

/// The zone of what is of no one app: that of the first app, else what an app has that names none.
pub(super) fn own_zone(visit: &Visit) -> Result<Zone, Fault> {
    match visit.apps().min_by_key(|app| app.no) {
        Some(app) => Ok(app.zone.clone()),
        None => Zone::named(reportd_platform::apps::DEFAULT_ZONE).map_err(Fault::internal),
    }
}

async fn new_key(visit: &Visit, t: &SettingsTexts) -> Result<Form, Fault> {
    let mut apps = app_choices(visit).await?;
    if !super::is_limited(visit) {
        apps.insert(0, (String::new(), t.all.to_owned()));
    }
    let form = Form::new("new-key", ADDRESS.to_owned(), &visit.csrf, t.create_key);
    Ok(form.fields(vec![
        Field::new("name", t.name, Input::Text)
            .hint(t.key_name_hint)
            .required(),
        Field::new("role", t.role, Input::Choice(role_choices(t, ROLES))),
        Field::new("app_id", t.only_app, Input::OptionalChoice(apps)),
        Field::new("categories", t.categories, Input::Lines).hint(t.key_categories_hint),
    ]))
}

pub(super) async fn create(Posted { visit, form }: Posted<Pairs>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let posted = new_key(&visit, t).await?.sent(&form);
    let call = visit.call(Method::POST, "/api/keys", &[]);
    match call.json(&posted.body()?).send::<Value>().await {
        Ok(told) => {
            let name = form.get("name").trim();
            let members = [("name", t.name), ("key", t.key_text)];
            secrets::page(&visit, name, &told, &members, ADDRESS.to_owned())
        }
        Err(fault) => {
            let form = posted.refused(&fault, visit.locale);
            list(&visit, false, form, Some(fault)).await
        }
    }
}

pub(super) async fn revoke(Posted { visit, form }: Posted<Pairs>) -> Result<Response, Fault> {
    managed(&visit)?;
    let name = form.get("name");
    let call = visit.call(Method::DELETE, "/api/keys/{}", &[name]);
    call.send::<()>().await?;
    Ok(visit.done(ADDRESS))
}
