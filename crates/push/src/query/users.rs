//! Users of an app by day, and how many were online.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use reportd_db::{DbError, Tx};
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
    let mut accumulative_num = tx.query_int(before, &[app.into(), first.into()])?;
    let mut of_days = registered_and_active(tx, app, first..first + count(starts_ms))?;
    let peak = "SELECT MAX(users) FROM push_online WHERE app = $1 AND point >= $2 AND point < $3";
    let mut users = Vec::new();
    for (day, ends) in (first..).zip(starts_ms.windows(2)) {
        let (register_num, active_num) = of_days.remove(&day).unwrap_or_default();
        accumulative_num += register_num;
        let points = [app.into(), ends[0].into(), ends[1].into()];
        users.push(Users {
            accumulative_num,
            register_num,
            active_num,
            online_num: tx.query_int(peak, &points)?,
        });
    }
    Ok(users)
}

/// How many days lie between `starts_ms`.
fn count(starts_ms: &[i64]) -> i64 {
    i64::try_from(starts_ms.len().saturating_sub(1)).unwrap_or(i64::MAX)
}

/// Who registered and who was online, by day.
fn registered_and_active(
    tx: &mut Tx<'_>,
    app: AppNo,
    days: Range<i64>,
) -> Result<HashMap<i64, (i64, i64)>, DbError> {
    let sql = "SELECT day, registered, active FROM push_user_day WHERE app = $1 AND day >= $2 AND day < $3";
    let rows = tx.query(sql, &[app.into(), days.start.into(), days.end.into()])?;
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
