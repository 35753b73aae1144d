//! The JSON API of bot event reports (spec comm-report, Read API).

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use bytes::Bytes;
use reportd_db::DbError;
use reportd_journal::{Cursor, JournalError};
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::web::{Api, Caller, Json, Problem, Query};
use reportd_platform::zones::{day_text, parse_day};
use reportd_protocol::comm::{
    ACTIVE_MESSAGE, Field, GROUP_CENSUS, Operation, PASSIVE_MESSAGE, Ret, Scope,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::intake::{Way, decide};
use crate::query::{
    FoundReport, Line, ReportsQuery, Series, SeriesQuery, Step, census, reports, series,
};
use crate::registry::{self, RegistryError};
use crate::rejections::{REPLAY_IDENTITY_MS, Rejection, list, remove};
use crate::{Comm, KIND};

const MOST_TOP: i64 = 1_000;
const DEFAULT_TOP: i64 = 10;
const MOST_HOUR_DAYS: i64 = 31;
const MOST_DAYS: i64 = 3_660;
/// With a dimension the cost of a day is its values, so the range is shorter.
const MOST_DAYS_BY: i64 = 366;
const DEFAULT_PAGE: i64 = 100;
const MOST_PAGE: i64 = 1_000;
/// Rejected requests that one call replays at most.
const MOST_REPLAYS: u64 = 10_000;
const REPLAY_PAGE: i64 = 200;

impl FromRef<Comm> for Api {
    fn from_ref(comm: &Comm) -> Self {
        comm.api.clone()
    }
}

/// The routes of the API.
pub fn api_routes(comm: Comm) -> Router {
    Router::new()
        .route("/api/apps/{app}/comm/series", get(get_series))
        .route("/api/apps/{app}/comm/messages", get(get_messages))
        .route("/api/apps/{app}/comm/reports", get(get_reports))
        .route("/api/apps/{app}/comm/census/{date}", get(get_census))
        .route("/api/apps/{app}/comm/operations", get(get_operations))
        .route(
            "/api/apps/{app}/comm/operations/{oper_id}",
            put(put_operation).delete(delete_operation),
        )
        .route("/api/apps/{app}/comm/rejections", get(get_rejections))
        .route(
            "/api/apps/{app}/comm/rejections/{id}/replay",
            post(replay_one),
        )
        .route("/api/apps/{app}/comm/rejections/replay", post(replay_all))
        .with_state(comm)
}

/// A reply that says how far it lags, where it does (spec operating, Fresh reads).
struct Fresh<T> {
    lag_ms: i64,
    body: Json<T>,
}

impl<T: Serialize> IntoResponse for Fresh<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        if self.lag_ms > 0 {
            let header = HeaderName::from_static("reportd-lag-ms");
            response
                .headers_mut()
                .insert(header, HeaderValue::from(self.lag_ms));
        }
        response
    }
}

impl Comm {
    /// Waits for what is acknowledged, then reads the views.
    async fn read_fresh<T: Send + 'static>(
        &self,
        app: &App,
        read: impl FnOnce(&mut reportd_db::Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<(i64, T), Problem> {
        let lag = self.journal.fresh(KIND, app.no).await;
        Ok((lag.ms, self.views.read_async(read).await?))
    }
}

fn day(field: &str, text: &str) -> Result<i64, Problem> {
    parse_day(text).map_err(|expected| Problem::invalid(field, expected))
}

fn days(from: &str, to: &str, most: i64) -> Result<(i64, i64), Problem> {
    let (from, to) = (day("from", from)?, day("to", to)?);
    match to - from + 1 {
        count if count < 1 => Err(Problem::invalid(
            "to",
            "expected a date that is not before from",
        )),
        count if count > most => Err(Problem::invalid(
            "from",
            format!("expected at most {most} days"),
        )),
        _ => Ok((from, to)),
    }
}

fn dimension(name: Option<&str>) -> Result<Option<Field>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let field = Field::from_name(name).filter(|field| *field != Field::ToUid);
    field.map(Some).ok_or_else(|| {
        Problem::invalid(
            "by",
            "expected a field that can be a dimension: gid, target_id, scope, ext1 … ext10",
        )
    })
}

fn within(field: &str, value: Option<i64>, default: i64, most: i64) -> Result<i64, Problem> {
    match value.unwrap_or(default) {
        value if (1..=most).contains(&value) => Ok(value),
        _ => Err(Problem::invalid(field, format!("expected 1 to {most}"))),
    }
}

