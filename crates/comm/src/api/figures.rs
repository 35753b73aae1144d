//! Figures: series, active against passive messages, the census.

use axum::extract::{Path, State};
use reportd_db::Tx;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query, day, days, within};
use reportd_platform::zones::day_text;
use reportd_protocol::comm::{ACTIVE_MESSAGE, Field, GROUP_CENSUS, PASSIVE_MESSAGE};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::TAG;
use crate::Comm;
use crate::query::{Line, PairRow, Series, SeriesQuery, Step, census, pair, series};
use crate::registry::CommApp;

const MOST_TOP: i64 = 1_000;
/// Two series side by side are read for the values of both.
const MOST_TOP_OF_PAIR: i64 = 100;
const DEFAULT_TOP: i64 = 10;
/// Points of a reply, over all its lines.
const MOST_POINTS: i64 = 100_000;
const MOST_HOUR_DAYS: i64 = 31;
const MOST_DAYS: i64 = 3_660;
/// With a dimension the cost of a day is its values, so the range is shorter.
const MOST_DAYS_BY: i64 = 366;

fn dimension(name: Option<&str>, app: &CommApp, oper_id: i64) -> Result<Option<Field>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let field = Field::from_name(name).filter(|field| *field != Field::ToUid);
    let field = field.ok_or_else(|| {
        Problem::invalid(
            "by",
            "expected a field that can be a dimension: gid, target_id, scope, ext1 … ext10",
        )
    })?;
    let counted = app
        .operation(oper_id)
        .is_none_or(|known| known.operation.dimensions.contains(&field));
    if counted {
        Ok(Some(field))
    } else {
        Err(Problem::invalid(
            "by",
            format!("{name} is no dimension of {oper_id}"),
        ))
    }
}

/// The name of a field by which counts can be broken down, as the document describes it.
pub(super) struct Dimension;

impl ToSchema for Dimension {}

impl PartialSchema for Dimension {
    fn schema() -> RefOr<Schema> {
        let names = Field::ALL
            .into_iter()
            .filter(|field| *field != Field::ToUid);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names.map(Field::name)))
            .into()
    }
}

/// The width of a step.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum StepName {
    Hour,
    Day,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SeriesParameters {
    /// The operation whose reports are counted.
    #[param(example = 1_503_000_120_601_i64)]
    oper_id: i64,
    /// The first day, in the app's zone.
    #[param(format = Date, example = "2026-11-20")]
    from: String,
    /// The last day, included. At most 3,660 days, with `by` 366, and with `step=hour` 31, of the last 31 days.
    #[param(format = Date, example = "2026-11-21")]
    to: String,
    /// How wide a step is: a day where it is not given.
    #[param(inline, value_type = StepName, required = false)]
    step: Option<StepName>,
    /// One line for each of the most frequent values of this field, which must be a dimension of the operation.
    #[param(inline, value_type = Dimension, required = false)]
    by: Option<String>,
    /// How many lines at most; 100,000 points in all.
    #[param(minimum = 1, maximum = 1000, default = 10)]
    top: Option<i64>,
}

/// Counts of an operation, by day or hour
///
/// Every step has a point, also where nothing was reported. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/comm/series", operation_id = "comm_series", tag = TAG,
    params(AppInPath, SeriesParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The counts.", body = ShownSeries, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_series(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<SeriesParameters>,
) -> Result<Fresh<ShownSeries>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let step = match asked.step {
        None | Some(StepName::Day) => Step::Day,
        Some(StepName::Hour) => Step::Hour,
    };
    let known = comm.registry.app(app.no).ok_or_else(Problem::try_later)?;
    let by = dimension(asked.by.as_deref(), &known, asked.oper_id)?;
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
    check_points(days, step, if by.is_some() { top } else { 1 })?;
    let query = SeriesQuery {
        app: app.no,
        oper_id: asked.oper_id,
        days,
        step,
        by,
        top,
    };
    let read = move |tx: &mut Tx<'_>| Ok(ShownSeries::new(series(tx, &query)?, step));
    let (lag_ms, shown) = comm.views.read(app.no, read).await?;
    Ok(Fresh {
        lag_ms,
        body: Json(shown),
    })
}

