//! Users of an app by day.

use std::ops::Range;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_protocol::push::Users;

/// The users of a day; `points_ms` is the day, in ms.
pub(crate) fn users(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _day: i64,
    _points_ms: Range<i64>,
) -> Result<Users, DbError> {
    Ok(Users::default())
}