#[derive(Deserialize)]
struct SeriesParameters {
    oper_id: i64,
    from: String,
    to: String,
    step: Option<String>,
    by: Option<String>,
    top: Option<i64>,
}

async fn get_series(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<SeriesParameters>,
) -> Result<Fresh<Value>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let step = match asked.step.as_deref() {
        None | Some("day") => Step::Day,
        Some("hour") => Step::Hour,
        Some(_) => return Err(Problem::invalid("step", "expected hour or day")),
    };
    let by = dimension(asked.by.as_deref())?;
    let most = if by.is_some() {
        MOST_DAYS_BY
    } else {
        MOST_DAYS
    };
    let days = days(
        &asked.from,
        &asked.to,
        if step == Step::Hour {
            MOST_HOUR_DAYS
        } else {
            most
        },
    )?;
    if step == Step::Hour && days.0 <= app.zone.day(comm.clock.now_ms()) - MOST_HOUR_DAYS {
        return Err(Problem::invalid(
            "from",
            "hours are there for the last 31 days",
        ));
    }
    let top = within("top", asked.top, DEFAULT_TOP, MOST_TOP)?;
    let query = SeriesQuery {
        app: app.no,
        oper_id: asked.oper_id,
        days,
        step,
        by,
        top,
    };
    let (lag_ms, found) = comm.read_fresh(&app, move |tx| series(tx, &query)).await?;
    Ok(Fresh {
        lag_ms,
        body: Json(series_json(&found, step)),
    })
}

fn series_json(series: &Series, step: Step) -> Value {
    let line = |line: &Line| {
        let points: Vec<Value> = line
            .points
            .iter()
            .map(|&(at, count)| json!({"at": step.text(at), "count": count}))
            .collect();
        json!({"key": line.key, "total": line.total, "points": points})
    };
    let lines: Vec<Value> = series.lines.iter().map(line).collect();
    json!({"total": series.total, "series": lines, "others": series.others})
}

#[derive(Deserialize)]
struct MessagesParameters {
    from: String,
    to: String,
    by: Option<String>,
    top: Option<i64>,
}

/// Active against passive messages, per day or per value of a dimension.
async fn get_messages(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<MessagesParameters>,
) -> Result<Fresh<Value>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let by = dimension(asked.by.as_deref())?;
    let days = days(
        &asked.from,
        &asked.to,
        if by.is_some() {
            MOST_DAYS_BY
        } else {
            MOST_DAYS
        },
    )?;
    let top = within("top", asked.top, DEFAULT_TOP, MOST_TOP)?;
    let query = |oper_id| SeriesQuery {
        app: app.no,
        oper_id,
        days,
        step: Step::Day,
        by,
        top,
    };
    let (active, passive) = (query(ACTIVE_MESSAGE), query(PASSIVE_MESSAGE));
    let read = comm
        .read_fresh(&app, move |tx| crate::query::pair(tx, &active, &passive))
        .await?;
    let (lag_ms, pair) = read;
    let rows: Vec<Value> = pair
        .rows
        .iter()
        .map(|row| json!({"key": row.key, "active": row.counts.0, "passive": row.counts.1}))
        .collect();
    let (active, passive) = pair.totals;
    Ok(Fresh {
        lag_ms,
        body: Json(json!({"active": active, "passive": passive, "rows": rows})),
    })
}

#[derive(Deserialize)]
struct ReportsParameters {
    oper_id: Option<i64>,
    gid: Option<i64>,
    target_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn get_reports(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<ReportsParameters>,
) -> Result<Fresh<Value>, Problem> {
    let app = caller.needs(Permission::RawReports)?;
    let limit = within("limit", asked.limit, DEFAULT_PAGE, MOST_PAGE)?;
    let cursor = asked.cursor.map(|text| text.parse::<Cursor>()).transpose();
    let query = ReportsQuery {
        app: app.no,
        oper_id: asked.oper_id,
        gid: asked.gid,
        target_id: asked.target_id,
        from: asked.from.map(|text| day("from", &text)).transpose()?,
        to: asked.to.map(|text| day("to", &text)).transpose()?,
        limit: usize::try_from(limit).unwrap_or(0),
        cursor: cursor.map_err(|expected| Problem::invalid("cursor", expected))?,
    };
    // The fold tells which entries were repeats: they must not show.
    let lag = comm.journal.fresh(KIND, app.no).await;
    let (journal, views) = (Arc::clone(&comm.journal), comm.views.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        let next = reports(&journal, &views, &query, |report| {
            found.push(report_json(&report))
        })?;
        Ok::<_, JournalError>((found, next))
    });
    let (found, next) = read
        .await
        .map_err(|_| Problem::try_later())?
        .map_err(journal_problem)?;
    let next = next.map(|cursor| cursor.to_string());
    Ok(Fresh {
        lag_ms: lag.ms,
        body: Json(json!({"reports": found, "next_cursor": next})),
    })
}

