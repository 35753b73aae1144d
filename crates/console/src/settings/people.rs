//! People of the console: what each may do, and new passwords.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::apps::Asked;
use super::form::{Field, Form, Input};
use super::keys::own_zone;
use super::{
    Pairs, Posted, SettingsTexts, app_choices, frame, managed, role_choices, secrets, with_status,
};
use crate::api::fill_path;
use crate::csv;
use crate::fault::Fault;
use crate::format::moment;
use crate::frame::Frame;
use crate::table::{Cell, Table};
use crate::visit::Visit;

const ADDRESS: &str = "/console/settings/people";
const ONE: &str = "/console/settings/people/{}";
const ROLES: &[&str] = &["viewer", "moderator", "lead", "admin"];

#[derive(Deserialize)]
struct Person {
    name: String,
    role: String,
    app_ids: Option<Vec<String>>,
    categories: Option<Vec<String>>,
    created_at: i64,
    disabled_at: Option<i64>,
}

#[derive(Deserialize)]
struct People<T> {
    people: Vec<T>,
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

#[derive(Template)]
#[template(path = "settings_person.html")]
struct PersonPage {
    frame: Frame,
    t: &'static SettingsTexts,
    is_disabled: bool,
    form: Form,
    password: Form,
    state: Form,
    back: &'static str,
}

pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let form = new_person(&visit, t).await?;
    list(&visit, asked.csv.is_some(), form, None).await
}

async fn list(
    visit: &Visit,
    is_csv: bool,
    form: Form,
    refused: Option<Fault>,
) -> Result<Response, Fault> {
    let t = managed(visit)?;
    let call = visit.get("/api/people", &[]);
    let frame = frame(visit, t.people).json(&call);
    let told: People<Person> = call.send().await?;
    let zone = own_zone(visit)?;
    let heads = [
        t.name,
        t.role,
        t.only_apps,
        t.categories,
        t.created,
        t.state,
    ];
    let mut table = Table::new(visit.locale, "people", "", &heads).with_csv(ADDRESS);
    for person in told.people {
        let all = |texts: Option<Vec<String>>| {
            texts.map_or_else(|| t.all.to_owned(), |texts| texts.join(", "))
        };
        let state = match person.disabled_at {
            Some(at_ms) => Cell::text(t.disabled).noted(moment(at_ms, &zone)),
            None => Cell::text(t.enabled),
        };
        table.push(vec![
            Cell::text(&person.name).to(fill_path(ONE, &[&person.name])),
            Cell::text(person.role),
            Cell::text(all(person.app_ids)),
            Cell::text(all(person.categories)),
            Cell::text(moment(person.created_at, &zone)),
            state,
        ]);
    }
    if is_csv {
        return Ok(csv::reply(&table));
    }
    let page = Page {
        frame,
        table,
        title: t.new_person,
        form: Some(form),
        second: None,
    };
    Ok(with_status(visit.page(&page), refused.as_ref()))
}

/// What a person may do, and where.
async fn limits(visit: &Visit, t: &SettingsTexts) -> Result<Vec<Field>, Fault> {
    let apps = app_choices(visit).await?;
    Ok(vec![
        Field::new("role", t.role, Input::Choice(role_choices(t, ROLES))),
        Field::new("app_ids", t.only_apps, Input::Checks(apps)).hint(t.only_apps_hint),
        Field::new("categories", t.categories, Input::Lines).hint(t.person_categories_hint),
    ])
}

async fn new_person(visit: &Visit, t: &SettingsTexts) -> Result<Form, Fault> {
    let mut fields = vec![Field::new("name", t.name, Input::Text).required()];
    fields.extend(limits(visit, t).await?);
    let form = Form::new(
        "new-person",
        ADDRESS.to_owned(),
        &visit.csrf,
        t.create_person,
    );
    Ok(form.fields(fields))
}

