//! The first page: what came in today, how the server is, and what needs a person.
//!
//! What came in is told by each kind's own figures, app by app; a figure that cannot be read just now is left out, and
//! the page says so, for the rest is worth seeing all the same.

mod health;
mod needs;
mod spark;
mod texts;
mod today;

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use reportd_platform::access::Permission;
use serde::Deserialize;

use self::health::Health;
use self::needs::Need;
use self::texts::OverviewTexts;
use self::today::{Kind, Sum, Today};
use crate::Console;
use crate::csv;
use crate::fault::Fault;
use crate::frame::{Frame, Section};
use crate::settings::is_limited;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

/// So often the page looks again.
const LIVE_SECONDS: u32 = 5;
/// Apps whose figures are read for the page.
const MOST_APPS: usize = 20;

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/console", get(page))
}

#[derive(Deserialize)]
struct Asked {
    csv: Option<String>,
}

/// A number of today.
struct Card {
    key: &'static str,
    name: &'static str,
    count: String,
    address: Option<String>,
    change: String,
    /// `up` or `down`.
    direction: &'static str,
    note: String,
    spark: String,
    /// The same in words.
    curve: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    t: &'static OverviewTexts,
    cards: Vec<Card>,
    table: Option<Table>,
    has_apps: bool,
    may_create_app: bool,
    needs: Vec<Need>,
    health: Option<Health>,
    /// Some figures could not be read.
    is_partial: bool,
    /// Only so many apps are shown.
    only: Option<String>,
}

async fn page(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let t = OverviewTexts::of(visit.locale);
    let mut apps: Vec<_> = visit.apps().filter(|app| !app.disabled).cloned().collect();
    apps.sort_by(|one, other| one.id.cmp(&other.id));
    let only = (apps.len() > MOST_APPS).then(|| {
        let values = [("n", MOST_APPS.to_string()), ("m", apps.len().to_string())];
        let values = values
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        fill(t.only_some, &values)
    });
    apps.truncate(MOST_APPS);
    let mut days = Vec::with_capacity(apps.len());
    for app in apps {
        days.push(Today::read(&visit, app).await);
    }
    let table = by_app(&visit, t, &days);
    if asked.csv.as_deref() == Some(table.name) {
        return Ok(csv::reply(&table));
    }
    let mut frame = visit.frame(Section::Overview, t.title).live(LIVE_SECONDS);
    frame.is_behind |= days.iter().any(|day| day.lag_ms > 0);
    let (health, status) = health::read(&visit, &mut frame).await;
    if let Some(name) = asked.csv {
        let tables = health
            .iter()
            .flat_map(|health| [&health.views, &health.kinds]);
        let found = tables.into_iter().find(|table| table.name == name);
        return found
            .map(csv::reply)
            .ok_or_else(|| Fault::not_found(|t| t.no_page));
    }
    let needs = needs::read(&visit, &days, status.as_ref()).await;
    let cards = Kind::ALL.into_iter();
    let cards = cards.map(|kind| card(&visit, t, kind, &days)).collect();
    Ok(visit.page(&Page {
        has_apps: visit.apps().next().is_some(),
        may_create_app: visit.may(Permission::Manage) && !is_limited(&visit),
        is_partial: days.iter().any(Today::is_partial),
        table: (days.len() > 1).then_some(table),
        frame,
        t,
        cards,
        needs,
        health,
        only,
    }))
}

/// The apps, each with what came in today.
fn by_app(visit: &Visit, t: &OverviewTexts, days: &[Today]) -> Table {
    let numbers = Kind::ALL.map(|kind| format!("#{}", kind.name(t)));
    let mut heads = vec![t.app];
    heads.extend(numbers.iter().map(String::as_str));
    let mut table = Table::new(visit.locale, "today", t.by_app, &heads).with_csv("/console");
    for day in days {
        let mut row = vec![Cell::text(&day.app.name).noted(&day.app.id)];
        for kind in Kind::ALL {
            row.push(match day.of(kind) {
                None => Cell::text("–"),
                Some(sum) => {
                    let cell = Cell::number(sum.count).noted(before(t, sum));
                    match kind.address(visit, &day.app.id) {
                        Some(address) => cell.to(address),
                        None => cell,
                    }
                }
            });
        }
        table.push(row);
    }
    table
}

fn before(t: &OverviewTexts, sum: &Sum) -> String {
    let text = if sum.is_by_now {
        t.yesterday_by_now
    } else {
        t.yesterday
    };
    fill(text, &[("n", &crate::format::count(sum.before))])
}

/// All apps together.
fn card(visit: &Visit, t: &'static OverviewTexts, kind: Kind, days: &[Today]) -> Card {
    let sum = Sum::of_all(days.iter().filter_map(|day| day.of(kind)), kind);
    let direction = match sum.count.cmp(&sum.before) {
        std::cmp::Ordering::Greater if sum.is_by_now => "up",
        std::cmp::Ordering::Less if sum.is_by_now => "down",
        _ => "",
    };
    let app = days
        .iter()
        .find(|day| day.of(kind).is_some_and(|sum| sum.count > 0));
    let address = app.or(days.first());
    let now = days.iter().filter_map(|day| day.now(kind)).sum::<i64>();
    let curve = if kind.is_hourly() {
        t.curve_hours
    } else {
        t.curve_days
    };
    let (spark, curve) = spark::drawn(curve, &sum.curve);
    Card {
        key: kind.key(),
        name: kind.name(t),
        count: crate::format::count(sum.count),
        address: address.and_then(|day| kind.address(visit, &day.app.id)),
        change: before(t, &sum),
        direction,
        note: kind
            .now_text(t)
            .map(|text| fill(text, &[("n", &crate::format::count(now))]))
            .unwrap_or_default(),
        spark,
        curve,
    }
}

#[cfg(test)]
mod tests;
