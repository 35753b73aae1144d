//! How many users were online.

use std::ops::RangeInclusive;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;

/// Users online at the points of a time that have some, as (ms, users), ascending.
pub(crate) fn online(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _points_ms: RangeInclusive<i64>,
) -> Result<Vec<(i64, i64)>, DbError> {
    Ok(Vec::new())
}
