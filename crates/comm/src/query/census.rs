//! The census of a day, and how it differs from that of the day before.

use std::collections::HashSet;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;

/// The census of a day.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Census {
    /// (gid, subscriptions), by gid.
    pub(crate) list: Vec<(i64, i64)>,
    /// Groups that the day before did not have; none where it had no census.
    pub(crate) gained: Option<Vec<i64>>,
    /// Groups that only the day before had.
    pub(crate) lost: Option<Vec<i64>>,
}

pub(crate) fn census(
    tx: &mut Tx<'_>,
    app: AppNo,
    oper_id: i64,
    day: i64,
) -> Result<Census, DbError> {
    let mut of = |day: i64| -> Result<Vec<(i64, i64)>, DbError> {
        let sql = "SELECT gid, subscriptions FROM comm_census WHERE app = $1 AND oper_id = $2 AND day = $3 ORDER BY gid";
        let rows = tx.query(sql, &[app.into(), oper_id.into(), day.into()])?;
        rows.into_iter()
            .map(|row| Ok((row.int(0)?, row.int(1)?)))
            .collect()
    };
    let (list, before) = (of(day)?, of(day - 1)?);
    if before.is_empty() {
        return Ok(Census {
            list,
            gained: None,
            lost: None,
        });
    }
    let minus = |these: &[(i64, i64)], those: &[(i64, i64)]| {
        let those: HashSet<i64> = those.iter().map(|(gid, _)| *gid).collect();
        these
            .iter()
            .map(|(gid, _)| *gid)
            .filter(|gid| !those.contains(gid))
            .collect::<Vec<_>>()
    };
    Ok(Census {
        gained: Some(minus(&list, &before)),
        lost: Some(minus(&before, &list)),
        list,
    })
}
