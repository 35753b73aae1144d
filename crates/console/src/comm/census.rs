//! The census: which groups the bots are in, and which came and went.

use std::cmp::Reverse;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use reportd_platform::apps::App;
use reportd_platform::zones::{day_text, parse_day};
use serde::Deserialize;

use super::parts::{Card, Choice};
use super::texts::CommTexts;
use super::{GROUP_CENSUS, Registry, address, frame, number};
use crate::csv;
use crate::fault::Fault;
use crate::format;
use crate::frame::Frame;
use crate::range::no_date;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

/// Groups on a page; all are in the CSV.
const PAGE: usize = 200;

#[derive(Deserialize)]
pub(super) struct Asked {
    date: Option<String>,
    oper_id: Option<String>,
    order: Option<String>,
    page: Option<String>,
    csv: Option<String>,
}

#[derive(Deserialize)]
struct Census {
    groups: i64,
    subscriptions: i64,
    gained: Option<Vec<i64>>,
    lost: Option<Vec<i64>>,
    list: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    gid: i64,
    subscriptions: i64,
}

#[derive(Template)]
#[template(path = "comm/census.html")]
struct CensusPage {
    frame: Frame,
    t: &'static CommTexts,
    date: String,
    today: String,
    before: String,
    /// None where it is not yet.
    after: Option<String>,
    operations: Vec<Choice>,
    orders: Vec<Choice>,
    cards: Vec<Card>,
    is_empty: bool,
    /// More groups may still be told of this day.
    is_running: bool,
    gained: Option<Table>,
    lost: Option<Table>,
    list: Table,
}

/// What the address asks for.
struct Shown {
    app: String,
    oper_id: i64,
    day: i64,
    today: i64,
    by_gid: bool,
    page: usize,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let t = CommTexts::of(visit.locale);
    let mut shown = Shown::of(&visit, &known, &asked)?;
    let mut frame = frame(&visit, &app, t.census);
    let mut census: Census = shown.call(&visit).send_fresh().await?.told(&mut frame);
    if asked.date.is_none() && census.list.is_empty() {
        // Today's may not be there yet.
        shown.day -= 1;
        census = shown.call(&visit).send_fresh().await?.told(&mut frame);
    }
    if census.list.is_empty() {
        // A day without a census, or one that has none yet, has lost nothing.
        (census.gained, census.lost) = (None, None);
    }
    shown.sort(&mut census);
    if let Some(name) = asked.csv.as_deref() {
        let table = match name {
            "gained" => gained(&visit, &census, usize::MAX),
            "lost" => lost(&visit, &census, usize::MAX),
            _ => Some(shown.list(&visit, &census, 0, usize::MAX)),
        };
        return table
            .map(|table| csv::reply(&table))
            .ok_or_else(|| Fault::said(StatusCode::NOT_FOUND, t.no_day_before));
    }
    let registry = Registry::read(&visit, &app).await?;
    let first = shown.page.saturating_mul(PAGE).min(census.list.len());
    let mut list = shown
        .list(&visit, &census, first, PAGE)
        .with_csv(&visit.address);
    list.next = (first + PAGE < census.list.len())
        .then(|| shown.address(&[("page", &(shown.page + 1).to_string())]));
    let csv = |table: Option<Table>| table.map(|table| table.with_csv(&visit.address));
    let order = if shown.by_gid { "gid" } else { "" };
    let page = CensusPage {
        t,
        date: day_text(shown.day),
        today: day_text(shown.today),
        before: shown.on(shown.day - 1),
        after: (shown.day < shown.today).then(|| shown.on(shown.day + 1)),
        operations: shown.operations(&visit, &registry),
        orders: vec![
            Choice::new("", t.subscriptions, order),
            Choice::new("gid", t.gid, order),
        ],
        cards: cards(t, &census),
        is_empty: census.list.is_empty(),
        is_running: shown.day == shown.today && census.lost.is_some(),
        gained: csv(gained(&visit, &census, PAGE)),
        lost: csv(lost(&visit, &census, PAGE)),
        list,
        frame: frame.json(&shown.call(&visit)),
    };
    Ok(visit.page(&page))
}

/// Groups that the day before did not have; none where it had no census.
fn gained(visit: &Visit, census: &Census, most: usize) -> Option<Table> {
    let t = CommTexts::of(visit.locale);
    let numbers = census.gained.as_deref();
    groups(visit, "gained", t.gained_of, numbers, &census.list, most)
}

/// Groups that only the day before had.
fn lost(visit: &Visit, census: &Census, most: usize) -> Option<Table> {
    let t = CommTexts::of(visit.locale);
    groups(visit, "lost", t.lost_of, census.lost.as_deref(), &[], most)
}

impl Shown {
    fn of(visit: &Visit, app: &App, asked: &Asked) -> Result<Self, Fault> {
        let today = app.zone.day(visit.now_ms);
        let day = match asked.date.as_deref() {
            None | Some("") => today,
            Some(date) => parse_day(date).map_err(|_| no_date("date", date))?,
        };
        let page = number("page", asked.page.as_deref())?.unwrap_or(0);
        Ok(Self {
            app: app.id.clone(),
            oper_id: number("oper_id", asked.oper_id.as_deref())?.unwrap_or(GROUP_CENSUS),
            day,
            today,
            by_gid: asked.order.as_deref() == Some("gid"),
            page: usize::try_from(page).unwrap_or(0),
        })
    }

