//! Figures: series, active against passive messages, the census.

use axum::extract::{Path, State};
use reportd_db::Tx;
use reportd_platform::access::Permission;
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query, day, days, within};
use reportd_platform::zones::day_text;
use reportd_protocol::comm::{ACTIVE_MESSAGE, Field, GROUP_CENSUS, PASSIVE_MESSAGE};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Comm;
use crate::query::{Line, Series, SeriesQuery, Step, census, pair, series};
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

#[derive(Deserialize)]
pub(super) struct SeriesParameters {
    oper_id: i64,
    from: String,
    to: String,
    step: Option<String>,
    by: Option<String>,
    top: Option<i64>,
}

pub(super) async fn get_series(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<SeriesParameters>,
) -> Result<Fresh<ShownSeries>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let step = match asked.step.as_deref() {
        None | Some("day") => Step::Day,
        Some("hour") => Step::Hour,
        Some(_) => return Err(Problem::invalid("step", "expected hour or day")),
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
    let (lag_ms, shown) = comm.read_fresh(&app, read).await?;
    Ok(Fresh {
        lag_ms,
        body: Json(shown),
    })
}

/// A series as it is shown.
#[derive(Serialize)]
pub(super) struct ShownSeries {
    total: i64,
    series: Vec<ShownLine>,
    others: i64,
}

#[derive(Serialize)]
struct ShownLine {
    key: Option<String>,
    total: i64,
    points: Vec<ShownPoint>,
}

#[derive(Serialize)]
struct ShownPoint {
    at: String,
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

#[derive(Deserialize)]
pub(super) struct MessagesParameters {
    from: String,
    to: String,
    by: Option<String>,
    top: Option<i64>,
}

/// Active against passive messages, per day or per value of a dimension.
pub(super) async fn get_messages(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<MessagesParameters>,
) -> Result<Fresh<Value>, Problem> {
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
        .read_fresh(&app, move |tx| pair(tx, &active, &passive))
        .await?;
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
pub(super) struct CensusParameters {
    oper_id: Option<i64>,
}

pub(super) async fn get_census(
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
        "subscriptions": census.list.iter().fold(0_i64, |sum, (_, count)| sum.saturating_add(*count)),
        "gained": census.gained,
        "lost": census.lost,
        "list": list,
    });
    Ok(Fresh {
        lag_ms,
        body: Json(body),
    })
}
