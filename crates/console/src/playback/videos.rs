//! Videos of some days: totals, charts by day, and the videos in the order of a figure.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::shown::{Card, Compared, per_play, rate_cell, short_day, spent, time_cell};
use super::texts::PlaybackTexts;
use super::{address, frame};
use crate::chart::{Chart, Line, Shape};
use crate::csv;
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::frame::{Frame, Link};
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

/// The page asks for itself each so many seconds, while today is among its days.
const LIVE_SECONDS: u32 = 15;
/// Videos on a page.
const ON_A_PAGE: &str = "50";

/// The names of orders in addresses.
const SORTS: [&str; 3] = ["plays", "viewers", "watched"];

#[derive(Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    sort: Option<String>,
    cursor: Option<String>,
    csv: Option<String>,
}

/// All videos together.
#[derive(Deserialize)]
struct Totals {
    videos: i64,
    plays: i64,
    watched_seconds: i64,
    days: Vec<TotalsOfDay>,
}

#[derive(Deserialize)]
struct TotalsOfDay {
    day: String,
    videos: i64,
    plays: i64,
    watched_seconds: i64,
}

#[derive(Deserialize)]
struct Videos {
    videos: Vec<Video>,
    next_cursor: Option<String>,
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
}

#[derive(Deserialize)]
struct Now {
    viewers: i64,
}

#[derive(Template)]
#[template(path = "playback/videos.html")]
struct VideosPage {
    frame: Frame,
    t: &'static PlaybackTexts,
    /// Where the search goes.
    find: String,
    /// Days that a search keeps.
    range: Range,
    cards: Vec<Card>,
    /// What changes are against, or why there are none.
    changes: Option<String>,
    now: i64,
    now_address: String,
    charts: Vec<String>,
    sorts: Vec<Link>,
    /// Where it is not the first page of videos.
    first_page: Option<String>,
    table: Table,
    days: Table,
    has_plays: bool,
}

pub(super) async fn show(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let days = Days {
        from: asked.from.clone(),
        to: asked.to.clone(),
    };
    let range = Range::of(&days, &known, visit.now_ms, 7)?;
    let t = PlaybackTexts::of(visit.locale);
    let sort = asked.sort.as_deref().filter(|sort| SORTS.contains(sort));
    let sort = sort.unwrap_or(SORTS[0]).to_owned();
    let of_days = |from: &str, to: &str| {
        let call = visit.get("/api/apps/{}/playback/days", &[&app]);
        call.with("from", from).with("to", to)
    };
    let totals = of_days(&range.from, &range.to);
    let videos = visit
        .get("/api/apps/{}/playback/videos", &[&app])
        .with("from", &range.from)
        .with("to", &range.to)
        .with("sort", &sort)
        .with("limit", ON_A_PAGE)
        .maybe("cursor", asked.cursor.as_deref());
    let mut frame = frame(&visit, &app, t.videos)
        .range(range.clone())
        .keep(&["sort"]);
    frame = frame.json(&totals).json(&videos);
    if range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let totals: Totals = totals.send_fresh().await?.told(&mut frame);
    let videos: Videos = videos.send_fresh().await?.told(&mut frame);
    let is_csv = asked.csv.as_deref();
    let (table, days) = (
        videos_table(&visit, (&app, &range, &sort), &videos, is_csv.is_some()),
        days_table(&visit, &totals, is_csv.is_some()),
    );
    match is_csv {
        Some("videos") => return Ok(csv::reply(&table)),
        Some("days") => return Ok(csv::reply(&days)),
        _ => {}
    }
    // What was before and who is there now only adds to the page: it does without.
    let comparison = range.against_days();
    let compared = Compared::read(&comparison, of_days).await;
    let now = visit.get("/api/apps/{}/playback/now", &[&app]);
    let now: Option<Now> = now.with("limit", "1").send().await.ok();
    Ok(visit.page(&VideosPage {
        t,
        find: address(&app, "/videos", &[]),
        cards: cards(t, &totals, compared.as_ref()),
        changes: comparison.sentence(visit.locale),
        now: now.map_or(0, |now| now.viewers),
        now_address: address(&app, "/now", &[]),
        charts: charts(&visit, &totals),
        sorts: sorts(t, (&app, &range), &sort),
        first_page: asked
            .cursor
            .is_some()
            .then(|| list_address(&app, &range, &sort)),
        has_plays: totals.plays > 0,
        range,
        table,
        days,
        frame,
    }))
}

