//! Users of the app by day.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::cards::Card;
use super::days::Asked;
use super::texts::PushTexts;
use super::{LIVE_SECONDS, csv_of, frame};
use crate::chart::{Chart, Line, Shape};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::range::Range;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

#[derive(Debug, Deserialize)]
struct UserDays {
    days: Vec<UserDay>,
}

#[derive(Debug, Deserialize)]
struct UserDay {
    day: String,
    accumulative_num: i64,
    register_num: i64,
    active_num: i64,
    online_num: i64,
}

#[derive(Template)]
#[template(path = "push/users.html")]
struct UsersPage {
    frame: Frame,
    cards: Vec<Card>,
    chart: String,
    days: Table,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = PushTexts::of(visit.locale);
    let app = visit.app(&app)?;
    let range = Range::of(&asked.days(), &app, visit.now_ms, 30)?;
    let call = visit.get("/api/apps/{}/push/users", &[&app.id]);
    let call = call.with("from", &range.from).with("to", &range.to);
    let mut frame = frame(&visit, &app, t.push_users)
        .range(range.clone())
        .json(&call);
    if range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let found: UserDays = call.send_fresh().await?.told(&mut frame);
    let page = UsersPage {
        frame,
        cards: cards(t, &found.days, &range.today),
        chart: chart(&visit, &found.days),
        days: table(&visit, &found.days),
    };
    Ok(csv_of(asked.csv.as_deref(), &[&page.days]).unwrap_or_else(|| visit.page(&page)))
}

fn cards(t: &'static PushTexts, days: &[UserDay], today: &str) -> Vec<Card> {
    let sum = |of: fn(&UserDay) -> i64| days.iter().map(of).fold(0, i64::saturating_add);
    let accumulative = days.last().map_or(0, |day| day.accumulative_num);
    let mut peak = Card::number(t.peak, 0);
    if let Some(day) = days.iter().max_by_key(|day| day.online_num) {
        peak = Card::number(t.peak, day.online_num);
        if day.online_num > 0 {
            peak = peak.noted(fill(t.highest_of, &[("day", &day.day)]));
        }
    }
    vec![
        Card::number(t.accumulative, accumulative),
        Card::number(t.registered, sum(|day| day.register_num)),
        Card::number(t.active_average, active_a_day(days, today)),
        peak,
    ]
}

/// The mean of days; one that is not over is none of them where there are others.
fn active_a_day(days: &[UserDay], today: &str) -> i64 {
    let are_over = days.iter().filter(|day| &*day.day < today);
    let mut active: Vec<i64> = are_over.map(|day| day.active_num).collect();
    if active.is_empty() {
        active = days.iter().map(|day| day.active_num).collect();
    }
    let count = i64::try_from(active.len()).unwrap_or(i64::MAX).max(1);
    active.into_iter().fold(0, i64::saturating_add) / count
}

fn chart(visit: &Visit, days: &[UserDay]) -> String {
    let t = PushTexts::of(visit.locale);
    let line = |name: &str, of: fn(&UserDay) -> i64| Line::new(name, days.iter().map(of));
    let chart = Chart {
        title: t.by_day.to_owned(),
        shape: Shape::Lines,
        labels: days.iter().map(|day| day.day.clone()).collect(),
        lines: vec![
            line(t.active, |day| day.active_num),
            line(t.peak, |day| day.online_num),
            line(t.registered, |day| day.register_num),
        ],
    };
    chart.markup(visit.locale)
}

fn table(visit: &Visit, days: &[UserDay]) -> Table {
    let t = PushTexts::of(visit.locale);
    let numbers = [t.accumulative, t.registered, t.active, t.peak];
    let numbers = numbers.map(|head| format!("#{head}"));
    let mut heads = vec![t.day];
    heads.extend(numbers.iter().map(String::as_str));
    let mut table = Table::new(visit.locale, "days", t.push_users, &heads);
    for day in days.iter().rev() {
        table.push(vec![
            Cell::text(&*day.day),
            Cell::number(day.accumulative_num),
            Cell::number(day.register_num),
            Cell::number(day.active_num),
            Cell::number(day.online_num),
        ]);
    }
    table.with_csv(&visit.address)
}
