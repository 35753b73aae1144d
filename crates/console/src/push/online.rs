//! The online curve: of the last 24 hours, live, or of a day.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use reportd_platform::apps::App;
use reportd_platform::zones::{day_text, parse_day};
use serde::Deserialize;

use super::cards::Card;
use super::models::Point;
use super::texts::PushTexts;
use super::{csv_of, frame, step};
use crate::api::fill_path;
use crate::chart::{Chart, Line, Shape};
use crate::fault::Fault;
use crate::format;
use crate::frame::{Frame, Link};
use crate::table::{Cell, Table};
use crate::visit::Visit;

/// The day of a page, and which table of it is asked for as CSV.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    date: Option<String>,
    pub(super) csv: Option<String>,
}

impl Asked {
    /// The day; none where it is not given, or was left empty.
    pub(super) fn date(&self) -> Option<&str> {
        self.date.as_deref().filter(|date| !date.is_empty())
    }
}

#[derive(Debug, Deserialize)]
struct Curve {
    peak: i64,
    points: Vec<Point>,
}

#[derive(Template)]
#[template(path = "push/online.html")]
struct OnlinePage {
    frame: Frame,
    t: &'static PushTexts,
    neighbours: Vec<Link>,
    cards: Vec<Card>,
    chart: String,
    csv: String,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = PushTexts::of(visit.locale);
    let app = visit.app(&app)?;
    let call = visit.get("/api/apps/{}/push/online", &[&app.id]);
    let call = call.maybe("date", asked.date());
    let mut frame = frame(&visit, &app, t.push_online).json(&call);
    let curve: Curve = call.send_fresh().await?.told(&mut frame);
    if asked.date().is_none() {
        frame = frame.live(60);
    }
    let table = table(&visit, &app, &curve.points);
    if let Some(reply) = csv_of(asked.csv.as_deref(), &[&table]) {
        return Ok(reply);
    }
    Ok(visit.page(&OnlinePage {
        frame,
        t,
        neighbours: neighbours(&visit, &app, asked.date()),
        cards: cards(t, &app, &curve, asked.date().is_none()),
        chart: chart(&visit, &app, &curve.points),
        csv: table.csv.unwrap_or_default(),
    }))
}

/// The last 24 hours, and the days before and after.
fn neighbours(visit: &Visit, app: &App, date: Option<&str>) -> Vec<Link> {
    let t = PushTexts::of(visit.locale);
    let path = fill_path("/console/apps/{}/push/online", &[&app.id]);
    let today = app.zone.day(visit.now_ms);
    let of_day = |day: &str| format!("{path}?date={day}");
    let mut links = vec![Link {
        text: t.last_24_hours.to_owned(),
        address: path.clone(),
        is_current: date.is_none(),
    }];
    match date.map(|date| (date, parse_day(date))) {
        Some((date, Ok(_))) => {
            let mut near = step::neighbours(visit.locale, date, today, of_day);
            let current = Link {
                text: date.to_owned(),
                address: of_day(date),
                is_current: true,
            };
            near.insert(near.len().min(1), current);
            links.extend(near);
        }
        _ => {
            let today = day_text(today);
            links.push(Link {
                address: of_day(&today),
                text: today,
                is_current: false,
            });
        }
    }
    links
}

/// `05-21 13:00` of a point.
fn short(at_ms: i64, app: &App) -> String {
    let moment = format::moment(at_ms, &app.zone);
    moment.get(5..16).unwrap_or(&moment).to_owned()
}

/// `13:00` of a point: a curve has no time of day twice, or but at the end of summer time.
fn of_day(at_ms: i64, app: &App) -> String {
    let moment = format::moment(at_ms, &app.zone);
    moment.get(11..16).unwrap_or(&moment).to_owned()
}

fn cards(t: &'static PushTexts, app: &App, curve: &Curve, is_now: bool) -> Vec<Card> {
    let mut cards = Vec::new();
    if is_now {
        let now = curve.points.last();
        let card = Card::number(t.online_now, now.map_or(0, |point| point.users));
        cards.push(match now {
            Some(point) => card.noted(short(point.at, app)),
            None => card,
        });
    }
    let when = |point: Option<&Point>| point.map(|point| short(point.at, app));
    let highest = curve.points.iter().find(|point| point.users == curve.peak);
    cards.push(Card {
        note: when(highest),
        ..Card::number(t.peak, curve.peak)
    });
    let lowest = curve.points.iter().min_by_key(|point| point.users);
    cards.push(Card {
        note: when(lowest),
        ..Card::number(t.lowest, lowest.map_or(0, |point| point.users))
    });
    cards
}

/// The curve of points.
pub(super) fn chart(visit: &Visit, app: &App, points: &[Point]) -> String {
    let t = PushTexts::of(visit.locale);
    let chart = Chart {
        title: t.every_10_minutes.to_owned(),
        shape: Shape::Lines,
        labels: points.iter().map(|point| of_day(point.at, app)).collect(),
        lines: vec![Line::new(t.online, points.iter().map(|point| point.users))],
    };
    chart.markup(visit.locale)
}

/// The points, for CSV alone: on the page the chart has them.
pub(super) fn table(visit: &Visit, app: &App, points: &[Point]) -> Table {
    let t = PushTexts::of(visit.locale);
    let heads = [t.time, &format!("#{}", t.online)];
    let mut table = Table::new(visit.locale, "online", t.push_online, &heads);
    for point in points {
        table.push(vec![
            Cell::text(format::moment(point.at, &app.zone)),
            Cell::number(point.users),
        ]);
    }
    table.with_csv(&visit.address)
}
