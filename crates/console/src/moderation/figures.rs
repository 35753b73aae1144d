//! Figures of an app's reports: what came, what was refused, what waits, what was judged and delivered, and how long
//! each step took (接入监控).

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use reportd_platform::access::Permission;

use crate::api::fill_path;
use crate::chart::{Chart, Line, Shape};
use crate::csv;
use crate::fault::Fault;
use crate::format::count;
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::visit::Visit;

use super::model::{Cause, Day, Latencies, Monitor, Sums};
use super::moderators::{Asked, first};
use super::texts::ModerationTexts;
use super::{address, choose_app, frame, span, texts};

/// A number with its name.
struct Figure {
    name: &'static str,
    value: String,
    note: String,
    address: Option<String>,
}

#[derive(Template)]
#[template(path = "moderation_monitor.html")]
struct MonitorPage {
    frame: Frame,
    figures: Vec<Figure>,
    charts: Vec<String>,
    tables: Vec<Table>,
}

pub(super) async fn show_first(visit: Visit) -> Result<Response, Fault> {
    first(&visit, "/console/monitor")
}

pub(super) async fn show(
    visit: Visit,
    Path(app): Path<String>,
    Query(days): Query<Days>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = texts(&visit);
    let app = visit.app(&app)?;
    let range = Range::of(&days, &app, visit.now_ms, 30)?;
    let call = visit
        .get("/api/apps/{}/dialogue/monitor", &[&app.id])
        .with("from", &range.from)
        .with("to", &range.to);
    let mut frame = frame(&visit, t.figures).json(&call).live(10);
    let monitor: Monitor = call.send().await?;
    let here = fill_path("/console/monitor/{}", &[&app.id]);
    let here = format!("{here}?{}", range.query());
    let tables = [
        by_day(&visit, &monitor.days),
        latency(&visit, &monitor.latency),
        by_cause(&visit, &monitor.rejected_by_cause),
    ];
    let tables = tables.map(|table| table.with_csv(&here));
    if let Some(table) = tables.iter().find(|table| table.name == asked.csv) {
        return Ok(csv::reply(table));
    }
    choose_app(&visit, &mut frame, "/console/monitor", &app.id);
    let page = MonitorPage {
        figures: figures(&visit, &app.id, &monitor),
        charts: charts(&visit, &range, &monitor.days),
        tables: tables.into(),
        frame: frame.range(range),
    };
    Ok(visit.page(&page))
}

fn figures(visit: &Visit, app: &str, monitor: &Monitor) -> Vec<Figure> {
    let t = texts(visit);
    let sums = monitor.sums;
    let judge = |path: &str, state: &str| {
        let query = [("app", app), ("state", state)];
        visit.may(Permission::Judge).then(|| address(path, &query))
    };
    let figure = |name, number: i64, address| Figure {
        name,
        value: count(number),
        note: String::new(),
        address,
    };
    let oldest = monitor.oldest_waiting_seconds;
    let oldest = oldest.map(|seconds| format!("{}: {}", t.oldest_now, span(t, seconds)));
    let waiting = figure(
        t.waiting_now,
        monitor.waiting,
        judge("/console/tickets", ""),
    );
    vec![
        Figure {
            note: oldest.unwrap_or_default(),
            ..waiting
        },
        figure(t.received_reports, sums.received, None),
        figure(t.rejected, sums.rejected, None),
        figure(
            t.judgements,
            sums.judged,
            judge("/console/tickets/decided", ""),
        ),
        figure(t.undos, sums.undone, None),
        figure(t.reopens, sums.reopened, None),
        figure(
            t.callbacks_delivered,
            sums.delivered,
            judge("/console/tickets/decided", "delivered"),
        ),
        figure(
            t.callbacks_failed,
            sums.failed,
            judge("/console/deliveries", "dead"),
        ),
    ]
}

/// A figure of a day.
type Reading = fn(&Sums) -> i64;

/// Every figure of a day, with its name.
fn columns(t: &'static ModerationTexts) -> [(&'static str, Reading); 7] {
    [
        (t.received_reports, |sums| sums.received),
        (t.rejected, |sums| sums.rejected),
        (t.judgements, |sums| sums.judged),
        (t.undos, |sums| sums.undone),
        (t.reopens, |sums| sums.reopened),
        (t.callbacks_delivered, |sums| sums.delivered),
        (t.callbacks_failed, |sums| sums.failed),
    ]
}