fn journal_problem(error: JournalError) -> Problem {
    match error {
        JournalError::Db(error) => error.into(),
        damaged => {
            tracing::error!(error = %damaged, "the journal cannot be read");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "a part of the journal cannot be read: the server's log names it",
            )
        }
    }
}

fn report_json(report: &FoundReport<'_>) -> Value {
    let item = &report.item;
    let to_uid = item
        .to_uid
        .as_deref()
        .and_then(|raw| serde_json::from_str::<Value>(raw).ok());
    let mut members = Map::new();
    members.insert("received_at".to_owned(), report.received_at_ms.into());
    members.insert("ts".to_owned(), report.ts_ms.into());
    members.insert("oper_id".to_owned(), item.oper_id.into());
    members.insert("gid".to_owned(), item.gid.into());
    members.insert("target_id".to_owned(), item.target_id.as_deref().into());
    members.insert("to_uid".to_owned(), to_uid.unwrap_or(Value::Null));
    members.insert("scope".to_owned(), scope(item.scope).into());
    for (number, text) in (1..).zip(&item.ext) {
        if let Some(text) = text {
            members.insert(format!("ext{number}"), text.as_ref().into());
        }
    }
    Value::Object(members)
}

fn scope(scope: Scope) -> &'static str {
    scope.name()
}

#[derive(Deserialize)]
struct CensusParameters {
    oper_id: Option<i64>,
}

async fn get_census(
    State(comm): State<Comm>,
    caller: Caller,
    Path((_, date)): Path<(String, String)>,
    Query(asked): Query<CensusParameters>,
) -> Result<Fresh<Value>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let day = day("date", &date)?;
    let (no, oper_id) = (app.no, asked.oper_id.unwrap_or(GROUP_CENSUS));
    let (lag_ms, census) = comm
        .read_fresh(&app, move |tx| census(tx, no, oper_id, day))
        .await?;
    let list: Vec<Value> = census
        .list
        .iter()
        .map(|(gid, count)| json!({"gid": gid, "subscriptions": count}))
        .collect();
    let body = json!({
        "date": day_text(day),
        "groups": census.list.len(),
        "subscriptions": census.list.iter().map(|(_, count)| count).sum::<i64>(),
        "gained": census.gained,
        "lost": census.lost,
        "list": list,
    });
    Ok(Fresh {
        lag_ms,
        body: Json(body),
    })
}

async fn get_operations(State(comm): State<Comm>, caller: Caller) -> Result<Json<Value>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let known = comm.registry.app(app.no).ok_or_else(Problem::try_later)?;
    Ok(Json(json!({"operations": known.operations()})))
}

/// An operation as it is put; its number may be left to the path.
#[derive(Deserialize)]
struct PutOperation {
    oper_id: Option<i64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

async fn put_operation(
    State(comm): State<Comm>,
    caller: Caller,
    Path((_, oper_id)): Path<(String, String)>,
    Json(put): Json<PutOperation>,
) -> Result<Json<Operation>, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let oper_id = path_number("oper_id", &oper_id)?;
    if put.oper_id.is_some_and(|given| given != oper_id) {
        return Err(Problem::invalid(
            "oper_id",
            "expected the number in the path, or none",
        ));
    }
    let mut members = put.rest;
    members.insert("oper_id".to_owned(), oper_id.into());
    let operation: Operation = serde_json::from_value(Value::Object(members))
        .map_err(|error| Problem::invalid("body", error.to_string()))?;
    operation
        .validate()
        .map_err(|invalid| Problem::invalid(&invalid.field, invalid.problem.clone()))?;
    let (no, written) = (app.no, operation.clone());
    let told = comm
        .directory
        .db()
        .write_async(move |tx| registry::put(tx, no, &written))
        .await;
    told.map_err(|error| match error {
        RegistryError::Db(error) => error.into(),
        refused => Problem::new(StatusCode::CONFLICT, refused.to_string()),
    })?;
    comm.directory.refresh().await?;
    Ok(Json(operation))
}

fn path_number(field: &str, text: &str) -> Result<i64, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid(field, format!("«{text}»: expected an integer")))
}

