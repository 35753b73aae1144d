//! One app: its settings of all kinds, its credentials, its state.

use std::collections::HashMap;

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use reportd_platform::zones::Zone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app_forms::{APP_FORMS, AppForm};
use super::apps::secrets_of;
use super::form::{Field, Form, Input};
use super::{Pairs, Posted, SettingsTexts, frame, managed, secrets, with_status};
use crate::api::fill_path;
use crate::fault::Fault;
use crate::format::moment;
use crate::frame::Frame;
use crate::texts::fill;
use crate::visit::Visit;

/// How long a replaced credential works where nobody says.
const GRACE: &str = "24h";

#[derive(Deserialize)]
struct App {
    app_id: String,
    zone: String,
    zone_fixed: bool,
    disabled: bool,
    settings: HashMap<String, String>,
    credentials: Vec<Credential>,
}

#[derive(Deserialize)]
struct Credential {
    kind: String,
    created_at: i64,
    expires_at: Option<i64>,
}

/// A part of the page with a form.
struct Part {
    title: &'static str,
    warning: Option<&'static str>,
    /// Text and address of the page where the rest of it is.
    rest: Option<(&'static str, String)>,
    form: Form,
}

/// A kind of credential, and the form that replaces it.
struct Secret {
    name: &'static str,
    /// Since when, and until when, each of them is in force.
    states: Vec<String>,
    form: Form,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "settings_app.html")]
struct Page {
    frame: Frame,
    t: &'static SettingsTexts,
    is_disabled: bool,
    state: Form,
    parts: Vec<Part>,
    secrets: Vec<Secret>,
}

/// A form that was refused, by its id.
struct Refused {
    form: Form,
    fault: Fault,
}

pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Fault> {
    page(&visit, &id, None).await
}

async fn page(visit: &Visit, id: &str, refused: Option<Refused>) -> Result<Response, Fault> {
    let t = managed(visit)?;
    let call = visit.get("/api/apps/{}", &[id]);
    let mut frame = frame(visit, id).json(&call);
    let told: Value = call.send().await?;
    let app: App = serde_json::from_value(told.clone()).map_err(Fault::internal)?;
    let mut replies = HashMap::from([("/api/apps/{}", told)]);
    let mut parts = Vec::new();
    for known in APP_FORMS {
        if !replies.contains_key(known.path) {
            let call = visit.get(known.path, &[id]);
            frame = frame.json(&call);
            replies.insert(known.path, call.send().await?);
        }
        parts.push(part(visit, &app, known, &replies[known.path], &refused));
    }
    let page = Page {
        frame,
        t,
        is_disabled: app.disabled,
        state: state_form(visit, t, &app),
        parts,
        secrets: credentials(visit, t, &app, &refused),
    };
    let fault = refused.map(|refused| refused.fault);
    Ok(with_status(visit.page(&page), fault.as_ref()))
}

fn part(
    visit: &Visit,
    app: &App,
    known: &AppForm,
    told: &Value,
    refused: &Option<Refused>,
) -> Part {
    let t = SettingsTexts::of(visit.locale);
    let mut form = known.form(visit, &app.app_id).filled(told).dated();
    let zone = form.fields.iter_mut().find(|field| field.name == "zone");
    if let (Some(zone), true) = (zone, app.zone_fixed) {
        *zone = zone.clone().hint(t.zone_is_fixed);
    }
    let mode = app.settings.get("dialogue.aes_mode");
    let is_ecb = mode.is_some_and(|mode| mode.ends_with("ecb"));
    if let Some(refused) = refused
        .as_ref()
        .filter(|refused| refused.form.id == known.id)
    {
        // Who sends it again has been told of what stands now.
        form = Form {
            was: form.was,
            ..refused.form.clone()
        };
    }
    Part {
        title: known.title(t),
        warning: (known.id == "cipher" && is_ecb).then_some(t.ecb_warning),
        rest: (known.id == "playback").then(|| {
            let address = fill_path("/console/apps/{}/playback/access", &[&app.app_id]);
            (t.session_keys, address)
        }),
        form,
    }
}

fn state_form(visit: &Visit, t: &SettingsTexts, app: &App) -> Form {
    let action = fill_path("/console/settings/apps/{}/state", &[&app.app_id]);
    let button = if app.disabled {
        t.enable_app
    } else {
        t.disable_app
    };
    let form = Form::new("state", action, &visit.csrf, button);
    let value = (!app.disabled).to_string();
    let form = form.fields(vec![
        Field::new("disabled", "", Input::Hidden).value(&value),
    ]);
    match app.disabled {
        true => form,
        false => form.danger(t.disable_app_question.to_owned()),
    }
}