/// Counts of an operation.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Series)]
pub(super) struct ShownSeries {
    /// All reports of the operation in these days.
    #[schema(minimum = 0, example = 42)]
    total: i64,
    /// One line, or with `by` one for each of the most frequent values.
    series: Vec<ShownLine>,
    /// With `by`: reports of no value, or of a value that has no line here.
    #[schema(minimum = 0, example = 0)]
    others: i64,
}

/// One line of a series.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Line)]
struct ShownLine {
    /// With `by` the value, else null.
    #[schema(required)]
    key: Option<String>,
    /// The sum of its points.
    #[schema(minimum = 0, example = 42)]
    total: i64,
    /// One for every step.
    points: Vec<ShownPoint>,
}

/// A step of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Point)]
struct ShownPoint {
    /// A day, `2026-11-21`, or an hour, `2026-11-21T13:00`, in the app's zone.
    #[schema(pattern = r"^\d{4}-\d{2}-\d{2}(T\d{2}:00)?$", example = "2026-11-21")]
    at: String,
    /// Reports in this step.
    #[schema(minimum = 0, example = 42)]
    count: i64,
}

impl ShownSeries {
    fn new(series: Series, step: Step) -> Self {
        let point = |(at, count)| ShownPoint {
            at: step.text(at),
            count,
        };
        let line = |line: Line| ShownLine {
            key: line.key,
            total: line.total,
            points: line.points.into_iter().map(point).collect(),
        };
        let lines = series.lines.into_iter().map(line).collect();
        Self {
            total: series.total,
            series: lines,
            others: series.others,
        }
    }
}