    fn call<'a>(&self, visit: &'a Visit) -> crate::api::Call<'a> {
        let call = visit.get(
            "/api/apps/{}/comm/census/{}",
            &[&self.app, &day_text(self.day)],
        );
        call.with("oper_id", &self.oper_id.to_string())
    }

    fn sort(&self, census: &mut Census) {
        if !self.by_gid {
            census
                .list
                .sort_by_key(|group| (Reverse(group.subscriptions), group.gid));
        }
    }

    /// This page on another day.
    fn on(&self, day: i64) -> String {
        let same = Self {
            day,
            app: self.app.clone(),
            ..*self
        };
        same.address(&[])
    }

    fn address(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("date", &day_text(self.day));
        if self.oper_id != GROUP_CENSUS {
            query.append_pair("oper_id", &self.oper_id.to_string());
        }
        if self.by_gid {
            query.append_pair("order", "gid");
        }
        query.extend_pairs(more);
        format!("{}?{}", address(&self.app, "/census"), query.finish())
    }

    /// The operations to choose from: none where there is only one.
    fn operations(&self, visit: &Visit, registry: &Registry) -> Vec<Choice> {
        let chosen = self.oper_id.to_string();
        let snapshots = registry
            .0
            .iter()
            .filter(|operation| operation.kind == "snapshot");
        let choice = |operation: &super::Operation| {
            let name = operation.shown_name(visit.locale);
            Choice::new(operation.oper_id.to_string(), name, &chosen)
        };
        let choices: Vec<_> = snapshots.map(choice).collect();
        if choices.len() > 1 || choices.iter().any(|choice| !choice.is_chosen) {
            choices
        } else {
            Vec::new()
        }
    }

    fn list(&self, visit: &Visit, census: &Census, first: usize, most: usize) -> Table {
        let t = CommTexts::of(visit.locale);
        let rows = census.list.iter().skip(first).take(most);
        let caption = match rows.len() == census.list.len() {
            true => t.list_of.to_owned(),
            false => {
                let count = |place: usize| format::count(i64::try_from(place).unwrap_or(i64::MAX));
                let places = [
                    ("caption", t.list_of.to_owned()),
                    ("first", count(first + 1)),
                    ("last", count(first + rows.len())),
                    ("n", count(census.list.len())),
                ];
                fill(
                    t.first_of,
                    &places.each_ref().map(|(name, text)| (*name, text.as_str())),
                )
            }
        };
        let heads = [t.gid, &format!("#{}", t.subscriptions)];
        let mut table = Table::new(visit.locale, "groups", caption, &heads);
        let highest = census.list.iter().map(|group| group.subscriptions).max();
        for group in rows {
            let subscriptions = Cell::number(group.subscriptions);
            let subscriptions = subscriptions.share(group.subscriptions, highest.unwrap_or(0));
            table.push(vec![Cell::text(group.gid.to_string()), subscriptions]);
        }
        table
    }
}

fn cards(t: &'static CommTexts, census: &Census) -> Vec<Card> {
    let subscriptions = Card::new(t.subscriptions, format::count(census.subscriptions));
    let a_group = census.subscriptions.checked_div(census.groups);
    let a_group = a_group.map(|a_group| fill(t.a_group, &[("n", &format::count(a_group))]));
    let moved = |label, groups: Option<&Vec<i64>>, sign: &str, class| {
        let Some(groups) = groups else {
            let why = match census.list.is_empty() {
                true => "",
                false => t.no_day_before,
            };
            return Card::new(label, "–").note(why);
        };
        let mut card = Card::new(
            label,
            format!(
                "{}{}",
                if groups.is_empty() { "" } else { sign },
                groups.len()
            ),
        );
        card.class = class;
        card
    };
    vec![
        Card::new(t.groups, format::count(census.groups)),
        subscriptions.note(a_group.unwrap_or_default()),
        moved(t.gained, census.gained.as_ref(), "+", "up"),
        moved(t.lost, census.lost.as_ref(), "−", "down"),
    ]
}

/// Groups that came or went; none where the day before has no census. What they subscribe to is known of those in `list`.
fn groups(
    visit: &Visit,
    name: &'static str,
    caption: &str,
    gids: Option<&[i64]>,
    list: &[Group],
    most: usize,
) -> Option<Table> {
    let t = CommTexts::of(visit.locale);
    let subscriptions = format!("#{}", t.subscriptions);
    let heads = [t.gid, &subscriptions];
    let heads = if name == "gained" {
        &heads[..]
    } else {
        &heads[..1]
    };
    let mut table = Table::new(visit.locale, name, caption, heads);
    let known: std::collections::HashMap<_, _> = list
        .iter()
        .map(|group| (group.gid, group.subscriptions))
        .collect();
    for gid in gids?.iter().take(most) {
        let mut row = vec![Cell::text(gid.to_string())];
        if name == "gained" {
            row.push(
                known
                    .get(gid)
                    .map_or(Cell::default(), |count| Cell::number(*count)),
            );
        }
        table.push(row);
    }
    Some(table)
}
