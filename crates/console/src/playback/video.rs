//! One video: figures by day, its parts, how far plays get, and what the catalogue says of it.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use super::catalogue::{Listing, ListingShown};
use super::retention::{Retention, RetentionShown};
use super::shown::{
    Card, Compared, per_play, percent, permille, rate_cell, short_day, spent, time_cell,
    whole_percent,
};
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

#[derive(Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    cid: Option<String>,
    axis: Option<String>,
    csv: Option<String>,
}

#[derive(Deserialize)]
struct Video {
    aid: i64,
    bvid: String,
    title: String,
    plays: i64,
    viewers: i64,
    watched_seconds: i64,
    finish_rate: f64,
    days: Vec<Day>,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Day {
    day: String,
    plays: i64,
    viewers: i64,
    watched_seconds: i64,
    finish_rate: f64,
}

#[derive(Deserialize)]
struct Part {
    cid: i64,
    page: i64,
    title: String,
    duration: Option<i64>,
    plays: i64,
    finish_rate: f64,
}

/// A page of a video, as links to it keep it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) app: &'a str,
    /// As it stands in the address: an aid or a bvid.
    pub(super) aid: &'a str,
    pub(super) range: &'a Range,
    pub(super) cid: Option<&'a str>,
    /// Whether the axis of the retention is of time.
    pub(super) is_by_time: bool,
}

impl Place<'_> {
    /// Its address.
    pub(super) fn address(&self) -> String {
        let page = address(self.app, "/videos/{}", &[self.aid]);
        let mut query = form_urlencoded::Serializer::new(self.range.query());
        if let Some(cid) = self.cid {
            query.append_pair("cid", cid);
        }
        if self.is_by_time {
            query.append_pair("axis", "time");
        }
        format!("{page}?{}", query.finish())
    }
}

#[derive(Template)]
#[template(path = "playback/video.html")]
struct VideoPage {
    frame: Frame,
    t: &'static PlaybackTexts,
    aid: i64,
    bvid: String,
    /// Where the heading had to cut it.
    full_title: Option<String>,
    cards: Vec<Card>,
    /// What changes are against, or why there are none.
    changes: Option<String>,
    charts: Vec<String>,
    has_plays: bool,
    days: Table,
    parts: Table,
    retention: RetentionShown,
    listing: ListingShown,
}