/// Refuses a reply of too many points: every line has one for every step.
fn check_points(days: (i64, i64), step: Step, lines: i64) -> Result<(), Problem> {
    let steps = (days.1 - days.0 + 1) * if step == Step::Hour { 24 } else { 1 };
    if steps * lines <= MOST_POINTS {
        return Ok(());
    }
    let most = (MOST_POINTS / steps).max(1);
    Err(Problem::invalid(
        "top",
        format!("expected at most {most} for so many steps"),
    ))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessagesParameters {
    /// The first day, in the app's zone.
    #[param(format = Date, example = "2026-11-20")]
    from: String,
    /// The last day, included; at most 3,660 days, with `by` 366.
    #[param(format = Date, example = "2026-11-21")]
    to: String,
    /// A row for each of the most frequent values of this field, which must be a dimension of both operations, instead
    /// of one for each day.
    #[param(inline, value_type = Dimension, required = false)]
    by: Option<String>,
    /// How many of the most frequent values of either operation.
    #[param(minimum = 1, maximum = 100, default = 10)]
    top: Option<i64>,
}

/// Active against passive messages, by day or by a dimension.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Messages)]
pub(super) struct Messages {
    /// All messages that bots sent by themselves.
    #[schema(minimum = 0, example = 30)]
    active: i64,
    /// All messages in answer to a user.
    #[schema(minimum = 0, example = 12)]
    passive: i64,
    /// By day, or by value.
    rows: Vec<MessagesRow>,
}

/// A day, or a value of a dimension.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::MessagesRow)]
struct MessagesRow {
    /// The day or the value.
    #[schema(example = "2026-11-21")]
    key: String,
    /// Messages that bots sent by themselves.
    #[schema(minimum = 0, example = 30)]
    active: i64,
    /// Messages in answer to a user.
    #[schema(minimum = 0, example = 12)]
    passive: i64,
}

/// Active against passive messages
///
/// Active messages are those of operation 1503000120601, passive ones those of 1503000120602. For roles viewer,
/// moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/comm/messages", operation_id = "comm_messages", tag = TAG,
    params(AppInPath, MessagesParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The counts.", body = Messages, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_messages(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<MessagesParameters>,
) -> Result<Fresh<Messages>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let known = comm.registry.app(app.no).ok_or_else(Problem::try_later)?;
    let by = dimension(asked.by.as_deref(), &known, ACTIVE_MESSAGE)?;
    dimension(asked.by.as_deref(), &known, PASSIVE_MESSAGE)?;
    let days = days(
        &asked.from,
        &asked.to,
        if by.is_some() {
            MOST_DAYS_BY
        } else {
            MOST_DAYS
        },
    )?;
    let top = within("top", asked.top, DEFAULT_TOP, MOST_TOP_OF_PAIR)?;
    let query = |oper_id| SeriesQuery {
        app: app.no,
        oper_id,
        days,
        step: Step::Day,
        by,
        top,
    };
    let (active, passive) = (query(ACTIVE_MESSAGE), query(PASSIVE_MESSAGE));
    let (lag_ms, pair) = comm
        .views
        .read(app.no, move |tx| pair(tx, &active, &passive))
        .await?;
    let row = |row: PairRow| MessagesRow {
        key: row.key,
        active: row.counts.0,
        passive: row.counts.1,
    };
    let (active, passive) = pair.totals;
    let shown = Messages {
        active,
        passive,
        rows: pair.rows.into_iter().map(row).collect(),
    };
    Ok(Fresh {
        lag_ms,
        body: Json(shown),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CensusParameters {
    /// An operation of kind `snapshot`; the group census where it is not given.
    #[param(default = 1_502_007_320_601_i64)]
    oper_id: Option<i64>,
}

/// The census of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Census)]
pub(super) struct ShownCensus {
    /// The day.
    #[schema(format = Date, example = "2026-11-21")]
    date: String,
    /// How many groups there are.
    #[schema(example = 2)]
    groups: usize,
    /// Subscriptions of all groups; at most 2⁶³ − 1.
    #[schema(minimum = 0, example = 15)]
    subscriptions: i64,
    /// Groups that the day before did not have; null where it had no census.
    #[schema(required)]
    gained: Option<Vec<i64>>,
    /// Groups that only the day before had; null where it had no census.
    #[schema(required)]
    lost: Option<Vec<i64>>,
    /// All groups, by number.
    list: Vec<ShownGroup>,
}

/// A group in a census.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Group)]
struct ShownGroup {
    /// Its number.
    #[schema(example = 106_201)]
    gid: i64,
    /// Its subscriptions.
    #[schema(minimum = 0, example = 12)]
    subscriptions: i64,
}

/// The census of a day
///
/// All groups that the bots are in, with their subscriptions, and what changed against the day before. For roles viewer,
/// moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/comm/census/{date}", operation_id = "comm_census", tag = TAG,
    params(
        AppInPath,
        ("date" = String, Path, format = Date, description = "The day, in the app's zone.", example = "2026-11-21"),
        CensusParameters,
    ),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The census; of a day without one it is empty.", body = ShownCensus,
            headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_census(
    State(comm): State<Comm>,
    caller: Caller,
    Path((_, date)): Path<(String, String)>,
    Query(asked): Query<CensusParameters>,
) -> Result<Fresh<ShownCensus>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let day = day("date", &date)?;
    let (no, oper_id) = (app.no, asked.oper_id.unwrap_or(GROUP_CENSUS));
    let (lag_ms, census) = comm
        .views
        .read(app.no, move |tx| census(tx, no, oper_id, day))
        .await?;
    let total = |sum: i64, group: &(i64, i64)| sum.saturating_add(group.1);
    let shown = ShownCensus {
        date: day_text(day),
        groups: census.list.len(),
        subscriptions: census.list.iter().fold(0, total),
        gained: census.gained,
        lost: census.lost,
        list: census
            .list
            .into_iter()
            .map(|(gid, subscriptions)| ShownGroup { gid, subscriptions })
            .collect(),
    };
    Ok(Fresh {
        lag_ms,
        body: Json(shown),
    })
}
