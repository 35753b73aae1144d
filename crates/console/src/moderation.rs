//! Moderation: the queue, a ticket, deliveries, audit, figures of moderators.
//!
//! [`queue`] lists tickets, [`ticket`] shows one, [`acts`] are the forms that change one; what a report says is read in
//! [`conversation`]. All of it works without a script; `assets/ticket.js` adds keys, live counts and the renewal of claims.

mod acts;
mod bulk;
mod conversation;
mod deliveries;
mod figures;
mod labels;
mod model;
mod moderators;
mod notice;
mod people;
mod queue;
mod record;
mod rich;
mod rows;
mod texts;
mod ticket;
mod trail;
mod verdict;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use form_urlencoded::Serializer;
use reportd_platform::access::Permission;
use reportd_platform::apps::App;

use crate::Console;
use crate::format;
use crate::frame::{Frame, Section};
use crate::texts::fill;
use crate::visit::Visit;
pub(crate) use labels::text as label_text;
use texts::ModerationTexts;
pub(crate) use verdict::resume;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/tickets", get(queue::show_queue))
        .route("/console/tickets/decided", get(queue::show_decided))
        .route("/console/tickets/events", get(queue::stream_events))
        .route("/console/tickets/next", post(acts::take_next))
        .route("/console/tickets/bulk", post(bulk::judge_all))
        .route("/console/tickets/{id}", get(ticket::show))
        .route("/console/tickets/{id}/claim", post(acts::claim))
        .route("/console/tickets/{id}/release", post(acts::release))
        .route("/console/tickets/{id}/verdict", post(verdict::judge))
        .route("/console/tickets/{id}/undo", post(acts::undo))
        .route("/console/tickets/{id}/reopen", post(acts::reopen))
        .route("/console/deliveries", get(deliveries::show_all))
        .route("/console/deliveries/replay", post(deliveries::replay_all))
        .route("/console/deliveries/{id}", get(deliveries::show_one))
        .route(
            "/console/deliveries/{id}/replay",
            post(deliveries::replay_one),
        )
        .route("/console/audit", get(trail::show))
        .route("/console/moderators", get(moderators::show_first))
        .route("/console/moderators/{app}", get(moderators::show))
        .route("/console/monitor", get(figures::show_first))
        .route("/console/monitor/{app}", get(figures::show))
}

/// The texts of a visit's language.
fn texts(visit: &Visit) -> &'static ModerationTexts {
    ModerationTexts::of(visit.locale)
}

/// The frame of a page, with the pages of this section that the person may see.
fn frame(visit: &Visit, title: impl Into<String>) -> Frame {
    let t = texts(visit);
    let mut pages = Vec::new();
    if visit.may(Permission::Judge) {
        pages.push((t.queue, "/console/tickets".to_owned()));
        pages.push((t.decided, "/console/tickets/decided".to_owned()));
        pages.push((t.deliveries, "/console/deliveries".to_owned()));
    }
    if visit.may(Permission::Oversee) {
        pages.push((t.audit, "/console/audit".to_owned()));
        pages.push((t.moderators, "/console/moderators".to_owned()));
    }
    if visit.may(Permission::Figures) {
        pages.push((t.figures, "/console/monitor".to_owned()));
    }
    visit.frame(Section::Moderation, title).pages(&pages)
}

/// An address with those of the parameters that have a value.
fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let given: Vec<_> = parameters
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    if given.is_empty() {
        return path.to_owned();
    }
    let mut query = Serializer::new(String::new());
    query.extend_pairs(given.into_iter().map(|(name, value)| (*name, *value)));
    format!("{path}?{}", query.finish())
}

/// The app of an id, where the person may touch it.
fn app_of<'a>(visit: &'a Visit, id: &str) -> Option<&'a Arc<App>> {
    visit.apps().find(|app| app.id == id)
}

/// The name of an app; its id where there is none.
fn app_name(visit: &Visit, id: &str) -> String {
    app_of(visit, id).map_or_else(|| id.to_owned(), |app| app.name.clone())
}

/// A moment in the zone of an app.
fn moment(visit: &Visit, app: &str, at_ms: i64) -> String {
    app_of(visit, app)
        .or_else(|| visit.apps().next())
        .map_or_else(|| at_ms.to_string(), |app| format::moment(at_ms, &app.zone))
}

/// How long something takes or took, in its largest unit: `12 min`.
fn span(t: &ModerationTexts, seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (number, text) = match seconds {
        0..60 => (seconds, t.seconds),
        60..3_600 => (seconds / 60, t.minutes),
        3_600..172_800 => (seconds / 3_600, t.hours),
        _ => (seconds / 86_400, t.days),
    };
    fill(text, &[("n", &number.to_string())])
}

/// Menu of apps of a page whose app stands behind `path`.
fn choose_app(visit: &Visit, frame: &mut Frame, path: &str, current: &str) {
    let links: Vec<_> = visit
        .apps()
        .map(|app| crate::frame::Link {
            text: app.name.clone(),
            address: crate::api::fill_path(&format!("{path}/{{}}"), &[&app.id]),
            is_current: app.id == current,
        })
        .collect();
    if links.len() > 1 {
        frame.apps = links;
    }
    frame.app = Some(current.to_owned());
}
