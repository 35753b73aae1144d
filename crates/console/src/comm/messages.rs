//! Active against passive messages: what a bot sent by itself, and what it answered.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::parts::{Card, Choice, Select, top_choices};
use super::texts::CommTexts;
use super::{ACTIVE_MESSAGE, PASSIVE_MESSAGE, Registry, field_name, frame};
use crate::chart::{Chart, Line, Shape};
use crate::csv;
use crate::fault::Fault;
use crate::format;
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::visit::Visit;

const DEFAULT_DAYS: i64 = 30;
const LIVE_SECONDS: u32 = 5;
const TOPS: [u32; 4] = [10, 20, 50, 100];

#[derive(Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    top: Option<String>,
    csv: Option<String>,
}

#[derive(Deserialize)]
struct Messages {
    active: i64,
    passive: i64,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    active: i64,
    passive: i64,
}

#[derive(Template)]
#[template(path = "comm/figures.html")]
struct MessagesPage {
    frame: Frame,
    selects: Vec<Select>,
    cards: Vec<Card>,
    chart: String,
    table: Table,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let t = CommTexts::of(visit.locale);
    let days = Days {
        from: asked.from,
        to: asked.to,
    };
    let range = Range::of(&days, &known, visit.now_ms, DEFAULT_DAYS)?;
    let fields = fields(&Registry::read(&visit, &app).await?);
    let by = asked.by.filter(|by| fields.contains(by));
    let top = asked.top.filter(|top| !top.is_empty());
    let top = top.unwrap_or_else(|| "10".to_owned());
    let call = |from: &str, to: &str| {
        let call = visit.get("/api/apps/{}/comm/messages", &[&app]);
        call.with("from", from).with("to", to)
    };
    let mut frame = frame(&visit, &app, t.messages);
    let daily = call(&range.from, &range.to);
    frame = frame.json(&daily);
    let daily: Messages = daily.send_fresh().await?.told(&mut frame);
    let mut table = days_table(&visit, &daily);
    if let Some(by) = &by {
        let call = call(&range.from, &range.to)
            .with("by", by)
            .with("top", &top);
        frame = frame.json(&call);
        table = values_table(&visit, by, &call.send().await?);
    }
    if asked.csv.is_some() {
        return Ok(csv::reply(&table));
    }
    let before = match range.before() {
        Some((from, to)) => Some(call(&from, &to).send::<Messages>().await?),
        None => None,
    };
    if range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let page = MessagesPage {
        selects: selects(&visit, fields, by.as_deref(), &top),
        cards: cards(&visit, &daily, before.as_ref(), &range),
        chart: chart(t, &daily).markup(visit.locale),
        table: table.with_csv(&visit.address),
        frame: frame.range(range),
    };
    Ok(visit.page(&page))
}

/// The fields by which both kinds of messages are counted.
fn fields(registry: &Registry) -> Vec<String> {
    let of = |oper_id| {
        registry
            .find(oper_id)
            .map_or(Vec::new(), |known| known.dimensions.clone())
    };
    let passive = of(PASSIVE_MESSAGE);
    let mut fields = of(ACTIVE_MESSAGE);
    fields.retain(|field| passive.contains(field));
    fields
}

fn selects(visit: &Visit, fields: Vec<String>, by: Option<&str>, top: &str) -> Vec<Select> {
    let t = CommTexts::of(visit.locale);
    let chosen = by.unwrap_or_default();
    let field = |field: String| {
        let name = field_name(&field, Some(ACTIVE_MESSAGE), visit.locale);
        Choice::new(field, name, chosen)
    };
    let mut choices = vec![Choice::new("", t.by_day, chosen)];
    choices.extend(fields.into_iter().map(field));
    let mut selects = vec![Select {
        name: "by",
        label: t.by,
        choices,
    }];
    if by.is_some() {
        selects.push(Select {
            name: "top",
            label: t.top,
            choices: top_choices(&TOPS, top),
        });
    }
    selects
}

fn cards(visit: &Visit, now: &Messages, before: Option<&Messages>, range: &Range) -> Vec<Card> {
    let t = CommTexts::of(visit.locale);
    let both = |messages: &Messages| messages.active.saturating_add(messages.passive);
    let card = |label, number: i64, before: Option<i64>| {
        let card = Card::new(label, format::count(number));
        card.against(number, before, range, visit.locale)
    };
    vec![
        card(t.active, now.active, before.map(|before| before.active)),
        card(t.passive, now.passive, before.map(|before| before.passive)),
        card(t.both, both(now), before.map(both)),
        Card::new(t.active_share, format::share(now.active, both(now))),
    ]
}

fn chart(t: &'static CommTexts, messages: &Messages) -> Chart {
    let line = |name: &str, value: fn(&Row) -> i64| Line {
        name: name.to_owned(),
        values: messages.rows.iter().map(value).collect(),
    };
    Chart {
        title: t.messages_of.to_owned(),
        shape: Shape::Bars,
        labels: messages.rows.iter().map(|row| row.key.clone()).collect(),
        lines: vec![
            line(t.active, |row| row.active),
            line(t.passive, |row| row.passive),
        ],
    }
}

fn days_table(visit: &Visit, messages: &Messages) -> Table {
    let t = CommTexts::of(visit.locale);
    table(visit, "days", t.day, messages.rows.iter().rev())
}

fn values_table(visit: &Visit, by: &str, messages: &Messages) -> Table {
    let field = field_name(by, Some(ACTIVE_MESSAGE), visit.locale);
    table(visit, "values", &field, messages.rows.iter())
}

fn table<'a>(
    visit: &Visit,
    name: &'static str,
    head: &str,
    rows: impl Iterator<Item = &'a Row>,
) -> Table {
    let t = CommTexts::of(visit.locale);
    let number = |text: &str| format!("#{text}");
    let heads = [
        head,
        &number(t.active),
        &number(t.passive),
        &number(t.both),
        &number(t.active_share),
    ];
    let mut table = Table::new(visit.locale, name, t.messages_of, &heads);
    for row in rows {
        let both = row.active.saturating_add(row.passive);
        table.push(vec![
            Cell::text(row.key.clone()),
            Cell::number(row.active),
            Cell::number(row.passive),
            Cell::number(both),
            Cell::text(format::share(row.active, both)).share(row.active, both),
        ]);
    }
    table
}
