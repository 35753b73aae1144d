//! Playback: videos, retention, viewers now, one viewer's history, and access for sites.

mod access;
mod access_deeds;
mod catalogue;
mod now;
mod retention;
mod shown;
mod texts;
mod video;
mod videos;
mod viewer;
mod viewer_deeds;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};
use reportd_platform::access::Permission;

use self::texts::PlaybackTexts;
use crate::Console;
use crate::api::fill_path;
use crate::frame::{Frame, Section};
use crate::visit::Visit;

/// Where the pages of an app begin.
const ROOT: &str = "/console/apps/{}/playback";

pub(crate) fn routes() -> Router<Console> {
    let at = |path: &str| format!("/console/apps/{{app}}/playback{path}");
    Router::new()
        .route(&at(""), get(videos::show))
        .route(&at("/videos"), get(videos::find))
        .route(&at("/videos/{aid}"), get(video::show))
        .route(&at("/videos/{aid}/catalogue"), post(catalogue::put))
        .route(&at("/now"), get(now::show))
        .route(&at("/viewers"), get(viewer::find))
        .route(&at("/viewers/{mid}"), get(viewer::show))
        .route(&at("/viewers/{mid}/export"), get(viewer::export))
        .route(&at("/viewers/{mid}/undo"), post(viewer_deeds::undo))
        .route(&at("/viewers/{mid}/sessions"), post(access_deeds::issue))
        .route(&at("/viewers/{mid}/sessions/end"), post(viewer_deeds::end))
        .route(
            &at("/viewers/{mid}/erase"),
            get(viewer_deeds::ask_to_erase).post(viewer_deeds::erase),
        )
        .route(&at("/access"), get(access::show))
        .route(&at("/access/keys"), post(access_deeds::add_key))
        .route(&at("/access/keys/remove"), post(access_deeds::remove_key))
        .route(&at("/access/sessions"), post(access_deeds::issue_by_form))
        .route(&at("/access/tokens"), post(access_deeds::revoke_token))
}

/// The address of a page of an app: `path` stands behind [`ROOT`], and each `{}` in it takes one of `segments`.
fn address(app: &str, path: &str, segments: &[&str]) -> String {
    let all: Vec<&str> = [app].iter().chain(segments).copied().collect();
    fill_path(&format!("{ROOT}{path}"), &all)
}

/// The frame of a page, with the pages of this section that the person may see.
fn frame(visit: &Visit, app: &str, title: impl Into<String>) -> Frame {
    let t = PlaybackTexts::of(visit.locale);
    let mut pages = vec![
        (t.videos, address(app, "", &[])),
        (t.viewers_now, address(app, "/now", &[])),
    ];
    if visit.may(Permission::RawReports) {
        pages.push((t.one_viewer, address(app, "/viewers", &[])));
    }
    if visit.may(Permission::Manage) {
        pages.push((t.access, address(app, "/access", &[])));
    }
    visit.frame(Section::Playback, title).pages(&pages)
}
