//! Active against passive messages: what a bot sent by itself, and what it answered.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::parts::{Card, Choice, Select, reported_later, top_choices};
use super::texts::CommTexts;
use super::{ACTIVE_MESSAGE, PASSIVE_MESSAGE, Registry, field_name, frame};
use crate::api::Call;
use crate::chart::{Chart, Line, Shape};
use crate::compared::{Pair, Span};
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
    let call = |from: &str, to: &str| messages_call(&visit, &app, from, to);
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
    let compared = match range.against_hours().pair() {
        Some(pair) => Some(Compared::read(&visit, &app, pair, &daily).await?),
        None => None,
    };
    if range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let page = MessagesPage {
        selects: selects(&visit, fields, by.as_deref(), &top),
        cards: cards(&visit, &daily, compared.as_ref()),
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

fn messages_call<'a>(visit: &'a Visit, app: &str, from: &str, to: &str) -> Call<'a> {
    let call = visit.get("/api/apps/{}/comm/messages", &[app]);
    call.with("from", from).with("to", to)
}

/// Active and passive messages of the days that may be compared, and of those before them.
struct Compared {
    now: [i64; 2],
    before: [i64; 2],
    pair: Pair,
}

impl Compared {
    async fn read(
        visit: &Visit,
        app: &str,
        pair: &Pair,
        of_range: &Messages,
    ) -> Result<Self, Fault> {
        let of_days = async |days: Span| {
            let call = messages_call(visit, app, &days.from(), &days.to());
            Ok::<_, Fault>(call.send::<Messages>().await?.counts())
        };
        let now = match pair.is_part() {
            true => of_days(pair.now).await?,
            false => of_range.counts(),
        };
        let mut before = of_days(pair.before).await?;
        for (count, oper_id) in before.iter_mut().zip([ACTIVE_MESSAGE, PASSIVE_MESSAGE]) {
            let later = reported_later(visit, app, oper_id, pair).await?;
            *count = count.saturating_sub(later);
        }
        Ok(Self {
            now,
            before,
            pair: *pair,
        })
    }
}

impl Messages {
    fn counts(&self) -> [i64; 2] {
        [self.active, self.passive]
    }
}

fn cards(visit: &Visit, messages: &Messages, compared: Option<&Compared>) -> Vec<Card> {
    let t = CommTexts::of(visit.locale);
    let both: fn([i64; 2]) -> i64 = |counts| counts[0].saturating_add(counts[1]);
    let card = |label, figure: fn([i64; 2]) -> i64| {
        let card = Card::new(label, format::count(figure(messages.counts())));
        match compared {
            Some(Compared { now, before, pair }) => {
                card.changed(figure(*now), figure(*before), pair, visit.locale)
            }
            None => card,
        }
    };
    let share = format::share(messages.active, both(messages.counts()));
    vec![
        card(t.active, |counts| counts[0]),
        card(t.passive, |counts| counts[1]),
        card(t.both, both),
        Card::new(t.active_share, share),
    ]
}

fn chart(t: &'static CommTexts, messages: &Messages) -> Chart {
    let line =
        |name: &str, value: fn(&Row) -> i64| Line::new(name, messages.rows.iter().map(value));
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
