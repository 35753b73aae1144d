//! The API of a site: figures, one viewer, the catalogue, sessions and keys.

mod catalogue;
mod export;
mod keys;
mod now;
mod retention;
mod sessions;
mod settings;
mod shown;
mod totals;
mod undo;
mod videos;
mod viewers;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use reportd_platform::apps::App;
use reportd_platform::web::openapi::tagged;
use reportd_platform::web::{Api, Problem, days};
use reportd_platform::zones::{day_text, parse_day};
use reportd_protocol::playback::aid_of;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Playback;
use crate::registry::PlaybackApp;

impl FromRef<Playback> for Api {
    fn from_ref(playback: &Playback) -> Self {
        playback.api.clone()
    }
}

/// The tag of the calls in the OpenAPI document.
const TAG: &str = "playback";

/// The calls of the API, each with its description.
fn calls() -> OpenApiRouter<Playback> {
    OpenApiRouter::new()
        .routes(routes!(videos::get_videos))
        .routes(routes!(videos::get_video))
        .routes(routes!(totals::get_days))
        .routes(routes!(retention::get_retention))
        .routes(routes!(now::get_now))
        .routes(routes!(now::get_curve))
        .routes(routes!(catalogue::put_catalogue))
        .routes(routes!(catalogue::get_parts))
        .routes(routes!(settings::get_settings, settings::put_settings))
        .routes(routes!(
            keys::get_session_keys,
            keys::put_session_keys,
            keys::post_session_key
        ))
        .routes(routes!(keys::delete_session_key))
        .routes(routes!(sessions::get_sessions, sessions::post_session))
        .routes(routes!(sessions::delete_session))
        .routes(routes!(viewers::get_history))
        .routes(routes!(undo::undo_deletes))
        .routes(routes!(viewers::erase_viewer))
        .routes(routes!(export::export_viewer))
}

/// The routes of the API.
pub fn api_routes(playback: Playback) -> Router {
    calls().with_state(playback).into()
}

/// What the API adds to the OpenAPI document.
#[must_use]
pub fn api_openapi() -> OpenApi {
    let about = "Playback reports (视频观看数据上报): figures of videos, who is viewing now, the catalogue, and one viewer.";
    tagged(calls().into_openapi(), TAG, about)
}

impl Playback {
    /// What the registry knows of an app; it is loaded with the apps, so one that is not there cannot be read.
    fn known(&self, app: &App) -> Result<Arc<PlaybackApp>, Problem> {
        self.registry.app(app.no).ok_or_else(Problem::try_later)
    }
}

/// Most days of a range.
const MOST_DAYS: i64 = 366;

/// First and last day of a range in the app's zone: the last 30 days where nothing is given.
fn range(
    app: &App,
    now_ms: i64,
    from: Option<String>,
    to: Option<String>,
    most: i64,
) -> Result<(i64, i64), Problem> {
    const DEFAULT_DAYS: i64 = 30;
    let to = to.unwrap_or_else(|| day_text(app.zone.day(now_ms)));
    let first_of = |last: i64| last - DEFAULT_DAYS.min(most) + 1;
    // Of a `to` that is no day `days` says so.
    let from = from.unwrap_or_else(|| {
        parse_day(&to).map_or_else(|_| to.clone(), |last| day_text(first_of(last)))
    });
    days(&from, &to, most)
}

/// The video in the path, by its aid or bvid.
fn video_in_path(text: &str) -> Result<i64, Problem> {
    let aid = text.parse().ok().or_else(|| aid_of(text));
    aid.filter(|aid| *aid > 0)
        .ok_or_else(|| Problem::invalid("aid", "expected an aid or a bvid"))
}

/// The viewer in the path.
fn viewer_in_path(text: &str) -> Result<i64, Problem> {
    let mid = text.parse().ok();
    mid.filter(|mid| *mid > 0)
        .ok_or_else(|| Problem::invalid("mid", "expected a viewer's mid, an integer of at least 1"))
}
