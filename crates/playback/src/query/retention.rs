//! How far all play sessions of a part got.

use reportd_db::{DbError, Row, Tx};
use reportd_platform::AppNo;

use super::figures::{Reached, told_lengths};
use super::rows::unknown;
use crate::figures::ALL_DAYS;
use crate::reach::Reach;

/// How far all play sessions of a part got, a row a chunk; of the part with the most sessions where none is named.
pub(crate) fn part_reach(
    tx: &mut Tx<'_>,
    app: AppNo,
    aid: i64,
    cid: Option<i64>,
) -> Result<Vec<Reached>, DbError> {
    let cid = match cid {
        None => most_played(tx, app, aid)?,
        named => named,
    };
    let Some(cid) = cid else {
        return Ok(Vec::new());
    };
    let told_s = told_lengths(tx, app, &[(aid, cid)])?.pop().flatten();
    let sql =
        "SELECT state FROM playback_reach WHERE app = $1 AND aid = $2 AND day = $3 AND cid = $4";
    let rows = tx.query(sql, &[app.into(), aid.into(), ALL_DAYS.into(), cid.into()])?;
    let reached = |mut row: Row| {
        Ok(Reached {
            aid,
            cid,
            day: ALL_DAYS,
            told_s,
            reach: Reach::decode(&row.take_bytes(0)?).ok_or_else(|| unknown("reach"))?,
        })
    };
    rows.into_iter().map(reached).collect()
}

/// The part of a video with the most play sessions; the first of those that have as many.
fn most_played(tx: &mut Tx<'_>, app: AppNo, aid: i64) -> Result<Option<i64>, DbError> {
    let sql = "SELECT cid FROM playback_part WHERE app = $1 AND aid = $2 AND plays > 0 \
               ORDER BY plays DESC, cid LIMIT 1";
    let row = tx.query_first(sql, &[app.into(), aid.into()])?;
    row.map(|row| row.int(0)).transpose()
}