fn list_address(app: &str, range: &Range, sort: &str) -> String {
    format!("{}?{}&sort={sort}", address(app, "", &[]), range.query())
}

fn cards(
    t: &'static PlaybackTexts,
    totals: &Totals,
    compared: Option<&Compared<Totals>>,
) -> Vec<Card> {
    let card = |name, figure: fn(&Totals) -> i64, text: &dyn Fn(i64) -> String| {
        let both = compared.map(|compared| compared.of(totals, figure));
        Card::new(name, text(figure(totals))).since(t, both, text)
    };
    let time = |seconds| spent(t, seconds);
    let mean = |totals: &Totals| per_play(totals.watched_seconds, totals.plays);
    vec![
        card(t.plays, |totals| totals.plays, &format::count),
        card(t.watched, |totals| totals.watched_seconds, &time),
        card(t.per_play, mean, &time),
        card(t.played_videos, |totals| totals.videos, &format::count),
    ]
}

/// Charts of a range of several days.
fn charts(visit: &Visit, totals: &Totals) -> Vec<String> {
    let t = PlaybackTexts::of(visit.locale);
    if totals.days.len() < 2 || totals.plays == 0 {
        return Vec::new();
    }
    let chart = |title: &str, name: &str, value: fn(&TotalsOfDay) -> i64| {
        let chart = Chart {
            title: title.to_owned(),
            shape: Shape::Bars,
            labels: totals.days.iter().map(|day| short_day(&day.day)).collect(),
            lines: vec![Line::new(name, totals.days.iter().map(value))],
        };
        chart.markup(visit.locale)
    };
    vec![
        chart(t.plays_by_day, t.plays, |day| day.plays),
        chart(t.watched_by_day, t.watched_minutes, |day| {
            day.watched_seconds / 60
        }),
    ]
}

fn sorts(t: &PlaybackTexts, (app, range): (&str, &Range), current: &str) -> Vec<Link> {
    SORTS
        .iter()
        .zip([t.by_plays, t.by_viewers, t.by_watched])
        .map(|(sort, text)| Link {
            text: text.to_owned(),
            address: list_address(app, range, sort),
            is_current: *sort == current,
        })
        .collect()
}

fn videos_table(
    visit: &Visit,
    (app, range, sort): (&str, &Range, &str),
    videos: &Videos,
    is_csv: bool,
) -> Table {
    let t = PlaybackTexts::of(visit.locale);
    let number = |head: &str| format!("#{head}");
    let (watched, mean, rate) = match is_csv {
        true => (t.watched_seconds, t.per_play_seconds, t.finish_rate_percent),
        false => (t.watched, t.per_play, t.finish_rate),
    };
    let mut heads = vec![t.video.to_owned()];
    if is_csv {
        heads.extend(["aid".to_owned(), "bvid".to_owned()]);
    }
    heads.extend([t.plays, t.viewers, watched, mean, rate].map(number));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(visit.locale, "videos", "", &heads).with_csv(&visit.address);
    let most = videos.videos.iter().map(|video| video.plays).max();
    for video in &videos.videos {
        let aid = video.aid.to_string();
        let title = Cell::text(match is_csv {
            true => video.title.clone(),
            false => headline(&video.title),
        });
        let page = address(app, "/videos/{}", &[&aid]);
        let mut row = vec![match is_csv {
            true => title,
            false => title
                .to(format!("{page}?{}", range.query()))
                .noted(format!("av{aid} · {}", video.bvid)),
        }];
        if is_csv {
            row.extend([Cell::text(aid), Cell::text(video.bvid.clone())]);
        }
        row.extend([
            Cell::number(video.plays).share(video.plays, most.unwrap_or(0)),
            Cell::number(video.viewers),
            time_cell(video.watched_seconds),
            time_cell(per_play(video.watched_seconds, video.plays)),
            rate_cell(video.finish_rate, video.plays),
        ]);
        table.push(row);
    }
    table.next = videos
        .next_cursor
        .as_ref()
        .map(|cursor| format!("{}&cursor={cursor}", list_address(app, range, sort)));
    table
}

