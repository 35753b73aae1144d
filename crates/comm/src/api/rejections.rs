//! Rejected requests, and their replay.

use std::borrow::Cow;

use axum::extract::{Path, State};
use bytes::Bytes;
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{
    Caller, DEFAULT_PAGE, Json, MOST_PAGE, Problem, Query, path_number, within,
};
use reportd_protocol::comm::Ret;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::TAG;
use crate::intake::{Way, body_hash, decide};
use crate::registry::CommApp;
use crate::rejections::{REPLAY_IDENTITY_MS, Rejection, RejectionsQuery, claim, list, settle};
use crate::{Comm, KIND};

/// Rejected requests that one call replays at most: the reply says where to go on.
const MOST_REPLAYS: u64 = 1_000;
const REPLAY_PAGE: i64 = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RejectionsParameters {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    #[param(pattern = r"^\d{1,18}$")]
    cursor: Option<String>,
}

/// A page of refused requests, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::RejectionsPage)]
pub(super) struct RejectionsPage {
    /// The requests.
    rejections: Vec<ShownRejection>,
    /// The `cursor` of the next page; null where there is none.
    #[schema(required, example = "17")]
    next_cursor: Option<String>,
}

/// A refused request.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Rejection)]
struct ShownRejection {
    /// Its number.
    #[schema(minimum = 1, example = 17)]
    id: i64,
    /// When it came, in ms since 1970.
    #[schema(minimum = 0, example = 1_795_219_200_123_i64)]
    at: i64,
    /// The `ret` that the bot was told.
    #[schema(value_type = RetCode)]
    ret: i64,
    /// The `msg` that the bot was told.
    #[schema(example = "data_list[0].oper_id: 7 is not registered for this app")]
    msg: String,
    /// How often the same request was refused.
    #[schema(minimum = 1, example = 1)]
    count: i64,
    /// Its body; bytes that are no UTF-8 show as U+FFFD.
    body: String,
}

/// A `ret` of the protocol, as the document describes it.
struct RetCode;

impl ToSchema for RetCode {
    fn name() -> Cow<'static, str> {
        "comm.Ret".into()
    }
}

impl PartialSchema for RetCode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .enum_values(Some(Ret::ALL.map(Ret::code)))
            .into()
    }
}

/// Refused requests, newest first
///
/// Equal ones are one row with a count. Those refused with 40001 to 40006 are kept, with bodies of up to 16 KiB, for 7 days. For
/// roles lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/comm/rejections", operation_id = "comm_rejections", tag = TAG,
    params(AppInPath, RejectionsParameters), security(("ApiKey" = [])),
    responses((status = 200, description = "A page.", body = RejectionsPage), ParameterProblem, CallProblems),
)]
pub(super) async fn get_rejections(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<RejectionsParameters>,
) -> Result<Json<RejectionsPage>, Problem> {
    let app = caller.needs(Permission::RawReports)?;
    let limit = within("limit", asked.limit, DEFAULT_PAGE, MOST_PAGE)?;
    let before = id_before(asked.cursor.as_deref())?;
    let found: Vec<Rejection> = read_rejections(&comm, &app, before, None, limit).await?;
    let next_cursor = (i64::try_from(found.len()) == Ok(limit))
        .then(|| found.last().map(|last| last.id.to_string()))
        .flatten();
    let shown = |rejection: Rejection| ShownRejection {
        id: rejection.id,
        at: rejection.at_ms,
        ret: rejection.ret,
        msg: rejection.msg,
        count: rejection.count,
        body: String::from_utf8_lossy(&rejection.body).into_owned(),
    };
    Ok(Json(RejectionsPage {
        rejections: found.into_iter().map(shown).collect(),
        next_cursor,
    }))
}

async fn read_rejections(
    comm: &Comm,
    app: &App,
    before_id: i64,
    ret: Option<i64>,
    limit: i64,
) -> Result<Vec<Rejection>, Problem> {
    let since_ms = comm.rejections.oldest_ms(comm.clock.now_ms());
    let query = RejectionsQuery {
        app: app.no,
        before_id,
        ret,
        since_ms,
        limit,
    };
    let read = comm
        .directory
        .db()
        .read_async(move |tx| list(tx, &query))
        .await;
    read.map_err(|error: DbError| error.into())
}

/// What became of rejected requests that were sent again.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = comm::Replayed)]
pub(super) struct Replayed {
    /// How many were taken, or had been.
    #[schema(example = 3)]
    replayed: u64,
    /// How many were refused again; they stay in the list.
    #[schema(example = 0)]
    refused: u64,
    /// Where there are more: the `cursor` of the next call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "17")]
    next_cursor: Option<String>,
}