async fn delete_operation(
    State(comm): State<Comm>,
    caller: Caller,
    Path((_, oper_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let oper_id = path_number("oper_id", &oper_id)?;
    let no = app.no;
    let deleted = comm
        .directory
        .db()
        .write_async(move |tx| registry::delete(tx, no, oper_id))
        .await;
    if !deleted.map_err(|error: DbError| Problem::from(error))? {
        return Err(Problem::not_found(format!(
            "there is no operation {oper_id}"
        )));
    }
    comm.directory.refresh().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct RejectionsParameters {
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn get_rejections(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<RejectionsParameters>,
) -> Result<Json<Value>, Problem> {
    let app = caller.needs(Permission::RawReports)?;
    let limit = within("limit", asked.limit, DEFAULT_PAGE, MOST_PAGE)?;
    let before = asked.cursor.map_or(Ok(i64::MAX), |text| {
        text.parse()
            .map_err(|_| Problem::invalid("cursor", "expected a next_cursor of an earlier reply"))
    })?;
    let found: Vec<Rejection> = read_rejections(&comm, &app, before, None, limit).await?;
    let next = (i64::try_from(found.len()) == Ok(limit))
        .then(|| found.last().map(|last| last.id.to_string()))
        .flatten();
    let rejections: Vec<Value> = found
        .iter()
        .map(|r| {
            let body = String::from_utf8_lossy(&r.body);
            json!({"id": r.id, "at": r.at_ms, "ret": r.ret, "msg": r.msg, "count": r.count, "body": body})
        })
        .collect();
    Ok(Json(json!({"rejections": rejections, "next_cursor": next})))
}

async fn read_rejections(
    comm: &Comm,
    app: &App,
    before: i64,
    ret: Option<i64>,
    limit: i64,
) -> Result<Vec<Rejection>, Problem> {
    let no = app.no;
    let read = comm
        .directory
        .db()
        .read_async(move |tx| list(tx, no, before, ret, limit))
        .await;
    read.map_err(|error: DbError| error.into())
}

/// What became of rejected requests that were sent again.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    replayed: u64,
    refused: u64,
}

async fn replay_one(
    State(comm): State<Comm>,
    caller: Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Replayed>, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let id = path_number("id", &id)?;
    let found = read_rejections(&comm, &app, id.saturating_add(1), None, 1).await?;
    let Some(rejection) = found.into_iter().find(|found| found.id == id) else {
        return Err(Problem::not_found(format!(
            "there is no rejection {id}, or it was replayed"
        )));
    };
    let mut told = Replayed::default();
    replay(&comm, &app, rejection, &mut told).await?;
    Ok(Json(told))
}

#[derive(Deserialize)]
struct ReplayParameters {
    ret: Option<i64>,
}

async fn replay_all(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<ReplayParameters>,
) -> Result<Json<Replayed>, Problem> {
    let app = caller.needs(Permission::Manage)?;
    if asked.ret.is_some_and(|ret| Ret::from_code(ret).is_none()) {
        return Err(Problem::invalid(
            "ret",
            "expected a ret of the protocol, such as 40005",
        ));
    }
    let (mut told, mut before) = (Replayed::default(), i64::MAX);
    while told.replayed + told.refused < MOST_REPLAYS {
        let page = read_rejections(&comm, &app, before, asked.ret, REPLAY_PAGE).await?;
        let Some(last) = page.last() else { break };
        before = last.id;
        for rejection in page {
            replay(&comm, &app, rejection, &mut told).await?;
        }
    }
    Ok(Json(told))
}

/// Sends a rejected request through the intake again. It is counted at most once, whatever happens between the journal
/// and the removal of its row: its identity is kept longer than the row.
async fn replay(
    comm: &Comm,
    app: &App,
    rejection: Rejection,
    told: &mut Replayed,
) -> Result<(), Problem> {
    let known = comm.registry.app(app.no).ok_or_else(Problem::try_later)?;
    let now_ms = comm.clock.now_ms();
    let way = Way::Replay {
        keep_until_ms: now_ms + REPLAY_IDENTITY_MS,
    };
    let body = Bytes::from(rejection.body);
    let Ok(accepted) = decide(&known, &body, now_ms, way) else {
        told.refused += 1;
        return Ok(());
    };
    match comm.store(&known, &accepted, &body, way).await {
        Ok(()) => {}
        Err(refusal) if refusal.ret.retryable() => return Err(Problem::try_later()),
        Err(_) => {
            told.refused += 1;
            return Ok(());
        }
    }
    told.replayed += 1;
    let (no, id) = (app.no, rejection.id);
    let removed = comm
        .directory
        .db()
        .write_async(move |tx| remove(tx, no, id))
        .await;
    removed.map_err(|error: DbError| error.into())
}
