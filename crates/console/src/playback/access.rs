//! How sites and players get in: session keys, sessions that are issued by hand, hosts, origins, and what counts as finished.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use super::texts::PlaybackTexts;
use super::{address, frame};
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

#[derive(Deserialize)]
struct Settings {
    playback_hosts: Vec<String>,
    cors_origins: Vec<String>,
    finish: Finish,
}

#[derive(Deserialize)]
struct Finish {
    within_s: i64,
    within_percent: i64,
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
    hosts: String,
    origins: String,
    within_s: i64,
    within_percent: i64,
}

/// Access is for admins; the API refuses others anyway.
pub(super) fn check_may_manage(visit: &Visit) -> Result<(), Fault> {
    if visit.may(Permission::Manage) {
        return Ok(());
    }
    let detail = "access of sites and players is for admins";
    Err(Fault::new(StatusCode::FORBIDDEN, detail, None))
}

pub(super) async fn show(visit: Visit, Path(app): Path<String>) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    check_may_manage(&visit)?;
    let t = PlaybackTexts::of(visit.locale);
    let keys = visit.get("/api/apps/{}/session-keys", &[&app]);
    let settings = visit.get("/api/apps/{}/playback/settings", &[&app]);
    let frame = frame(&visit, &app, t.access).json(&keys).json(&settings);
    let keys: Keys = keys.send().await?;
    let settings: Settings = settings.send().await?;
    let shown = |key: Key| KeyShown {
        id: key.id,
        kid: headline(&key.kid),
        algorithm: key.algorithm,
        public_key: key.public_key,
        created_at: format::moment(key.created_at, &known.zone),
    };
    Ok(visit.page(&AccessPage {
        frame,
        t,
        page: address(&app, "/access", &[]),
        keys: keys.keys.into_iter().map(shown).collect(),
        hosts: settings.playback_hosts.join("\n"),
        origins: settings.cors_origins.join("\n"),
        within_s: settings.finish.within_s,
        within_percent: settings.finish.within_percent,
    }))
}