fn days_table(visit: &Visit, totals: &Totals, is_csv: bool) -> Table {
    let t = PlaybackTexts::of(visit.locale);
    let (watched, mean) = match is_csv {
        true => (t.watched_seconds, t.per_play_seconds),
        false => (t.watched, t.per_play),
    };
    let heads = [t.plays, t.played_videos, watched, mean].map(|head| format!("#{head}"));
    let heads: Vec<&str> = [t.day]
        .into_iter()
        .chain(heads.iter().map(String::as_str))
        .collect();
    let mut table = Table::new(visit.locale, "days", t.by_day, &heads).with_csv(&visit.address);
    for day in totals.days.iter().rev() {
        table.push(vec![
            Cell::text(day.day.clone()),
            Cell::number(day.plays),
            Cell::number(day.videos),
            time_cell(day.watched_seconds),
            time_cell(per_play(day.watched_seconds, day.plays)),
        ]);
    }
    table
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    video: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "playback/find_video.html")]
struct FindVideoPage {
    frame: Frame,
    t: &'static PlaybackTexts,
    find: String,
    wanted: String,
    /// What is wrong with it.
    refused: Option<String>,
}

/// The page of a video by its aid or bvid; a search without one shows the form alone.
pub(super) async fn find(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Wanted>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    let t = PlaybackTexts::of(visit.locale);
    let wanted = asked.video.as_deref().unwrap_or_default().trim().to_owned();
    if is_video(&wanted) {
        let digits = wanted.strip_prefix("av").unwrap_or(&wanted);
        let page = address(&app, "/videos/{}", &[digits]);
        let days = [("from", asked.from), ("to", asked.to)];
        let days = days
            .into_iter()
            .filter_map(|(name, day)| Some((name, day?)));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(days)
            .finish();
        let sign = if query.is_empty() { "" } else { "?" };
        return Ok(Redirect::to(&format!("{page}{sign}{query}")).into_response());
    }
    Ok(visit.page(&FindVideoPage {
        frame: frame(&visit, &app, t.find_video),
        t,
        find: address(&app, "/videos", &[]),
        refused: (!wanted.is_empty()).then(|| fill(t.no_video, &[("text", &headline(&wanted))])),
        wanted,
    }))
}

/// Has the shape of an aid, an `av` number or a bvid; whether there is such a video the API says.
fn is_video(text: &str) -> bool {
    let digits = text.strip_prefix("av").unwrap_or(text);
    let is_aid = (1..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let is_bvid = text.len() == 12
        && text.starts_with("BV1")
        && text.bytes().all(|b| b.is_ascii_alphanumeric());
    is_aid || is_bvid
}

#[cfg(test)]
mod tests {
    use super::is_video;

    #[test]
    fn videos_are_known_by_their_shape() {
        for (text, expected) in [
            ("170001", true),
            ("av170001", true),
            ("BV17x411w7KC", true),
            ("", false),
            ("av", false),
            ("BV17x411w7K", false),
            ("../now", false),
            ("12345678901234567890", false),
            ("字", false),
        ] {
            assert_eq!(is_video(text), expected, "{text}");
        }
    }
}
