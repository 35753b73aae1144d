//! Users of an app by day, and how many were online.

use std::ops::{Range, RangeInclusive};

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_protocol::push::Users;

/// The users of a day; `points_ms` is the day, in ms.
pub(crate) fn users(
    tx: &mut Tx<'_>,
    app: AppNo,
    day: i64,
    points_ms: Range<i64>,
) -> Result<Users, DbError> {
    let bound = [app.into(), day.into()];
    let sum =
        "SELECT CAST(SUM(registered) AS BIGINT) FROM push_user_day WHERE app = $1 AND day <= $2";
    let accumulative_num = tx.query_int(sum, &bound)?;
    let of_day = "SELECT registered, active FROM push_user_day WHERE app = $1 AND day = $2";
    let (register_num, active_num) = match tx.query_first(of_day, &bound)? {
        Some(row) => (row.int(0)?, row.int(1)?),
        None => (0, 0),
    };
    let peak = "SELECT MAX(users) FROM push_online WHERE app = $1 AND point >= $2 AND point < $3";
    let points = [app.into(), points_ms.start.into(), points_ms.end.into()];
    Ok(Users {
        accumulative_num,
        register_num,
        active_num,
        online_num: tx.query_int(peak, &points)?,
    })
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
