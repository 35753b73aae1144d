//! Raw reports, newest first.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use reportd_platform::apps::App;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::parts::{Choice, Select, top_choices};
use super::texts::CommTexts;
use super::{FIELDS, Registry, frame};
use crate::csv;
use crate::fault::Fault;
use crate::format;
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

const DEFAULT_DAYS: i64 = 7;
const LIVE_SECONDS: u32 = 5;
const LIMITS: [u32; 4] = [50, 100, 500, 1000];
/// A report that came so much later than what it tells of is marked.
const LATE_MS: i64 = 60_000;

#[derive(Clone, Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    oper_id: Option<String>,
    gid: Option<String>,
    target_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    csv: Option<String>,
}

#[derive(Deserialize)]
struct Reports {
    reports: Vec<Report>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Report {
    received_at: i64,
    ts: i64,
    oper_id: i64,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Template)]
#[template(path = "comm/raw.html")]
struct RawPage {
    frame: Frame,
    t: &'static CommTexts,
    selects: Vec<Select>,
    gid: String,
    target_id: String,
    table: Table,
    /// Where to go on, where nothing was found on this page.
    next: Option<String>,
    /// The first page, where this is another.
    newest: Option<String>,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let t = CommTexts::of(visit.locale);
    let days = Days {
        from: asked.from.clone(),
        to: asked.to.clone(),
    };
    let range = Range::of(&days, &known, visit.now_ms, DEFAULT_DAYS)?;
    let limit = asked.limit.clone().filter(|limit| !limit.is_empty());
    let limit = limit.unwrap_or_else(|| "50".to_owned());
    let call = visit.get("/api/apps/{}/comm/reports", &[&app]);
    let call = call.with("from", &range.from).with("to", &range.to);
    let call = call.maybe("oper_id", asked.oper_id.as_deref());
    let call = call
        .maybe("gid", asked.gid.as_deref())
        .maybe("target_id", asked.target_id.as_deref());
    let call = call
        .with("limit", &limit)
        .maybe("cursor", asked.cursor.as_deref());
    let mut frame = frame(&visit, &app, t.raw).json(&call);
    let reports: Reports = call.send_fresh().await?.told(&mut frame);
    let registry = Registry::read(&visit, &app).await?;
    let mut table = table(&visit, &known, &registry, &reports.reports);
    if asked.csv.is_some() {
        return Ok(csv::reply(&table));
    }
    let is_first = asked.cursor.is_none();
    if is_first && range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let page = |cursor: Option<&str>| asked.address(&range, &limit, cursor);
    let mut next = reports
        .next_cursor
        .as_deref()
        .map(|cursor| page(Some(cursor)));
    table = table.with_csv(&visit.address);
    if !table.rows.is_empty() {
        table.next = next.take();
    }
    let page = RawPage {
        t,
        selects: selects(&visit, &registry, &asked, &limit),
        gid: asked.gid.clone().unwrap_or_default(),
        target_id: asked.target_id.clone().unwrap_or_default(),
        table,
        next,
        newest: (!is_first).then(|| page(None)),
        frame: frame.range(range),
    };
    Ok(visit.page(&page))
}

impl Asked {
    /// This page, from a cursor on.
    fn address(&self, range: &Range, limit: &str, cursor: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(range.query());
        query.append_pair("limit", limit);
        let filters = [
            ("oper_id", &self.oper_id),
            ("gid", &self.gid),
            ("target_id", &self.target_id),
        ];
        for (name, value) in filters {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                query.append_pair(name, value);
            }
        }
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        format!("?{}", query.finish())
    }
}

fn selects(visit: &Visit, registry: &Registry, asked: &Asked, limit: &str) -> Vec<Select> {
    let t = CommTexts::of(visit.locale);
    let chosen = asked.oper_id.as_deref().unwrap_or_default();
    let mut operations = vec![Choice::new("", t.any, chosen)];
    operations.extend(registry.0.iter().map(|operation| {
        Choice::new(
            operation.oper_id.to_string(),
            operation.shown_name(visit.locale),
            chosen,
        )
    }));
    if !operations.iter().any(|choice| choice.is_chosen) {
        operations.push(Choice::new(
            chosen,
            fill(t.unregistered, &[("id", chosen)]),
            chosen,
        ));
    }
    let select = |name, label, choices| Select {
        name,
        label,
        choices,
    };
    vec![
        select("oper_id", t.operation, operations),
        select("limit", t.limit, top_choices(&LIMITS, limit)),
    ]
}

/// The reports, with a column for each field that one of them has.
fn table(visit: &Visit, app: &App, registry: &Registry, reports: &[Report]) -> Table {
    let t = CommTexts::of(visit.locale);
    let has = |field: &str| {
        reports.iter().any(|report| {
            report
                .fields
                .get(field)
                .is_some_and(|value| !value.is_null())
        })
    };
    let fields: Vec<_> = FIELDS.into_iter().filter(|field| has(field)).collect();
    let mut heads = vec![t.time, t.operation];
    heads.extend(&fields);
    let mut table = Table::new(visit.locale, "reports", t.raw, &heads);
    for report in reports {
        let mut time = Cell::text(format::moment(report.ts, &app.zone));
        time.raw = Some(report.ts.to_string());
        let late_ms = report.received_at.saturating_sub(report.ts);
        if late_ms >= LATE_MS {
            let seconds = format::count(late_ms / 1000);
            time = time.noted(fill(t.later, &[("s", &seconds)]));
        }
        let mut operation = Cell::text(registry.name(report.oper_id, visit.locale));
        operation.raw = Some(report.oper_id.to_string());
        let mut row = vec![time, operation];
        row.extend(
            fields
                .iter()
                .map(|field| Cell::text(plain(report.fields.get(*field)))),
        );
        table.push(row);
    }
    table
}

/// A value as it was sent.
fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
