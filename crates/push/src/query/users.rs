//! Users of an app by day, and how many were online.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use reportd_db::{DbError, Query, Row, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::push::Users;

/// The users of days in a row, from `first` on; `starts_ms` tells when each of them begins, and when the last one ends.
pub(crate) fn users(
    tx: &mut Tx<'_>,
    app: AppNo,
    first: i64,
    starts_ms: &[i64],
) -> Result<Vec<Users>, DbError> {
    let before =
        "SELECT CAST(SUM(registered) AS BIGINT) FROM push_user_day WHERE app = $1 AND day < $2";
    let of_days = "SELECT day, registered, active FROM push_user_day WHERE app = $1 AND day >= $2 AND day < $3";
    let peak = "SELECT MAX(users) FROM push_online WHERE app = $1 AND point >= $2 AND point < $3";
    let days: [Value<'_>; 3] = [app.into(), first.into(), (first + count(starts_ms)).into()];
    let points = starts_ms.windows(2);
    let points: Vec<[Value<'_>; 3]> = points
        .map(|ends| [app.into(), ends[0].into(), ends[1].into()])
        .collect();
    let mut queries: Vec<Query<'_>> = vec![(before, &days[..2]), (of_days, &days)];
    queries.extend(points.iter().map(|points| (peak, &points[..])));
    let mut told = tx.query_each(&queries)?.into_iter();
    let mut accumulative_num = number(told.next())?;
    let mut of_days = registered_and_active(&told.next().unwrap_or_default())?;
    let mut users = Vec::new();
    for (day, peak) in (first..).zip(told) {
        let (register_num, active_num) = of_days.remove(&day).unwrap_or_default();
        accumulative_num += register_num;
        users.push(Users {
            accumulative_num,
            register_num,
            active_num,
            online_num: number(Some(peak))?,
        });
    }
    Ok(users)
}

/// The number that a query tells; 0 where it is NULL.
fn number(rows: Option<Vec<Row>>) -> Result<i64, DbError> {
    let row = rows.unwrap_or_default().into_iter().next();
    let number = row.map(|row| row.opt_int(0)).transpose()?;
    Ok(number.flatten().unwrap_or(0))
}

/// How many days lie between `starts_ms`.
fn count(starts_ms: &[i64]) -> i64 {
    i64::try_from(starts_ms.len().saturating_sub(1)).unwrap_or(i64::MAX)
}

/// Who registered and who was online, by day.
fn registered_and_active(rows: &[Row]) -> Result<HashMap<i64, (i64, i64)>, DbError> {
    rows.iter()
        .map(|row| Ok((row.int(0)?, (row.int(1)?, row.int(2)?))))
        .collect()
}

/// Users online at the points of a time that have some, as (ms, users), ascending.
pub(crate) fn online(
    tx: &mut Tx<'_>,
    app: AppNo,
    points_ms: RangeInclusive<i64>,
) -> Result<Vec<(i64, i64)>, DbError> {
    let sql = "SELECT point, users FROM push_online WHERE app = $1 AND point >= $2 AND point <= $3 ORDER BY point";
    let bound = [
        app.into(),
        (*points_ms.start()).into(),
        (*points_ms.end()).into(),
    ];
    let rows = tx.query(sql, &bound)?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, row.int(1)?)))
        .collect()
}
