//! Viewers now, and over the day: keeps itself up to date.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::shown::Card;
use super::texts::PlaybackTexts;
use super::{address, frame};
use crate::chart::{Chart, Line, Shape};
use crate::csv;
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

/// The page asks for itself each so many seconds.
const EACH_SECONDS: u32 = 5;
/// Parts on the page.
const MOST_PARTS: &str = "100";
/// Most days of a curve.
const MOST_DAYS: i64 = 31;
/// Most days that are looked at to find the last ones: the API refuses more anyway.
const MOST_DAYS_ASKED: i64 = 366;
/// Points of an hour.
const POINTS_OF_AN_HOUR: usize = 6;

#[derive(Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    csv: Option<String>,
}

#[derive(Deserialize)]
struct Now {
    viewers: i64,
    videos: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    aid: i64,
    bvid: String,
    cid: i64,
    title: String,
    viewers: i64,
}

#[derive(Deserialize)]
struct Curve {
    points: Vec<Point>,
}

#[derive(Deserialize, Clone, Copy)]
struct Point {
    at: i64,
    viewers: i64,
}

#[derive(Template)]
#[template(path = "playback/now.html")]
struct NowPage {
    frame: Frame,
    t: &'static PlaybackTexts,
    cards: Vec<Card>,
    parts: Table,
    chart: Option<String>,
    curve_csv: String,
    is_cut: bool,
}

pub(super) async fn show(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let days = Days {
        from: asked.from,
        to: asked.to,
    };
    let range = Range::of(&days, &known, visit.now_ms, 1)?;
    let t = PlaybackTexts::of(visit.locale);
    let now = visit
        .get("/api/apps/{}/playback/now", &[&app])
        .with("limit", MOST_PARTS);
    let is_cut = (MOST_DAYS + 1..=MOST_DAYS_ASKED).contains(&range.count());
    let behind = usize::try_from(range.count() - MOST_DAYS).unwrap_or(0);
    let first = is_cut.then(|| range.days().nth(behind)).flatten();
    let curve = visit
        .get("/api/apps/{}/playback/now/curve", &[&app])
        .with("from", first.as_deref().unwrap_or(&range.from))
        .with("to", &range.to);
    let mut frame = frame(&visit, &app, t.viewers_now)
        .range(range.clone())
        .json(&now)
        .json(&curve)
        .live(EACH_SECONDS);
    let now: Now = now.send_fresh().await?.told(&mut frame);
    let curve: Curve = curve.send_fresh().await?.told(&mut frame);
    let moment = |at_ms| format::moment(at_ms, &known.zone);
    let parts = parts_table(&visit, &app, &now.videos, asked.csv.is_some());
    match asked.csv.as_deref() {
        Some("now") => return Ok(csv::reply(&parts)),
        Some("curve") => return Ok(csv::reply(&curve_table(&visit, &curve, moment))),
        _ => {}
    }
    let mut cards = vec![Card::new(t.watching_now, format::count(now.viewers))];
    // Of several that are the greatest the newest.
    if let Some(peak) = curve.points.iter().max_by_key(|point| point.viewers)
        && peak.viewers > 0
    {
        let mut card = Card::new(t.peak, format::count(peak.viewers));
        let at = cut_seconds(moment(peak.at));
        card.change = Some(super::shown::Change {
            text: fill(t.peak_at, &[("time", &at)]),
            class: "",
        });
        cards.push(card);
    }
    let sign = if visit.address.contains('?') {
        '&'
    } else {
        '?'
    };
    Ok(visit.page(&NowPage {
        t,
        cards,
        parts,
        chart: chart(&visit, &curve, &range, moment),
        curve_csv: format!("{}{sign}csv=curve", visit.address),
        is_cut,
        frame,
    }))
}

fn parts_table(visit: &Visit, app: &str, parts: &[Part], is_csv: bool) -> Table {
    let t = PlaybackTexts::of(visit.locale);
    let viewers = format!("#{}", t.viewers);
    let heads: &[&str] = match is_csv {
        true => &[t.video, "aid", "bvid", "cid", &viewers],
        false => &[t.video, "cid", &viewers],
    };
    let caption = t.now_by_part;
    let mut table = Table::new(visit.locale, "now", caption, heads).with_csv(&visit.address);
    let most = parts.iter().map(|part| part.viewers).max().unwrap_or(0);
    for part in parts {
        let (aid, cid) = (part.aid.to_string(), part.cid.to_string());
        let viewers = Cell::number(part.viewers).share(part.viewers, most);
        table.push(match is_csv {
            true => vec![
                Cell::text(part.title.clone()),
                Cell::text(aid),
                Cell::text(part.bvid.clone()),
                Cell::text(cid),
                viewers,
            ],
            false => {
                let page = address(app, "/videos/{}", &[&aid]);
                vec![
                    Cell::text(headline(&part.title))
                        .to(page)
                        .noted(format!("av{aid} · {}", part.bvid)),
                    Cell::text(cid),
                    viewers,
                ]
            }
        });
    }
    table
}

fn curve_table(visit: &Visit, curve: &Curve, moment: impl Fn(i64) -> String) -> Table {
    let t = PlaybackTexts::of(visit.locale);
    let heads = [t.at, &format!("#{}", t.viewers)];
    let mut table = Table::new(visit.locale, "curve", t.curve, &heads);
    for point in &curve.points {
        table.push(vec![
            Cell::text(moment(point.at)),
            Cell::number(point.viewers),
        ]);
    }
    table
}

/// The curve: each point of two days, and of more days the greatest of an hour, or of six.
fn chart(
    visit: &Visit,
    curve: &Curve,
    range: &Range,
    moment: impl Fn(i64) -> String,
) -> Option<String> {
    let t = PlaybackTexts::of(visit.locale);
    let (title, together) = match range.count() {
        ..=2 => (t.curve_by_ten_minutes, 1),
        3..=7 => (t.curve_by_hour, POINTS_OF_AN_HOUR),
        _ => (t.curve_by_day, 6 * POINTS_OF_AN_HOUR),
    };
    let greatest = curve
        .points
        .chunks(together)
        .filter_map(|points| Some((points.first()?.at, points.iter().map(|p| p.viewers).max()?)));
    let greatest: Vec<(i64, i64)> = greatest.collect();
    if greatest.is_empty() {
        return None;
    }
    let label = |at| {
        let moment = cut_seconds(moment(at));
        let from = if range.count() == 1 { 11 } else { 5 };
        moment.get(from..).unwrap_or(&moment).to_owned()
    };
    let chart = Chart {
        title: title.to_owned(),
        shape: Shape::Lines,
        labels: greatest.iter().map(|(at, _)| label(*at)).collect(),
        lines: vec![Line::new(
            t.viewers,
            greatest.iter().map(|(_, viewers)| *viewers),
        )],
    };
    Some(chart.markup(visit.locale))
}

/// A moment to the minute.
fn cut_seconds(moment: String) -> String {
    match moment.rsplit_once(':') {
        Some((minute, _)) => minute.to_owned(),
        None => moment,
    }
}
