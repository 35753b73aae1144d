//! One day of an app.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::cards::{Card, funnel_cards};
use super::funnel::FunnelTables;
use super::models::{Funnel, Loss};
use super::task::Asked;
use super::texts::PushTexts;
use super::{csv_of, frame, losses, step};
use crate::api::fill_path;
use crate::fault::Fault;
use crate::frame::{Frame, Link};
use crate::table::Table;
use crate::texts::fill;
use crate::visit::Visit;

#[derive(Debug, Deserialize)]
struct WholeDay {
    day: String,
    funnel: Funnel,
    losses: Vec<Loss>,
}

#[derive(Template)]
#[template(path = "push/day.html")]
struct DayPage {
    frame: Frame,
    t: &'static PushTexts,
    neighbours: Vec<Link>,
    cards: Vec<Card>,
    tables: FunnelTables,
    losses_by_channel: Table,
    losses: Table,
}

pub(super) async fn page(
    visit: Visit,
    Path((app, day)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = PushTexts::of(visit.locale);
    let app = visit.app(&app)?;
    let call = visit.get("/api/apps/{}/push/days/{}", &[&app.id, &day]);
    let mut frame = frame(&visit, &app, "").json(&call);
    let found: WholeDay = call.send_fresh().await?.told(&mut frame);
    frame.title = fill(t.push_day, &[("day", &found.day)]);
    let today = app.zone.day(visit.now_ms);
    let address = |day: &str| fill_path("/console/apps/{}/push/days/{}", &[&app.id, day]);
    let (losses_by_channel, losses) = losses::tables(&visit, &found.losses);
    let page = DayPage {
        frame,
        t,
        neighbours: step::neighbours(visit.locale, &found.day, today, address),
        cards: funnel_cards(visit.locale, &found.funnel.total, None),
        tables: FunnelTables::new(&visit, &found.funnel),
        losses_by_channel,
        losses,
    };
    let tables = [
        &page.tables.channels,
        &page.tables.brands,
        &page.losses_by_channel,
        &page.losses,
    ];
    Ok(csv_of(asked.csv.as_deref(), &tables).unwrap_or_else(|| visit.page(&page)))
}
