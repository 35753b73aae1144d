//! What is done on the page of access: keys come and go, sessions are issued, tokens revoked.

use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{Refused, page};
use super::texts::PlaybackTexts;
use super::{address, frame};
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::texts::fill;
use crate::told_once::{Told, ToldOnce};
use crate::visit::{Posted, Visit};

const SECONDS_OF_A_DAY: i64 = 86_400;

#[derive(Deserialize)]
pub(super) struct KeyForm {
    kid: String,
    algorithm: String,
    /// The shared secret, or the public key.
    key: String,
}

/// Adds a session key.
pub(super) async fn add_key(
    Path(app): Path<String>,
    posted: Posted<KeyForm>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit.app(&app)?;
    let member = match &*form.algorithm {
        "EdDSA" => "public_key",
        _ => "secret",
    };
    let body = json!({
        "kid": form.kid.trim(), "algorithm": form.algorithm, member: form.key.trim(),
    });
    let call = visit.call(Method::POST, "/api/apps/{}/session-keys", &[&app]);
    match call.json(&body).send::<Value>().await {
        Ok(_) => Ok(visit.done(&address(&app, "/access", &[]))),
        Err(fault) => {
            let refused = Refused {
                kid: form.kid,
                algorithm: form.algorithm,
                fault,
            };
            page(&visit, &app, Some(refused)).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct KeyIdForm {
    id: String,
}

/// Removes a session key.
pub(super) async fn remove_key(
    Path(app): Path<String>,
    posted: Posted<KeyIdForm>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit.app(&app)?;
    let path = "/api/apps/{}/session-keys/{}";
    let call = visit.call(Method::DELETE, path, &[&app, &form.id]);
    call.send::<Value>().await?;
    Ok(visit.done(&address(&app, "/access", &[])))
}

#[derive(Deserialize)]
pub(super) struct TokenForm {
    mid: String,
    jti: String,
    exp: Option<String>,
}

/// Revokes a token of the site's own login service.
pub(super) async fn revoke_token(
    Path(app): Path<String>,
    posted: Posted<TokenForm>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit.app(&app)?;
    let path = "/api/apps/{}/viewers/{}/sessions/{}";
    let id = format!("jti:{}", form.jti.trim());
    let call = visit.call(Method::DELETE, path, &[&app, form.mid.trim(), &id]);
    let call = call.maybe("exp", form.exp.as_deref().map(str::trim));
    call.send::<Value>().await?;
    Ok(visit.done(&address(&app, "/access", &[])))
}

#[derive(Deserialize)]
pub(super) struct IssueForm {
    /// On the page of access.
    mid: Option<String>,
    label: String,
    life_days: String,
}

/// A session with its secrets.
#[derive(Deserialize)]
struct Issued {
    id: i64,
    #[serde(rename = "SESSDATA")]
    sessdata: String,
    csrf: String,
    access_key: String,
    expires_at: i64,
}

/// Issues a session on the page of a viewer.
pub(super) async fn issue(
    Path((app, mid)): Path<(String, String)>,
    posted: Posted<IssueForm>,
) -> Result<Response, Fault> {
    issued(&posted.visit, (&app, &mid), &posted.form).await
}

/// Issues a session on the page of access.
pub(super) async fn issue_by_form(
    Path(app): Path<String>,
    posted: Posted<IssueForm>,
) -> Result<Response, Fault> {
    let mid = posted.form.mid.as_deref().unwrap_or_default().trim();
    issued(&posted.visit, (&app, mid), &posted.form).await
}

/// The page with the secrets of a new session: the reply itself, since they are told this once and stand in no address.
async fn issued(
    visit: &Visit,
    (app, mid): (&str, &str),
    form: &IssueForm,
) -> Result<Response, Fault> {
    let known = visit.app(app)?;
    let t = PlaybackTexts::of(visit.locale);
    let mut body = json!({ "label": form.label.trim() });
    if !form.life_days.trim().is_empty() {
        let days = form.life_days.trim().parse::<i64>().ok();
        let days = days.filter(|days| *days > 0);
        let days =
            days.ok_or_else(|| Fault::said(StatusCode::BAD_REQUEST, t.no_life).at("life_days"))?;
        body["life_seconds"] = json!(days.saturating_mul(SECONDS_OF_A_DAY));
    }
    let path = "/api/apps/{}/viewers/{}/sessions";
    let call = visit.call(Method::POST, path, &[app, mid]);
    let issued: Issued = call.json(&body).send().await?;
    let title = fill(t.issued_title, &[("mid", &headline(mid))]);
    let secret = |name, value| Told {
        name,
        value,
        is_secret: true,
    };
    let fact = |name, value| Told {
        name,
        value,
        is_secret: false,
    };
    let mut told = vec![
        secret("SESSDATA", issued.sessdata),
        secret("csrf (bili_jct)", issued.csrf),
        secret("access_key", issued.access_key),
        fact(t.number, issued.id.to_string()),
        fact(t.label, headline(&form.label)),
        fact(t.expires_at, format::moment(issued.expires_at, &known.zone)),
    ];
    told.retain(|one| !one.value.is_empty());
    Ok(visit.page(&ToldOnce {
        frame: frame(visit, app, title),
        told,
        note: "",
        ways: vec![
            (t.back_to_viewer, address(app, "/viewers/{}", &[mid])),
            (t.back_to_access, address(app, "/access", &[])),
        ],
    }))
}
