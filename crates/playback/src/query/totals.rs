//! Figures of all videos of an app together.

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;

/// What an app has on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DayTotals {
    pub(crate) day: i64,
    /// Videos that were played.
    pub(crate) videos: i64,
    pub(crate) plays: i64,
    pub(crate) watched_s: i64,
}

/// The days of an app, each from the first to the last. Rows of nothing are left where a late beat has moved what they
/// counted: they are no videos.
pub(crate) fn days(
    tx: &mut Tx<'_>,
    app: AppNo,
    (first, last): (i64, i64),
) -> Result<Vec<DayTotals>, DbError> {
    let mut all: Vec<DayTotals> = (first..=last)
        .map(|day| DayTotals {
            day,
            ..DayTotals::default()
        })
        .collect();
    let sql = "SELECT day, COUNT(*), CAST(SUM(plays) AS BIGINT), CAST(SUM(watched_s) AS BIGINT) FROM playback_day \
               WHERE app = $1 AND day >= $2 AND day <= $3 AND plays > 0 GROUP BY day";
    for row in tx.query(sql, &[app.into(), first.into(), last.into()])? {
        let place = usize::try_from(row.int(0)? - first).unwrap_or(usize::MAX);
        if let Some(of_day) = all.get_mut(place) {
            (of_day.videos, of_day.plays) = (row.int(1)?, row.int(2)?);
            of_day.watched_s = row.int(3)?;
        }
    }
    Ok(all)
}

/// How many distinct videos were played from one day to another.
pub(crate) fn played_videos(
    tx: &mut Tx<'_>,
    app: AppNo,
    (first, last): (i64, i64),
) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(DISTINCT aid) FROM playback_day \
               WHERE app = $1 AND day >= $2 AND day <= $3 AND plays > 0";
    tx.query_int(sql, &[app.into(), first.into(), last.into()])
}