pub(super) async fn show(
    visit: Visit,
    Path((app, aid)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let days = Days {
        from: asked.from.clone(),
        to: asked.to.clone(),
    };
    let range = Range::of(&days, &known, visit.now_ms, 7)?;
    let t = PlaybackTexts::of(visit.locale);
    let place = Place {
        app: &app,
        aid: &aid,
        range: &range,
        cid: asked.cid.as_deref().filter(|cid| !cid.is_empty()),
        is_by_time: asked.axis.as_deref() == Some("time"),
    };
    let of_days = |from: &str, to: &str| {
        let call = visit.get("/api/apps/{}/playback/videos/{}", &[&app, &aid]);
        call.with("from", from).with("to", to)
    };
    let video = of_days(&range.from, &range.to);
    let path = "/api/apps/{}/playback/videos/{}/retention";
    let retention = visit.get(path, &[&app, &aid]).maybe("cid", place.cid);
    let listing = visit.get("/api/apps/{}/playback/catalogue/{}", &[&app, &aid]);
    let json = [video.address(), retention.address(), listing.address()];
    let video = video.send_fresh::<Video>().await?;
    let mut frame = frame(&visit, &app, headline(&video.body.title))
        .range(range.clone())
        .keep(&["cid", "axis"]);
    frame.json.extend(json);
    let video = video.told(&mut frame);
    let is_csv = asked.csv.as_deref();
    let (days, parts) = (
        days_table(&visit, &video.days, is_csv.is_some()),
        parts_table(&visit, place, &video.parts, is_csv.is_some()),
    );
    let retention: Retention = retention.send_fresh().await?.told(&mut frame);
    match is_csv {
        Some("days") => return Ok(csv::reply(&days)),
        Some("parts") => return Ok(csv::reply(&parts)),
        Some("retention") => return Ok(csv::reply(&retention.table(visit.locale))),
        _ => {}
    }
    let listing: Option<Listing> = match listing.send().await {
        Ok(listing) => Some(listing),
        Err(fault) if fault.status == StatusCode::NOT_FOUND => None,
        Err(fault) => return Err(fault),
    };
    let comparison = range.against_days();
    let compared = Compared::read(&comparison, of_days).await;
    Ok(visit.page(&VideoPage {
        t,
        full_title: (frame.title != video.title).then(|| video.title.clone()),
        cards: cards(t, &video, compared.as_ref()),
        changes: comparison.sentence(visit.locale),
        charts: charts(&visit, &video),
        has_plays: video.plays > 0,
        retention: RetentionShown::of(&visit, place, &retention),
        listing: ListingShown::of(&visit, place, video.aid, listing),
        aid: video.aid,
        bvid: video.bvid,
        days,
        parts,
        frame,
    }))
}

fn cards(
    t: &'static PlaybackTexts,
    video: &Video,
    compared: Option<&Compared<Video>>,
) -> Vec<Card> {
    let card = |name, figure: fn(&Video) -> i64, text: &dyn Fn(i64) -> String| {
        let both = compared.map(|compared| compared.of(video, figure));
        Card::new(name, text(figure(video))).since(t, both, text)
    };
    let time = |seconds| spent(t, seconds);
    let mean = |video: &Video| per_play(video.watched_seconds, video.plays);
    let mut finish = Card::new(t.finish_rate, percent(video.finish_rate, video.plays));
    let plays = compared.map(|compared| compared.of(video, |video| video.plays));
    // Of no plays there is no rate.
    if let Some(compared) = compared
        && plays.is_some_and(|(now, before, _)| now > 0 && before > 0)
    {
        let rates = compared.of(video, |video| permille(video.finish_rate));
        finish = finish.since(t, Some(rates), |permille| {
            format!("{}.{} %", permille / 10, permille % 10)
        });
    }
    vec![
        card(t.plays, |video| video.plays, &format::count),
        card(t.viewers, |video| video.viewers, &format::count),
        card(t.watched, |video| video.watched_seconds, &time),
        card(t.per_play, mean, &time),
        finish,
    ]
}

/// Charts of a range of several days.
fn charts(visit: &Visit, video: &Video) -> Vec<String> {
    let t = PlaybackTexts::of(visit.locale);
    if video.days.len() < 2 || video.plays == 0 {
        return Vec::new();
    }
    let labels: Vec<String> = video.days.iter().map(|day| short_day(&day.day)).collect();
    let line = |name, value: fn(&Day) -> i64| Line::new(name, video.days.iter().map(value));
    // A day without plays has no rate.
    let rates = video
        .days
        .iter()
        .map(|day| (day.plays > 0).then(|| whole_percent(day.finish_rate)));
    let chart = |title: &str, shape, lines| {
        let (title, labels) = (title.to_owned(), labels.clone());
        let chart = Chart {
            title,
            shape,
            labels,
            lines,
        };
        chart.markup(visit.locale)
    };
    vec![
        chart(
            t.plays_by_day,
            Shape::Lines,
            vec![
                line(t.plays, |day| day.plays),
                line(t.viewers, |day| day.viewers),
            ],
        ),
        chart(
            t.watched_by_day,
            Shape::Bars,
            vec![line(t.watched_minutes, |day| day.watched_seconds / 60)],
        ),
        chart(
            t.finish_rate_by_day,
            Shape::Lines,
            vec![Line::new(t.finish_rate_percent, rates)],
        ),
    ]
}

fn days_table(visit: &Visit, days: &[Day], is_csv: bool) -> Table {
    let t = PlaybackTexts::of(visit.locale);
    let (watched, rate) = match is_csv {
        true => (t.watched_seconds, t.finish_rate_percent),
        false => (t.watched, t.finish_rate),
    };
    let heads = [t.plays, t.viewers, watched, rate].map(|head| format!("#{head}"));
    let heads: Vec<&str> = [t.day]
        .into_iter()
        .chain(heads.iter().map(String::as_str))
        .collect();
    let mut table = Table::new(visit.locale, "days", t.by_day, &heads).with_csv(&visit.address);
    for day in days.iter().rev() {
        table.push(vec![
            Cell::text(day.day.clone()),
            Cell::number(day.plays),
            Cell::number(day.viewers),
            time_cell(day.watched_seconds),
            rate_cell(day.finish_rate, day.plays),
        ]);
    }
    table
}

fn parts_table(visit: &Visit, place: Place<'_>, parts: &[Part], is_csv: bool) -> Table {
    let t = PlaybackTexts::of(visit.locale);
    let (length, rate) = match is_csv {
        true => (t.length_seconds, t.finish_rate_percent),
        false => (t.length, t.finish_rate),
    };
    let heads = [length, t.plays, rate].map(|head| format!("#{head}"));
    let mut all = vec![t.part, "cid"];
    all.extend(heads.iter().map(String::as_str));
    let mut table = Table::new(visit.locale, "parts", t.parts, &all).with_csv(&visit.address);
    let most = parts.iter().map(|part| part.plays).max().unwrap_or(0);
    for part in parts {
        let cid = part.cid.to_string();
        let of_part = Place {
            cid: Some(&cid),
            ..place
        };
        table.push(vec![
            Cell::text(part_name(t, (part.cid, part.page), &part.title))
                .to(format!("{}#retention", of_part.address())),
            Cell::text(cid.clone()),
            part.duration
                .map_or_else(|| Cell::text(t.unknown), time_cell),
            Cell::number(part.plays).share(part.plays, most),
            rate_cell(part.finish_rate, part.plays),
        ]);
    }
    table
}

/// `P2 · The second`, as far as something is known of a part.
pub(super) fn part_name(t: &PlaybackTexts, (cid, page): (i64, i64), title: &str) -> String {
    let title = headline(title);
    let place = match (cid, page) {
        (0, _) => t.whole_video.to_owned(),
        (_, 1..) => fill(t.page_no, &[("n", &page.to_string())]),
        (cid, _) => cid.to_string(),
    };
    match title.is_empty() {
        true => place,
        false => format!("{place} · {title}"),
    }
}

/// True where the person may write the catalogue.
pub(super) fn may_list(visit: &Visit) -> bool {
    visit.may(Permission::Feed)
}