fn charts(visit: &Visit, range: &Range, days: &[Day]) -> Vec<String> {
    let t = texts(visit);
    let by_day: BTreeMap<&str, &Sums> = days.iter().map(|day| (&*day.day, &day.sums)).collect();
    let line = |(name, figure): (&str, Reading)| {
        let of_day = |day: String| by_day.get(&*day).map_or(0, |sums| figure(sums));
        Line::new(name, range.days().map(of_day))
    };
    let [
        received,
        rejected,
        judged,
        undone,
        reopened,
        delivered,
        failed,
    ] = columns(t);
    let chart = |title: &str, shape, lines: Vec<Line>| {
        let chart = Chart {
            title: title.to_owned(),
            shape,
            labels: range.days().collect(),
            lines,
        };
        chart.markup(visit.locale)
    };
    let _ = (undone, reopened);
    vec![
        chart(
            t.by_day,
            Shape::Lines,
            vec![line(received), line(judged), line(rejected)],
        ),
        chart(
            t.deliveries,
            Shape::Bars,
            vec![line(delivered), line(failed)],
        ),
    ]
}

fn by_day(visit: &Visit, days: &[Day]) -> Table {
    let t = texts(visit);
    let columns = columns(t);
    let heads: Vec<String> = columns.iter().map(|(name, _)| format!("#{name}")).collect();
    let mut all = vec![t.day];
    all.extend(heads.iter().map(String::as_str));
    let mut table = Table::new(visit.locale, "days", t.by_day, &all);
    for day in days.iter().rev() {
        let mut row = vec![Cell::text(&day.day)];
        row.extend(
            columns
                .iter()
                .map(|(_, figure)| Cell::number(figure(&day.sums))),
        );
        table.push(row);
    }
    table
}

fn latency(visit: &Visit, latencies: &Latencies) -> Table {
    let t = texts(visit);
    let heads = [t.count, t.half, t.most, t.nearly_all].map(|head| format!("#{head}"));
    let mut columns = vec![t.step];
    columns.extend(heads.iter().map(String::as_str));
    let mut table = Table::new(visit.locale, "latency", t.latency, &columns);
    let time = |ms: Option<i64>| {
        let shown = ms.map_or_else(|| "–".to_owned(), |ms| span_ms(t, ms));
        Cell {
            raw: Some(ms.map(|ms| ms.to_string()).unwrap_or_default()),
            ..Cell::text(shown)
        }
    };
    for (name, one) in [
        (t.to_claim, &latencies.claim),
        (t.to_verdict, &latencies.verdict),
        (t.to_delivery, &latencies.delivery),
    ] {
        table.push(vec![
            Cell::text(name),
            Cell::number(one.count),
            time(one.p50_ms),
            time(one.p95_ms),
            time(one.p99_ms),
        ]);
    }
    table
}

fn span_ms(t: &ModerationTexts, ms: i64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..600_000 => format!("{}.{} s", ms / 1_000, ms / 100 % 10),
        _ => span(t, ms / 1_000),
    }
}

fn by_cause(visit: &Visit, causes: &[Cause]) -> Table {
    let t = texts(visit);
    let number = format!("#{}", t.count);
    let mut table = Table::new(
        visit.locale,
        "causes",
        t.by_cause,
        &["ec", t.cause, &number],
    );
    let all: i64 = causes.iter().map(|cause| cause.count).sum();
    for cause in causes {
        let text = match cause.ec {
            400 => t.ec_400,
            401 => t.ec_401,
            402 => t.ec_402,
            403 => t.ec_403,
            404 => t.ec_404,
            405 => t.ec_405,
            408 => t.ec_408,
            413 => t.ec_413,
            429 => t.ec_429,
            503 => t.ec_503,
            _ => "",
        };
        table.push(vec![
            Cell::text(cause.ec.to_string()),
            Cell::text(text),
            Cell::number(cause.count).share(cause.count, all),
        ]);
    }
    table
}
