//! How many were viewing, over time.

use std::ops::Range;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;

use crate::seen::INTERVAL_MS;

/// Distinct viewers of each interval that begins in a time, as (ms, viewers), ascending; also where nobody was viewing.
pub(crate) fn viewing_curve(
    tx: &mut Tx<'_>,
    app: AppNo,
    time_ms: Range<i64>,
) -> Result<Vec<(i64, i64)>, DbError> {
    let first_from = |at_ms: i64| (at_ms + INTERVAL_MS - 1).div_euclid(INTERVAL_MS);
    let (first, end) = (first_from(time_ms.start), first_from(time_ms.end));
    let mut all: Vec<(i64, i64)> = (first..end)
        .map(|interval| (interval * INTERVAL_MS, 0))
        .collect();
    let sql = "SELECT interval_no, viewers FROM playback_viewing WHERE app = $1 AND interval_no >= $2 AND interval_no < $3";
    for row in tx.query(sql, &[app.into(), first.into(), end.into()])? {
        let place = usize::try_from(row.int(0)? - first).unwrap_or(usize::MAX);
        if let Some((_, viewers)) = all.get_mut(place) {
            *viewers = row.int(1)?;
        }
    }
    Ok(all)
}
