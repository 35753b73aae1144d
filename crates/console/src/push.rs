//! Push: tasks with their funnels, days, users, the online curve, and quotas.
//!
//! A page for each call of `/api/apps/{app}/push`; what several of them show stands in [`funnel`] and [`losses`], and the
//! names that people know channels by in [`names`].

mod cards;
mod day;
mod days;
mod funnel;
mod losses;
mod models;
pub(crate) mod names;
mod online;
mod quotas;
mod step;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod texts;
mod today;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use reportd_platform::access::Permission;
use reportd_platform::apps::App;

use crate::Console;
use crate::api::fill_path;
use crate::csv;
use crate::frame::{Frame, Section};
use crate::table::Table;
use crate::visit::Visit;
use texts::PushTexts;

/// How often pages ask for what is still coming in.
const LIVE_SECONDS: u32 = 10;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/console/apps/{app}/push", get(tasks::page))
        .route("/console/apps/{app}/push/tasks/{task}", get(task::page))
        .route("/console/apps/{app}/push/today", get(today::page))
        .route("/console/apps/{app}/push/days", get(days::page))
        .route("/console/apps/{app}/push/days/{day}", get(day::page))
        .route("/console/apps/{app}/push/users", get(users::page))
        .route("/console/apps/{app}/push/online", get(online::page))
        .route("/console/apps/{app}/push/quotas", get(quotas::page))
}

/// What stands around a page of this section.
fn frame(visit: &Visit, app: &App, title: impl Into<String>) -> Frame {
    let t = PushTexts::of(visit.locale);
    let of_app = |path: &str| fill_path(path, &[&app.id]);
    visit.frame(Section::Push, title).pages(&[
        (t.tasks, of_app("/console/apps/{}/push")),
        (t.today, of_app("/console/apps/{}/push/today")),
        (t.days, of_app("/console/apps/{}/push/days")),
        (t.users, of_app("/console/apps/{}/push/users")),
        (t.online, of_app("/console/apps/{}/push/online")),
        (t.quotas, of_app("/console/apps/{}/push/quotas")),
    ])
}

/// Where the settings of an app are changed, for who may.
fn settings_address(visit: &Visit, app: &Arc<App>) -> Option<String> {
    let address = fill_path("/console/settings/apps/{}", &[&app.id]);
    visit.may(Permission::Manage).then_some(address)
}

/// The CSV that is asked for, where it is one of the tables of the page.
fn csv_of(asked: Option<&str>, tables: &[&Table]) -> Option<Response> {
    let table = tables.iter().find(|table| asked == Some(table.name));
    table.map(|table| csv::reply(table))
}
