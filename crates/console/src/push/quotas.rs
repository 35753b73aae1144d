//! Quotas, and what is left of them.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::models::Quota;
use super::online::Asked;
use super::texts::PushTexts;
use super::{csv_of, frame, names, settings_address, step};
use crate::api::fill_path;
use crate::fault::Fault;
use crate::format;
use crate::frame::{Frame, Link};
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

#[derive(Debug, Deserialize)]
struct Quotas {
    day: String,
    quotas: Vec<Quota>,
}

#[derive(Template)]
#[template(path = "push/quotas.html")]
struct QuotasPage {
    frame: Frame,
    t: &'static PushTexts,
    neighbours: Vec<Link>,
    is_past: bool,
    has_vv: bool,
    settings: Option<String>,
    quotas: Table,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = PushTexts::of(visit.locale);
    let app = visit.app(&app)?;
    let call = visit.get("/api/apps/{}/push/quotas", &[&app.id]);
    let call = call.maybe("date", asked.date());
    let mut frame = frame(&visit, &app, "").json(&call);
    let found: Quotas = call.send_fresh().await?.told(&mut frame);
    frame.title = fill(t.push_quotas, &[("day", &found.day)]);
    if asked.date().is_none() {
        frame = frame.live(30);
    }
    let today = app.zone.day(visit.now_ms);
    let path = fill_path("/console/apps/{}/push/quotas", &[&app.id]);
    let address = |day: &str| format!("{path}?date={day}");
    let page = QuotasPage {
        frame,
        t,
        neighbours: step::neighbours(visit.locale, &found.day, today, address),
        is_past: asked.date().is_some(),
        has_vv: found.quotas.iter().any(|quota| quota.channel == "vv"),
        settings: settings_address(&visit, &app),
        quotas: table(&visit, &found.quotas),
    };
    Ok(csv_of(asked.csv.as_deref(), &[&page.quotas]).unwrap_or_else(|| visit.page(&page)))
}

/// The quotas that are set.
pub(super) fn table(visit: &Visit, quotas: &[Quota]) -> Table {
    let t = PushTexts::of(visit.locale);
    let number = |head: &str| format!("#{head}");
    let heads = [
        t.channel.to_owned(),
        t.quota.to_owned(),
        number(t.used),
        number(t.total),
        number(t.part),
        number(t.remaining),
        number(t.requested),
        number(t.received),
        t.state.to_owned(),
    ];
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(visit.locale, "quotas", t.quotas, &heads);
    for quota in quotas {
        // The total of vivo is of what arrives.
        let used = match quota.channel.as_str() {
            "vv" => quota.received,
            _ => quota.sent,
        };
        table.push(vec![
            names::channel_cell(visit.locale, &quota.channel),
            names::quota_cell(visit.locale, &quota.channel, &quota.kind),
            Cell::number(used),
            Cell::number(quota.total),
            Cell::text(format::share(used, quota.total)).share(used, quota.total),
            Cell::number(quota.total.saturating_sub(used).max(0)),
            Cell::number(quota.sent),
            Cell::number(quota.received),
            Cell::text(if quota.is_used_up {
                t.used_up
            } else {
                t.is_left
            }),
        ]);
    }
    table.with_csv(&visit.address)
}
