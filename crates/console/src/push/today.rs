//! Today so far, live.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::cards::{Card, funnel_cards};
use super::funnel::FunnelTables;
use super::models::{Funnel, Loss, Point, Quota};
use super::task::Asked;
use super::texts::PushTexts;
use super::{LIVE_SECONDS, csv_of, frame, losses, online, quotas};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::table::Table;
use crate::texts::fill;
use crate::visit::Visit;

#[derive(Debug, Deserialize)]
struct Today {
    day: String,
    funnel: Funnel,
    losses: Vec<Loss>,
    quotas: Vec<Quota>,
    online: Online,
}

#[derive(Debug, Deserialize)]
struct Online {
    now: i64,
    points: Vec<Point>,
}

#[derive(Template)]
#[template(path = "push/today.html")]
struct TodayPage {
    frame: Frame,
    t: &'static PushTexts,
    cards: Vec<Card>,
    tables: FunnelTables,
    online: Option<String>,
    quotas: Option<Table>,
    losses_by_channel: Table,
    losses: Table,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = PushTexts::of(visit.locale);
    let app = visit.app(&app)?;
    let call = visit.get("/api/apps/{}/push/today", &[&app.id]);
    let mut frame = frame(&visit, &app, "").json(&call).live(LIVE_SECONDS);
    let today: Today = call.send_fresh().await?.told(&mut frame);
    frame.title = fill(t.push_today, &[("day", &today.day)]);
    let mut cards = funnel_cards(visit.locale, &today.funnel.total, None);
    cards.push(Card::number(t.online_now, today.online.now));
    let points = &today.online.points;
    let (losses_by_channel, losses) = losses::tables(&visit, &today.losses);
    let page = TodayPage {
        frame,
        t,
        cards,
        tables: FunnelTables::new(&visit, &today.funnel),
        online: (points.len() > 1).then(|| online::chart(&visit, &app, points)),
        quotas: (!today.quotas.is_empty()).then(|| quotas::table(&visit, &today.quotas)),
        losses_by_channel,
        losses,
    };
    let of_online = online::table(&visit, &app, points);
    let mut tables = vec![
        &page.tables.channels,
        &page.tables.brands,
        &page.losses_by_channel,
        &page.losses,
        &of_online,
    ];
    tables.extend(&page.quotas);
    Ok(csv_of(asked.csv.as_deref(), &tables).unwrap_or_else(|| visit.page(&page)))
}
