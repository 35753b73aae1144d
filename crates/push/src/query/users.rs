//! Users of an app by day, and how many were online.

use std::ops::RangeInclusive;

use reportd_db::{DbError, Query, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::push::Users;

/// The users of a day: registered, active, most online, and where `$5` is 1 how many registered before. It is one statement,
/// and each part of it finds its rows by their keys.
const OF_DAY: &str = "SELECT (SELECT registered FROM push_user_day WHERE app = $1 AND day = $2), \
     (SELECT active FROM push_user_day WHERE app = $1 AND day = $2), \
     (SELECT MAX(users) FROM push_online WHERE app = $1 AND point >= $3 AND point < $4), \
     CASE WHEN $5 = 1 THEN (SELECT CAST(SUM(registered) AS BIGINT) FROM push_user_day WHERE app = $1 AND day < $2) END";

/// The users of days in a row, from `first` on; `starts_ms` tells when each of them begins, and when the last one ends.
pub(crate) fn users(
    tx: &mut Tx<'_>,
    app: AppNo,
    first: i64,
    starts_ms: &[i64],
) -> Result<Vec<Users>, DbError> {
    let days = (first..).zip(starts_ms.windows(2));
    let values: Vec<[Value<'_>; 5]> = days
        .map(|(day, ends)| {
            let is_first = i64::from(day == first);
            [
                app.into(),
                day.into(),
                ends[0].into(),
                ends[1].into(),
                is_first.into(),
            ]
        })
        .collect();
    let queries: Vec<Query<'_>> = values.iter().map(|day| (OF_DAY, &day[..])).collect();
    let (mut accumulative_num, mut users) = (0, Vec::new());
    for row in tx.query_each(&queries)?.into_iter().flatten() {
        let number = |column| Ok::<_, DbError>(row.opt_int(column)?.unwrap_or(0));
        let register_num = number(0)?;
        accumulative_num += number(3)? + register_num;
        users.push(Users {
            accumulative_num,
            register_num,
            active_num: number(1)?,
            online_num: number(2)?,
        });
    }
    Ok(users)
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
