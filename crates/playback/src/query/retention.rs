//! How far all play sessions of a part got.

use std::collections::HashMap;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;

use super::figures::{Reached, told_lengths};
use super::rows::unknown;
use crate::reach::Reach;

/// The day under which all days together stand.
const ALL_DAYS: i64 = -1;

/// Rows of a video that are looked at to find its most played part.
const MOST_ROWS: i64 = 10_000;

/// How far all play sessions of a part got, a row a chunk; of the part with the most sessions where none is named.
pub(crate) fn part_reach(
    tx: &mut Tx<'_>,
    app: AppNo,
    aid: i64,
    cid: Option<i64>,
) -> Result<Vec<Reached>, DbError> {
    let rows = match cid {
        Some(cid) => {
            let sql = "SELECT cid, state FROM playback_reach WHERE app = $1 AND aid = $2 AND day = $3 AND cid = $4";
            tx.query(sql, &[app.into(), aid.into(), ALL_DAYS.into(), cid.into()])?
        }
        None => {
            let sql = "SELECT cid, state FROM playback_reach WHERE app = $1 AND aid = $2 AND day = $3 LIMIT $4";
            tx.query(
                sql,
                &[app.into(), aid.into(), ALL_DAYS.into(), MOST_ROWS.into()],
            )?
        }
    };
    let mut parts: HashMap<i64, Vec<Reach>> = HashMap::new();
    for mut row in rows {
        let reach = Reach::decode(&row.take_bytes(1)?).ok_or_else(|| unknown("reach"))?;
        parts.entry(row.int(0)?).or_default().push(reach);
    }
    let sessions = |chunks: &[Reach]| -> u64 {
        let counts = chunks.iter().flat_map(Reach::furthest);
        counts.map(|(_, count)| count).sum()
    };
    let most = parts
        .into_iter()
        .max_by_key(|(cid, chunks)| (sessions(chunks), std::cmp::Reverse(*cid)));
    let Some((cid, chunks)) = most else {
        return Ok(Vec::new());
    };
    let told_s = told_lengths(tx, app, &[(aid, cid)])?.pop().flatten();
    let reached = |reach| Reached {
        aid,
        cid,
        day: ALL_DAYS,
        told_s,
        reach,
    };
    Ok(chunks.into_iter().map(reached).collect())
}
