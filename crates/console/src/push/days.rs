//! The days of a period.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::cards::{Card, funnel_cards};
use super::funnel::{channels_chart, days_table, note, sum};
use super::models::{Day, Days as PushDays};
use super::texts::PushTexts;
use super::{LIVE_SECONDS, csv_of, frame};
use crate::api::fill_path;
use crate::fault::Fault;
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::Table;
use crate::visit::Visit;

/// The days of a page, and which table of it is asked for as CSV.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    pub(super) csv: Option<String>,
}

impl Asked {
    /// The days, without the name of a table.
    pub(super) fn days(&self) -> Days {
        Days {
            from: self.from.clone(),
            to: self.to.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "push/days.html")]
struct DaysPage {
    frame: Frame,
    t: &'static PushTexts,
    cards: Vec<Card>,
    note: Option<String>,
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
    let call = visit.get("/api/apps/{}/push/days", &[&app.id]);
    let call = call.with("from", &range.from).with("to", &range.to);
    let mut frame = frame(&visit, &app, t.push_days)
        .range(range.clone())
        .json(&call);
    if range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let days: PushDays = call.send_fresh().await?.told(&mut frame);
    let of_day = |day: &str| Some(fill_path("/console/apps/{}/push/days/{}", &[&app.id, day]));
    let page = DaysPage {
        frame,
        t,
        cards: funnel_cards(visit.locale, &sum(&days.days), None),
        note: note(visit.locale, &without_display(&days.days)),
        chart: channels_chart(visit.locale, &days.days),
        days: days_table(&visit, &days.days, of_day),
    };
    Ok(csv_of(asked.csv.as_deref(), &[&page.days]).unwrap_or_else(|| visit.page(&page)))
}

/// The channels of these days that give no display counts.
fn without_display(days: &[Day]) -> Vec<&str> {
    let channels = days.iter().flat_map(|day| &day.channels);
    let without = channels.filter(|channel| !channel.has_display);
    let mut codes: Vec<&str> = without.map(|channel| channel.channel.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
