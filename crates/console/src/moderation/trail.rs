//! The audit trail.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use crate::csv;
use crate::fault::Fault;
use crate::frame::Frame;
use crate::table::Table;
use crate::visit::Visit;

use super::model::AuditPage;
use super::texts::ModerationTexts;
use super::{address, frame, record, rows, texts};

const PATH: &str = "/console/audit";

/// What an address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    app: String,
    ticket: String,
    actor: String,
    cursor: String,
    csv: String,
}

#[derive(Template)]
#[template(path = "moderation_audit.html")]
struct TrailPage {
    frame: Frame,
    t: &'static ModerationTexts,
    asked: Asked,
    /// Ids and names.
    apps: Vec<(String, String)>,
    table: Table,
}

pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let t = texts(&visit);
    let call = visit
        .get("/api/audit", &[])
        .maybe("app", Some(&asked.app))
        .maybe("ticket", Some(asked.ticket.trim()))
        .maybe("actor", Some(asked.actor.trim()))
        .maybe("cursor", Some(&asked.cursor))
        .with("limit", "100");
    let frame = frame(&visit, t.audit).json(&call);
    let page: AuditPage = call.send().await?;
    let here = |cursor: &str| {
        let parameters = [
            ("app", &*asked.app),
            ("ticket", &asked.ticket),
            ("actor", &asked.actor),
            ("cursor", cursor),
        ];
        address(PATH, &parameters)
    };
    let apps = page.records.iter().map(|record| &*record.app_id).collect();
    let settings = rows::settings(&visit, &apps).await?;
    let table = record::table(&visit, &page.records, &settings, false);
    let mut table = table.with_csv(&here(&asked.cursor));
    if asked.csv == table.name {
        return Ok(csv::reply(&table));
    }
    table.next = page.next_cursor.as_deref().map(here);
    let apps = visit.apps().map(|app| (app.id.clone(), app.name.clone()));
    let page = TrailPage {
        frame,
        t,
        apps: apps.collect(),
        table,
        asked,
    };
    Ok(visit.page(&page))
}