fn rotate_form(visit: &Visit, app: &str, kind: &'static str) -> Form {
    let t = SettingsTexts::of(visit.locale);
    let action = fill_path("/console/settings/apps/{}/credentials/{}", &[app, kind]);
    let form = Form::new(kind, action, &visit.csrf, t.rotate);
    form.danger(t.rotate_question.to_owned()).fields(vec![
        Field::new("grace", t.grace, Input::Text)
            .value(GRACE)
            .hint(t.grace_hint)
            .required(),
        Field::new("secret", t.own_value, Input::Secret).hint(t.own_secrets_hint),
    ])
}

/// The kinds of credentials, by their names.
fn kinds(t: &SettingsTexts) -> [(&'static str, &'static str); 5] {
    [
        ("comm_token", t.comm_token),
        ("appkey", t.appkey),
        ("master_secret", t.master_secret),
        ("aes_key", t.aes_key),
        ("callback_secret", t.callback_secret),
    ]
}

fn credentials(
    visit: &Visit,
    t: &SettingsTexts,
    app: &App,
    refused: &Option<Refused>,
) -> Vec<Secret> {
    let zone = Zone::named(&app.zone).ok();
    let time = |at_ms: i64| {
        zone.as_ref()
            .map_or(String::new(), |zone| moment(at_ms, zone))
    };
    let state = |credential: &Credential| match credential.expires_at {
        Some(end) => fill(t.until, &[("time", &time(end))]),
        None => fill(t.since, &[("time", &time(credential.created_at))]),
    };
    let secret = |(kind, name)| {
        let own = app.credentials.iter().filter(|one| one.kind == kind);
        let refused = refused.as_ref().filter(|refused| refused.form.id == kind);
        Secret {
            name,
            states: own.map(state).collect(),
            form: match refused {
                Some(refused) => refused.form.clone(),
                None => rotate_form(visit, &app.app_id, kind),
            },
            is_open: refused.is_some(),
        }
    };
    kinds(t).into_iter().map(secret).collect()
}

pub(super) async fn save(
    Path((id, form)): Path<(String, String)>,
    Posted { visit, form: pairs }: Posted<Pairs>,
) -> Result<Response, Fault> {
    managed(&visit)?;
    let known = APP_FORMS.iter().find(|known| known.id == form);
    let known = known.ok_or_else(|| Fault::not_found(|t| t.no_page))?;
    let posted = known.form(&visit, &id).sent(&pairs);
    let saved: Result<Value, Fault> = match posted.body() {
        Ok(body) => put(&visit, &id, known, &body, pairs.get("was")).await,
        Err(fault) => Err(fault),
    };
    match saved {
        Ok(_) => Ok(visit.done(&fill_path("/console/settings/apps/{}", &[&id]))),
        Err(fault) => {
            let form = posted.refused(&fault, visit.locale);
            page(&visit, &id, Some(Refused { form, fault })).await
        }
    }
}

/// Saves a form, unless somebody has changed what it was filled from. Where that says the same already, it was sent twice.
async fn put(
    visit: &Visit,
    id: &str,
    known: &AppForm,
    body: &Value,
    was: &str,
) -> Result<Value, Fault> {
    let told: Value = visit.get(known.path, &[id]).send().await?;
    let now = known.form(visit, id).filled(&told).body()?;
    let is_changed = serde_json::from_str::<Value>(was).is_ok_and(|was| was != now);
    if is_changed && now != *body {
        let t = SettingsTexts::of(visit.locale);
        return Err(Fault::said(StatusCode::CONFLICT, t.changed_meanwhile));
    }
    let call = visit.call((known.method)(), known.path, &[id]);
    call.json(body).send().await
}

pub(super) async fn set_state(
    Path(id): Path<String>,
    Posted { visit, form }: Posted<Pairs>,
) -> Result<Response, Fault> {
    managed(&visit)?;
    let disabled = form.get("disabled") == "true";
    let call = visit.call(Method::PATCH, "/api/apps/{}", &[&id]);
    let _: Value = call.json(&json!({ "disabled": disabled })).send().await?;
    Ok(visit.done(&fill_path("/console/settings/apps/{}", &[&id])))
}

pub(super) async fn rotate(
    Path((id, kind)): Path<(String, String)>,
    Posted { visit, form }: Posted<Pairs>,
) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let known = kinds(t).into_iter().find(|(known, _)| *known == kind);
    let Some((kind, _)) = known else {
        return Err(Fault::not_found(|t| t.no_page));
    };
    let posted = rotate_form(&visit, &id, kind).sent(&form);
    let path = "/api/apps/{}/credentials/{}/rotate";
    let call = visit.call(Method::POST, path, &[&id, kind]);
    match call.json(&posted.body()?).send::<Value>().await {
        Ok(told) => {
            let back = fill_path("/console/settings/apps/{}", &[&id]);
            secrets::page(&visit, &id, &told, &secrets_of(t), back)
        }
        Err(fault) => {
            let form = posted.refused(&fault, visit.locale);
            page(&visit, &id, Some(Refused { form, fault })).await
        }
    }
}
