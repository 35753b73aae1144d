//! Callbacks: which wait, which arrived, which were given up, and those that are sent again.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use reportd_platform::access::Permission;
use serde::Deserialize;
use serde_json::json;

use crate::api::fill_path;
use crate::csv;
use crate::fault::Fault;
use crate::format::count;
use crate::frame::{Frame, Link};
use crate::pairs::Pairs;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::{Posted, Visit};

use super::model::{DeliveriesPage, Delivery, DeliveryCounts, Replayed, WholeDelivery};
use super::notice::is_number;
use super::rows::state_text;
use super::texts::ModerationTexts;
use super::{address, app_name, frame, moment, texts};

const PATH: &str = "/console/deliveries";
/// How far back «all» dead letters go.
const REPLAY_MS: i64 = 90 * 86_400_000;

/// What an address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    app: String,
    state: String,
    ticket: String,
    cursor: String,
    csv: String,
    /// How many were sent again.
    replayed: String,
    /// There are more to be sent again.
    more: String,
}

#[derive(Template)]
#[template(path = "moderation_deliveries.html")]
struct ListPage {
    frame: Frame,
    t: &'static ModerationTexts,
    states: Vec<Link>,
    apps: Vec<(String, String)>,
    asked: Asked,
    said: Vec<String>,
    /// There are dead ones, and the person may send them again.
    may_replay: bool,
    table: Table,
}

pub(super) async fn show_all(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let t = texts(&visit);
    let call = visit
        .get("/api/deliveries", &[])
        .maybe("app", Some(&asked.app))
        .maybe("state", Some(&asked.state))
        .maybe("ticket", Some(asked.ticket.trim()))
        .maybe("cursor", Some(&asked.cursor))
        .with("limit", "100");
    let mut frame = frame(&visit, t.deliveries).json(&call).live(5);
    let page: DeliveriesPage = call.send().await?;
    let here = |state: &str, cursor: &str| {
        let parameters = [
            ("app", &*asked.app),
            ("state", state),
            ("ticket", &asked.ticket),
            ("cursor", cursor),
        ];
        address(PATH, &parameters)
    };
    let table = table(&visit, &page.deliveries, "");
    let mut table = table.with_csv(&here(&asked.state, &asked.cursor));
    if asked.csv == table.name {
        return Ok(csv::reply(&table));
    }
    let next = page.next_cursor.as_deref();
    table.next = next.map(|cursor| here(&asked.state, cursor));
    let counts = counts(&visit, &asked, &mut frame).await?;
    let apps = visit.apps().map(|app| (app.id.clone(), app.name.clone()));
    let page = ListPage {
        states: states(t, &asked, counts.as_ref(), here),
        apps: apps.collect(),
        said: said(t, &asked),
        may_replay: may_replay(&visit) && counts.is_none_or(|counts| counts.dead > 0),
        frame,
        t,
        table,
        asked,
    };
    Ok(visit.page(&page))
}

/// To send callbacks again is for leads.
fn may_replay(visit: &Visit) -> bool {
    visit.may(Permission::Oversee)
}

/// How many there are. Who is limited to categories is told no counts of the others, and so none at all.
async fn counts(
    visit: &Visit,
    asked: &Asked,
    frame: &mut Frame,
) -> Result<Option<DeliveryCounts>, Fault> {
    if visit.person.categories.is_some() {
        return Ok(None);
    }
    let call = visit.get("/api/deliveries/counts", &[]);
    let call = call.maybe("app", Some(&asked.app));
    frame.json.push(call.address());
    Ok(Some(call.send().await?))
}

fn said(t: &ModerationTexts, asked: &Asked) -> Vec<String> {
    let mut said = Vec::new();
    if is_number(&asked.replayed) {
        said.push(fill(t.replayed, &[("n", &asked.replayed)]));
    }
    if asked.more == "1" {
        said.push(t.replayed_more.to_owned());
    }
    said
}

/// A count of a state.
type Count = fn(&DeliveryCounts) -> i64;

fn states(
    t: &ModerationTexts,
    asked: &Asked,
    counts: Option<&DeliveryCounts>,
    here: impl Fn(&str, &str) -> String,
) -> Vec<Link> {
    let counted = |text: &str, number: Count| {
        let Some(counts) = counts else {
            return text.to_owned();
        };
        let number = number(counts);
        match counts.most > 0 && number >= counts.most {
            true => format!("{text} {}", fill(t.counted, &[("n", &count(number))])),
            false => format!("{text} {}", count(number)),
        }
    };
    let states: [(&str, &str, Count); 5] = [
        ("", t.all, DeliveryCounts::all),
        ("pending", t.pending, |counts| counts.pending),
        ("dead", t.dead, |counts| counts.dead),
        ("delivered", t.delivered, |counts| counts.delivered),
        ("taken_back", t.taken_back, |counts| counts.taken_back),
    ];
    states
        .into_iter()
        .map(|(state, text, number)| Link {
            text: counted(text, number),
            address: here(state, ""),
            is_current: asked.state == state,
        })
        .collect()
}

