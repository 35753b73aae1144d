//! What is done to one viewer: sessions end, deletes are undone, and all is erased.

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use reportd_platform::access::Permission;
use serde::Deserialize;
use serde_json::json;

use super::texts::PlaybackTexts;
use super::viewer::check_may_see;
use super::{address, frame};
use crate::fault::Fault;
use crate::format::headline;
use crate::frame::Frame;
use crate::texts::fill;
use crate::visit::{Posted, Visit};

#[derive(Deserialize)]
pub(super) struct SessionForm {
    id: String,
}

/// Ends a session.
pub(super) async fn end(
    Path((app, mid)): Path<(String, String)>,
    posted: Posted<SessionForm>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit.app(&app)?;
    let path = "/api/apps/{}/viewers/{}/sessions/{}";
    let call = visit.call(Method::DELETE, path, &[&app, &mid, &form.id]);
    call.send::<serde_json::Value>().await?;
    Ok(visit.done(&address(&app, "/viewers/{}", &[&mid])))
}

#[derive(Deserialize)]
pub(super) struct UndoForm {
    /// The delete; all of the last day where it is not there.
    id: Option<String>,
}

/// Undoes deletes.
pub(super) async fn undo(
    Path((app, mid)): Path<(String, String)>,
    posted: Posted<UndoForm>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit.app(&app)?;
    let path = "/api/apps/{}/viewers/{}/history/undo";
    let call = visit.call(Method::POST, path, &[&app, &mid]);
    let call = match form.id {
        Some(id) => call.json(&json!({ "ids": [id] })),
        None => call,
    };
    call.send::<serde_json::Value>().await?;
    Ok(visit.done(&address(&app, "/viewers/{}", &[&mid])))
}

#[derive(Template)]
#[template(path = "playback/erase.html")]
struct ErasePage {
    frame: Frame,
    t: &'static PlaybackTexts,
    /// The address of the viewer's page.
    page: String,
    confirm: String,
    /// The confirmation was of something else.
    differs: bool,
}

impl ErasePage {
    fn of(visit: &Visit, app: &str, mid: &str, differs: bool) -> Self {
        let t = PlaybackTexts::of(visit.locale);
        let shown = headline(mid);
        let mid_in = |text: &str| fill(text, &[("mid", &shown)]);
        Self {
            frame: frame(visit, app, mid_in(t.erase_title)),
            t,
            page: address(app, "/viewers/{}", &[mid]),
            confirm: mid_in(t.erase_confirm),
            differs,
        }
    }
}

fn check_may_erase(visit: &Visit) -> Result<(), Fault> {
    check_may_see(visit)?;
    if visit.may(Permission::Manage) {
        return Ok(());
    }
    let t = PlaybackTexts::of(visit.locale);
    Err(Fault::said(StatusCode::FORBIDDEN, t.erase_for_admins))
}

/// Says what an erasure takes, and asks for the mid once more.
pub(super) async fn ask_to_erase(
    visit: Visit,
    Path((app, mid)): Path<(String, String)>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    check_may_erase(&visit)?;
    Ok(visit.page(&ErasePage::of(&visit, &app, &mid, false)))
}

#[derive(Deserialize)]
pub(super) struct EraseForm {
    confirm: String,
}

#[derive(Deserialize)]
struct Erased {
    erased: bool,
}

/// Erases a viewer.
pub(super) async fn erase(
    Path((app, mid)): Path<(String, String)>,
    posted: Posted<EraseForm>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit.app(&app)?;
    check_may_erase(&visit)?;
    if form.confirm.trim() != mid {
        return Ok(visit.page(&ErasePage::of(&visit, &app, &mid, true)));
    }
    let call = visit.call(Method::DELETE, "/api/apps/{}/viewers/{}", &[&app, &mid]);
    let Erased { erased } = call.send().await?;
    let told = if erased { "erased" } else { "nothing" };
    let page = address(&app, "/viewers", &[]);
    Ok(Redirect::to(&format!("{page}?{told}={mid}")).into_response())
}