pub(super) async fn create(Posted { visit, form }: Posted<Pairs>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let posted = new_person(&visit, t).await?.sent(&form);
    let call = visit.call(Method::POST, "/api/people", &[]);
    match call.json(&posted.body()?).send::<Value>().await {
        Ok(told) => {
            let name = form.get("name").trim();
            tell_password(&visit, name, &told, ADDRESS.to_owned())
        }
        Err(fault) => {
            let form = posted.refused(&fault, visit.locale);
            list(&visit, false, form, Some(fault)).await
        }
    }
}

fn tell_password(visit: &Visit, name: &str, told: &Value, back: String) -> Result<Response, Fault> {
    let t = managed(visit)?;
    let members = [("name", t.name), ("password", t.password)];
    secrets::page(visit, name, told, &members, back)
}

pub(super) async fn one(visit: Visit, Path(name): Path<String>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let person = find(&visit, &name).await?;
    let form = edit(&visit, t, &name).await?.filled(&person);
    person_page(&visit, &person, form, None)
}

/// The person of that name, as the API tells it.
async fn find(visit: &Visit, name: &str) -> Result<Value, Fault> {
    let told: People<Value> = visit.get("/api/people", &[]).send().await?;
    let found = told.people.into_iter().find(|one| one["name"] == name);
    found.ok_or_else(|| Fault::text(StatusCode::NOT_FOUND, |t| t.no_such, &[("name", name)]))
}

async fn edit(visit: &Visit, t: &SettingsTexts, name: &str) -> Result<Form, Fault> {
    let form = Form::new("person", fill_path(ONE, &[name]), &visit.csrf, visit.t.save);
    Ok(form.fields(limits(visit, t).await?))
}

fn person_page(
    visit: &Visit,
    person: &Value,
    form: Form,
    refused: Option<&Fault>,
) -> Result<Response, Fault> {
    let t = managed(visit)?;
    let name = person["name"].as_str().unwrap_or_default();
    let is_disabled = !person["disabled_at"].is_null();
    let address = |end: &str| fill_path(&format!("{ONE}/{end}"), &[name]);
    let password = Form::new("password", address("password"), &visit.csrf, t.new_password);
    let button = if is_disabled {
        t.enable_person
    } else {
        t.disable_person
    };
    let value = (!is_disabled).to_string();
    let state = Form::new("state", address("state"), &visit.csrf, button).fields(vec![
        Field::new("disabled", "", Input::Hidden).value(&value),
    ]);
    let page = PersonPage {
        frame: frame(visit, name),
        t,
        is_disabled,
        form,
        password: password.danger(t.new_password_question.to_owned()),
        state: match is_disabled {
            true => state,
            false => state.danger(t.disable_person_question.to_owned()),
        },
        back: ADDRESS,
    };
    Ok(with_status(visit.page(&page), refused))
}

pub(super) async fn save(
    Path(name): Path<String>,
    Posted { visit, form }: Posted<Pairs>,
) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let posted = edit(&visit, t, &name).await?.sent(&form);
    let call = visit.call(Method::PATCH, "/api/people/{}", &[&name]);
    match call.json(&posted.body()?).send::<Value>().await {
        Ok(_) => Ok(visit.done(&fill_path(ONE, &[&name]))),
        Err(fault) => {
            let person = find(&visit, &name).await?;
            person_page(
                &visit,
                &person,
                posted.refused(&fault, visit.locale),
                Some(&fault),
            )
        }
    }
}

pub(super) async fn password(
    Path(name): Path<String>,
    Posted { visit, .. }: Posted<Pairs>,
) -> Result<Response, Fault> {
    managed(&visit)?;
    let call = visit.call(Method::POST, "/api/people/{}/password", &[&name]);
    let told: Value = call.send().await?;
    tell_password(&visit, &name, &told, fill_path(ONE, &[&name]))
}

pub(super) async fn state(
    Path(name): Path<String>,
    Posted { visit, form }: Posted<Pairs>,
) -> Result<Response, Fault> {
    managed(&visit)?;
    let disabled = form.get("disabled") == "true";
    let call = visit.call(Method::PATCH, "/api/people/{}", &[&name]);
    let _: Value = call.json(&json!({ "disabled": disabled })).send().await?;
    Ok(visit.done(&fill_path(ONE, &[&name])))
}