/// A table of callbacks.
pub(super) fn table(visit: &Visit, deliveries: &[Delivery], caption: &str) -> Table {
    let t = texts(visit);
    let attempts = format!("#{}", t.attempts);
    let heads = [
        t.delivery, t.state, t.ticket, t.app, t.to, &attempts, t.created, t.next_at, t.done_at,
        t.answer,
    ];
    let mut table = Table::new(visit.locale, "deliveries", caption, &heads);
    for one in deliveries {
        let at = |at_ms: Option<i64>| {
            let shown = at_ms.map(|at_ms| moment(visit, &one.app_id, at_ms));
            Cell::text(shown.unwrap_or_default())
        };
        let address = fill_path("/console/deliveries/{}", &[&one.delivery_id]);
        table.push(vec![
            Cell::text(&one.delivery_id).to(address),
            Cell::text(state_text(visit, &one.state)),
            Cell::text(&one.ticket_id).to(fill_path("/console/tickets/{}", &[&one.ticket_id])),
            Cell::text(app_name(visit, &one.app_id)),
            Cell::text(&one.url).noted(&one.uniqid),
            Cell::number(one.attempts),
            at(Some(one.created_at)),
            at(one.next_at),
            at(one.done_at),
            answer(one.last_status, one.last_error.as_deref()),
        ]);
    }
    table
}

fn answer(status: Option<i64>, error: Option<&str>) -> Cell {
    let status = status.map(|status| status.to_string()).unwrap_or_default();
    match error {
        Some(error) if status.is_empty() => Cell::text(error).in_english(),
        Some(error) => Cell::text(status).noted(error).in_english(),
        None => Cell::text(status),
    }
}

#[derive(Template)]
#[template(path = "moderation_delivery.html")]
struct OnePage {
    frame: Frame,
    t: &'static ModerationTexts,
    delivery: Delivery,
    state_text: String,
    app_name: String,
    ticket: String,
    created: String,
    next: Option<String>,
    done: Option<String>,
    /// It is dead, and the person may send it again.
    may_replay: bool,
    action: String,
    table: Table,
}

pub(super) async fn show_one(
    visit: Visit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = texts(&visit);
    let call = visit.get("/api/deliveries/{}", &[&id]);
    let title = fill(t.delivery_n, &[("id", &id)]);
    let frame = frame(&visit, title).json(&call).live(5);
    let whole: WholeDelivery = call.send().await?;
    let delivery = whole.delivery;
    let at = |at_ms: i64| moment(&visit, &delivery.app_id, at_ms);
    let took = format!("#{}", t.took);
    let heads = [t.attempt, t.at, took.as_str(), t.answer, t.error, t.details];
    let mut table = Table::new(visit.locale, "attempts", t.attempts, &heads);
    for one in &whole.attempts {
        let status = one.status.map(|status| status.to_string());
        table.push(vec![
            Cell::number(one.attempt),
            Cell::text(at(one.at)),
            Cell {
                raw: Some(one.took_ms.to_string()),
                ..Cell::text(format!("{} ms", count(one.took_ms)))
            },
            Cell::text(status.unwrap_or_default()),
            Cell::text(one.error.as_deref().unwrap_or_default()).in_english(),
            Cell::text(one.excerpt.chars().take(1_000).collect::<String>()),
        ]);
    }
    let here = fill_path("/console/deliveries/{}", &[&id]);
    let table = table.with_csv(&here);
    if asked.csv == table.name {
        return Ok(csv::reply(&table));
    }
    let page = OnePage {
        frame,
        t,
        state_text: state_text(&visit, &delivery.state),
        app_name: app_name(&visit, &delivery.app_id),
        ticket: fill_path("/console/tickets/{}", &[&delivery.ticket_id]),
        created: at(delivery.created_at),
        next: delivery.next_at.map(at),
        done: delivery.done_at.map(at),
        may_replay: may_replay(&visit) && delivery.state == "dead",
        action: format!("{here}/replay"),
        table,
        delivery,
    };
    Ok(visit.page(&page))
}

pub(super) async fn replay_one(
    Path(id): Path<String>,
    posted: Posted<Pairs>,
) -> Result<Response, Fault> {
    let visit = posted.visit;
    visit
        .call(Method::POST, "/api/deliveries/{}/replay", &[&id])
        .send::<Replayed>()
        .await?;
    Ok(visit.done(&fill_path("/console/deliveries/{}", &[&id])))
}

pub(super) async fn replay_all(posted: Posted<Pairs>) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    let given = |name: &str| {
        let text = form.get(name).trim();
        (!text.is_empty()).then_some(text)
    };
    let range = json!({
        "app": given("app"), "host": given("host"), "from": visit.now_ms - REPLAY_MS, "to": visit.now_ms + 1,
    });
    let replayed: Replayed = visit
        .call(Method::POST, "/api/deliveries/replay", &[])
        .json(&range)
        .send()
        .await?;
    let count = replayed.replayed.to_string();
    let more = if replayed.has_more { "1" } else { "" };
    let parameters = [
        ("app", form.get("app")),
        ("replayed", &*count),
        ("more", more),
    ];
    Ok(Redirect::to(&address(PATH, &parameters)).into_response())
}
