//! Requests that were refused: why, and a second try.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use reportd_platform::access::Permission;
use serde::Deserialize;
use serde_json::Value;

use super::parts::Choice;
use super::texts::CommTexts;
use super::{Registry, address, frame};
use crate::csv;
use crate::fault::Fault;
use crate::format;
use crate::frame::Frame;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::{Posted, Visit};

const LIMIT: &str = "50";
const RETS: [i64; 6] = [40001, 40002, 40003, 40004, 40005, 40006];
/// A replay of all makes so many calls of the API at most; the page then says that there are more.
const MOST_CALLS: usize = 20;
/// A body that is longer is shown folded.
const SHORT_BODY_CHARS: usize = 120;

#[derive(Deserialize)]
pub(super) struct Asked {
    cursor: Option<String>,
    csv: Option<String>,
    replayed: Option<i64>,
    refused: Option<i64>,
    more: Option<i64>,
}

#[derive(Deserialize)]
struct Rejections {
    rejections: Vec<Rejection>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Rejection {
    id: i64,
    at: i64,
    ret: i64,
    msg: String,
    count: i64,
    body: String,
}

/// A refused request, as it is shown.
struct Row {
    id: i64,
    at: String,
    ret: i64,
    cause: &'static str,
    msg: String,
    count: String,
    body: String,
    /// Its length in words, where the body is folded.
    folded: Option<String>,
    /// What it lacks to be taken: operations that can be registered, with the text and address of each.
    unknown: Vec<(String, String)>,
    replay: String,
}

#[derive(Template)]
#[template(path = "comm/rejected.html")]
struct RejectedPage {
    frame: Frame,
    t: &'static CommTexts,
    rows: Vec<Row>,
    may_replay: bool,
    replay_all: String,
    rets: Vec<Choice>,
    told: Option<String>,
    has_more: bool,
    csv: Option<String>,
    next: Option<String>,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let t = CommTexts::of(visit.locale);
    let call = visit
        .get("/api/apps/{}/comm/rejections", &[&app])
        .with("limit", LIMIT);
    let call = call.maybe("cursor", asked.cursor.as_deref());
    let mut frame = frame(&visit, &app, t.rejected).json(&call);
    let page: Rejections = call.send_fresh().await?.told(&mut frame);
    let table = table(&visit, &page.rejections);
    if asked.csv.is_some() {
        return Ok(csv::reply(&table));
    }
    let registry = Registry::read(&visit, &app).await?;
    let may_replay = visit.may(Permission::Manage);
    let row = |rejection: Rejection| Row {
        at: format::moment(rejection.at, &known.zone),
        cause: cause(t, rejection.ret),
        count: format::count(rejection.count),
        folded: folded(t, &rejection.body),
        unknown: if may_replay {
            unknown(t, &app, &registry, &rejection)
        } else {
            Vec::new()
        },
        replay: address(&app, &format!("/rejected/{}/replay", rejection.id)),
        id: rejection.id,
        ret: rejection.ret,
        msg: rejection.msg,
        body: rejection.body,
    };
    let told = asked.replayed.map(|replayed| {
        let refused = asked.refused.unwrap_or(0);
        fill(
            t.replayed,
            &[
                ("n", &format::count(replayed)),
                ("m", &format::count(refused)),
            ],
        )
    });
    let ret = |ret: &i64| Choice::new(ret.to_string(), format!("{ret} · {}", cause(t, *ret)), "");
    let rets = [Choice::new("", t.replay_every, "")]
        .into_iter()
        .chain(RETS.iter().map(ret));
    let page = RejectedPage {
        rows: page.rejections.into_iter().map(row).collect(),
        may_replay,
        replay_all: address(&app, "/rejected/replay"),
        rets: rets.collect(),
        told,
        has_more: asked.more.is_some(),
        csv: table.with_csv(&visit.address).csv,
        next: page.next_cursor.map(|cursor| format!("?cursor={cursor}")),
        frame,
        t,
    };
    Ok(visit.page(&page))
}

fn cause(t: &'static CommTexts, ret: i64) -> &'static str {
    match ret {
        40001 => t.ret_40001,
        40002 => t.ret_40002,
        40003 => t.ret_40003,
        40004 => t.ret_40004,
        40005 => t.ret_40005,
        40006 => t.ret_40006,
        _ => t.ret_other,
    }
}

fn folded(t: &'static CommTexts, body: &str) -> Option<String> {
    let chars = body.chars().count();
    let count = format::count(i64::try_from(chars).unwrap_or(i64::MAX));
    (chars > SHORT_BODY_CHARS).then(|| fill(t.bytes, &[("n", &count)]))
}

/// The operations of a request that are not registered.
fn unknown(
    t: &'static CommTexts,
    app: &str,
    registry: &Registry,
    rejection: &Rejection,
) -> Vec<(String, String)> {
    if rejection.ret != 40005 {
        return Vec::new();
    }
    let body: Value = serde_json::from_str(&rejection.body).unwrap_or_default();
    let items = match &body["data_list"] {
        Value::Array(items) => items.iter().collect(),
        item => vec![item],
    };
    let mut ids: Vec<_> = items
        .iter()
        .filter_map(|item| item["oper_id"].as_i64())
        .collect();
    ids.retain(|oper_id| registry.find(*oper_id).is_none());
    ids.sort_unstable();
    ids.dedup();
    let link = |oper_id: i64| {
        let id = oper_id.to_string();
        (
            fill(t.register, &[("id", &id)]),
            address(app, &format!("/operations/new?oper_id={id}")),
        )
    };
    ids.into_iter().map(link).collect()
}

fn table(visit: &Visit, rejections: &[Rejection]) -> Table {
    let t = CommTexts::of(visit.locale);
    let heads = ["id", t.time, "ret", "msg", &format!("#{}", t.times), t.body];
    let mut table = Table::new(visit.locale, "rejected", "", &heads);
    for rejection in rejections {
        table.push(vec![
            Cell::text(rejection.id.to_string()),
            Cell::text(rejection.at.to_string()),
            Cell::text(rejection.ret.to_string()),
            Cell::text(rejection.msg.clone()),
            Cell::number(rejection.count),
            Cell::text(rejection.body.clone()),
        ]);
    }
    table
}

#[derive(Deserialize)]
struct Replayed {
    replayed: i64,
    refused: i64,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NoFields {}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    ret: String,
}

pub(super) async fn replay_one(
    Path((app, id)): Path<(String, String)>,
    Posted {
        visit,
        form: NoFields {},
    }: Posted<NoFields>,
) -> Result<Response, Fault> {
    let call = visit.call(
        Method::POST,
        "/api/apps/{}/comm/rejections/{}/replay",
        &[&app, &id],
    );
    let told: Replayed = call.send().await?;
    Ok(show(&app, &told))
}

pub(super) async fn replay_all(
    Path(app): Path<String>,
    Posted { visit, form }: Posted<Which>,
) -> Result<Response, Fault> {
    let mut all = Replayed {
        replayed: 0,
        refused: 0,
        next_cursor: None,
    };
    for _ in 0..MOST_CALLS {
        let call = visit.call(Method::POST, "/api/apps/{}/comm/rejections/replay", &[&app]);
        let call = call
            .maybe("ret", Some(&form.ret))
            .maybe("cursor", all.next_cursor.as_deref());
        let told: Replayed = call.send().await?;
        all.replayed += told.replayed;
        all.refused += told.refused;
        all.next_cursor = told.next_cursor;
        if all.next_cursor.is_none() {
            break;
        }
    }
    Ok(show(&app, &all))
}

/// The page that says what came of it.
fn show(app: &str, told: &Replayed) -> Response {
    let more = if told.next_cursor.is_some() {
        "&more=1"
    } else {
        ""
    };
    let query = format!("?replayed={}&refused={}{more}", told.replayed, told.refused);
    Redirect::to(&address(app, &format!("/rejected{query}"))).into_response()
}
