//! How sites and players get in: session keys, and sessions that are issued by hand.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use super::texts::PlaybackTexts;
use super::{address, frame};
use crate::api::fill_path;
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::frame::Frame;
use crate::visit::Visit;

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    id: i64,
    kid: String,
    algorithm: String,
    public_key: Option<String>,
    created_at: i64,
}

/// A session key, as it is shown.
struct KeyShown {
    id: i64,
    kid: String,
    algorithm: String,
    public_key: Option<String>,
    created_at: String,
}

#[derive(Template)]
#[template(path = "playback/access.html")]
struct AccessPage {
    frame: Frame,
    t: &'static PlaybackTexts,
    /// The address of this page, to which its forms add.
    page: String,
    keys: Vec<KeyShown>,
    /// What was not taken, above the form as it was filled in.
    refused: Option<Refused>,
    /// Where the rest of what lets players in is set.
    settings: String,
}

impl AccessPage {
    fn kid(&self) -> &str {
        self.refused.as_ref().map_or("", |refused| &refused.kid)
    }

    /// What the form calls a member of the call.
    fn label_of_path<'a>(&self, path: &'a str) -> &'a str {
        match path {
            "secret" | "public_key" => self.t.key_text,
            "keys" => self.t.keys,
            other => other,
        }
    }

    fn is_algorithm(&self, name: &str) -> bool {
        let refused = self.refused.as_ref();
        refused.is_some_and(|refused| refused.algorithm == name)
    }
}

/// A key that was not taken; the key itself is not shown again.
pub(super) struct Refused {
    pub(super) kid: String,
    pub(super) algorithm: String,
    pub(super) fault: Fault,
}

/// Access is for admins; the API refuses others anyway.
pub(super) fn check_may_manage(visit: &Visit) -> Result<(), Fault> {
    if visit.may(Permission::Manage) {
        return Ok(());
    }
    let t = PlaybackTexts::of(visit.locale);
    Err(Fault::said(StatusCode::FORBIDDEN, t.access_for_admins))
}

pub(super) async fn show(visit: Visit, Path(app): Path<String>) -> Result<Response, Fault> {
    page(&visit, &app, None).await
}

/// The page, also where a key was not taken.
pub(super) async fn page(
    visit: &Visit,
    app: &str,
    refused: Option<Refused>,
) -> Result<Response, Fault> {
    let known = visit.app(app)?;
    check_may_manage(visit)?;
    let t = PlaybackTexts::of(visit.locale);
    let keys = visit.get("/api/apps/{}/session-keys", &[app]);
    let frame = frame(visit, app, t.access).json(&keys);
    let keys: Keys = keys.send().await?;
    let shown = |key: Key| KeyShown {
        id: key.id,
        kid: headline(&key.kid),
        algorithm: key.algorithm,
        public_key: key.public_key,
        created_at: format::moment(key.created_at, &known.zone),
    };
    let status = refused.as_ref().map(|refused| refused.fault.status);
    let mut response = visit.page(&AccessPage {
        frame,
        t,
        page: address(app, "/access", &[]),
        keys: keys.keys.into_iter().map(shown).collect(),
        refused,
        settings: fill_path("/console/settings/apps/{}#playback", &[app]),
    });
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    Ok(response)
}
