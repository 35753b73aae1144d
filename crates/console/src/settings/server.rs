//! The settings of the server, each with its origin.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::apps::Asked;
use super::{frame, managed};
use crate::csv;
use crate::fault::Fault;
use crate::frame::Frame;
use crate::table::{Cell, Table};
use crate::visit::Visit;

#[derive(Deserialize)]
struct Setting {
    name: String,
    value: String,
    origin: String,
}

#[derive(Deserialize)]
struct Settings {
    settings: Vec<Setting>,
}

#[derive(Template)]
#[template(path = "settings_server.html")]
struct Page {
    frame: Frame,
    hint: &'static str,
    table: Table,
}

pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let t = managed(&visit)?;
    let call = visit.get("/api/settings", &[]);
    let frame = frame(&visit, t.server).json(&call);
    let told: Settings = call.send().await?;
    let heads = [t.setting, t.value, t.origin];
    let table = Table::new(visit.locale, "settings", "", &heads);
    let mut table = table.with_csv("/console/settings/server");
    for setting in told.settings {
        table.push(vec![
            Cell::text(setting.name),
            Cell::text(setting.value),
            Cell::text(setting.origin),
        ]);
    }
    if asked.csv.is_some() {
        return Ok(csv::reply(&table));
    }
    Ok(visit.page(&Page {
        frame,
        hint: t.server_hint,
        table,
    }))
}