/// Take a refused request after all
///
/// It is judged again by what is registered now, whatever its `ts`, and is counted at most once. For role admin.
#[utoipa::path(
    post, path = "/api/apps/{app}/comm/rejections/{id}/replay", operation_id = "comm_replay_rejection", tag = TAG,
    params(AppInPath, ("id" = i64, Path, description = "The number of the refused request.", example = 17)),
    security(("ApiKey" = [])),
    responses((status = 200, description = "It was judged again.", body = Replayed), ParameterProblem, CallProblems),
)]
pub(super) async fn replay_one(
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
    replay_page(&comm, &app, vec![rejection], &mut told).await?;
    if told.replayed + told.refused == 0 {
        return Err(Problem::not_found(format!(
            "the rejection {id} is being replayed already, or was"
        )));
    }
    Ok(Json(told))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReplayParameters {
    /// Only those that were refused with this `ret`.
    #[param(inline, value_type = RetCode, required = false, example = 40005)]
    ret: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    #[param(pattern = r"^\d{1,18}$")]
    cursor: Option<String>,
}

/// Take refused requests after all
///
/// As many as one call can do; `next_cursor` tells where to go on. For role admin.
#[utoipa::path(
    post, path = "/api/apps/{app}/comm/rejections/replay", operation_id = "comm_replay_rejections", tag = TAG,
    params(AppInPath, ReplayParameters), security(("ApiKey" = [])),
    responses((status = 200, description = "They were judged again.", body = Replayed), ParameterProblem, CallProblems),
)]
pub(super) async fn replay_all(
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
    let (mut told, mut before) = (Replayed::default(), id_before(asked.cursor.as_deref())?);
    loop {
        let page = read_rejections(&comm, &app, before, asked.ret, REPLAY_PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(Json(told));
        };
        if told.replayed + told.refused >= MOST_REPLAYS {
            told.next_cursor = Some(before.to_string());
            return Ok(Json(told));
        }
        before = last.id;
        replay_page(&comm, &app, page, &mut told).await?;
    }
}

fn id_before(cursor: Option<&str>) -> Result<i64, Problem> {
    let expected = |_| Problem::invalid("cursor", "expected a next_cursor of an earlier reply");
    cursor.map_or(Ok(i64::MAX), |text| text.parse().map_err(expected))
}

/// Sends rejected requests through the intake again, and drops the rows of those that were taken. Rows that another
/// replay has claimed are passed over. Each is counted at most once, whatever happens between the journal and the
/// removal: its identity is kept longer than its row.
async fn replay_page(
    comm: &Comm,
    app: &App,
    page: Vec<Rejection>,
    told: &mut Replayed,
) -> Result<(), Problem> {
    let known = comm.registry.app(app.no).ok_or_else(Problem::try_later)?;
    let (no, now_ms) = (app.no, comm.clock.now_ms());
    let db = comm.directory.db();
    let claimed = db
        .write_async(move |tx| claim(tx, no, page, now_ms))
        .await
        .map_err(|error: DbError| Problem::from(error))?;
    comm.journal.fresh(KIND, u64::from(app.no)).await;
    let mut outcomes = Vec::with_capacity(claimed.len());
    let mut failed = None;
    for rejection in claimed {
        let body = Bytes::from(rejection.body);
        let mut is_taken = false;
        if failed.is_none() {
            match replay(comm, &known, &body, now_ms).await {
                Ok(taken) => {
                    is_taken = taken;
                    told.replayed += u64::from(taken);
                    told.refused += u64::from(!taken);
                }
                // The others are given back.
                Err(problem) => failed = Some(problem),
            }
        }
        outcomes.push((rejection.id, is_taken));
    }
    db.write_async(move |tx| settle(tx, no, &outcomes))
        .await
        .map_err(|error: DbError| Problem::from(error))?;
    failed.map_or(Ok(()), Err)
}

/// True where the request is counted now, false where it is still refused; an error where it can be tried later.
async fn replay(comm: &Comm, app: &CommApp, body: &Bytes, now_ms: i64) -> Result<bool, Problem> {
    let way = Way::Replay {
        keep_until_ms: now_ms + REPLAY_IDENTITY_MS,
    };
    let Ok(accepted) = decide(app, body, now_ms, way) else {
        return Ok(false);
    };
    // It came in after all: an entry for it would be a repeat, and only as long as its identity is kept.
    if is_counted(comm, &app.app, accepted.report.ts_ms, body).await? {
        return Ok(true);
    }
    match comm.store(app, &accepted, body, way).await {
        Ok(()) => Ok(true),
        Err(refusal) if refusal.ret.retryable() => Err(Problem::try_later()),
        Err(_) => Ok(false),
    }
}

/// True where the same request was counted: its identity stands, and is kept as long as the rejection of it.
async fn is_counted(comm: &Comm, app: &App, ts_ms: i64, body: &Bytes) -> Result<bool, Problem> {
    let (no, hash) = (app.no, body_hash(body));
    let sql = "SELECT COUNT(*) FROM comm_identity WHERE app = $1 AND ts = $2 AND hash = $3";
    let read =
        move |tx: &mut Tx<'_>| tx.query_int(sql, &[no.into(), ts_ms.into(), hash[..].into()]);
    let found: Result<i64, DbError> = comm.views.store().read_async(read).await;
    Ok(found? > 0)
}
