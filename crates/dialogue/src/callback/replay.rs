//! Dead deliveries are sent again: the same bytes under the same `webhook-id`, by a schedule that begins anew. Never one of
//! a verdict whose place a newer one has taken: its receiver would take it for the last word.

use reportd_db::{DbError, Row, Tx};
use reportd_platform::AppNo;

use super::outbox::IS_REPLACED;

/// Attempts that are kept of a delivery; older ones go when it is sent again.
const KEPT_ATTEMPTS: i64 = 50;
/// Most deliveries that one call takes.
const MOST: i64 = 500;

/// Which dead deliveries are sent again: those that died from `from_ms` on and before `to_ms`.
#[derive(Debug, Clone, Default)]
pub struct ReplayRange {
    /// Those of one app only.
    pub app: Option<AppNo>,
    /// Those to one host and port only.
    pub host: Option<String>,
    /// From this time on.
    pub from_ms: i64,
    /// Before this time.
    pub to_ms: i64,
    /// Most of them; never more than 500 at a time.
    pub limit: i64,
}

/// Makes a dead delivery due; false where it is not dead, or of a verdict whose place a newer one has taken.
///
/// # Errors
/// Those of the store.
pub fn one(tx: &mut Tx<'_>, delivery: i64, now_ms: i64) -> Result<bool, DbError> {
    // Where another is dead too the ticket goes on its way all the same, and back when that was tried.
    const TICKET: &str = "UPDATE dialogue_ticket SET state = 2, moved_at = $3 WHERE id = $1 AND verdict = $2 AND state = 4";
    const PRUNE: &str = "DELETE FROM dialogue_attempt WHERE delivery = $1 AND attempt <= ( \
         SELECT MAX(attempt) - $2 FROM dialogue_attempt WHERE delivery = $1)";
    let again = format!(
        "UPDATE dialogue_delivery SET state = 0, attempts = 0, next_at = $2, done_at = NULL \
         WHERE id = $1 AND state = 2 AND NOT {IS_REPLACED} RETURNING ticket, verdict"
    );
    let row = tx.query_first(&again, &[delivery.into(), now_ms.into()])?;
    let Some(row) = row else {
        return Ok(false);
    };
    let (ticket, verdict) = (row.int(0)?, row.int(1)?);
    tx.execute(TICKET, &[ticket.into(), verdict.into(), now_ms.into()])?;
    tx.execute(PRUNE, &[delivery.into(), KEPT_ATTEMPTS.into()])?;
    Ok(true)
}

/// Makes the dead deliveries of a range due, the oldest first; tells how many. Called until there are none left.
///
/// # Errors
/// Those of the store.
pub fn range(tx: &mut Tx<'_>, range: &ReplayRange, now_ms: i64) -> Result<u64, DbError> {
    let all = format!(
        "SELECT id FROM dialogue_delivery WHERE state = 2 AND done_at >= $1 AND done_at < $2 \
         AND (CAST($3 AS BIGINT) IS NULL OR app = $3) AND (CAST($4 AS TEXT) IS NULL OR host = $4) \
         AND NOT {IS_REPLACED} ORDER BY id LIMIT $5"
    );
    let limit = range.limit.clamp(0, MOST);
    let rows = tx.query(
        &all,
        &[
            range.from_ms.into(),
            range.to_ms.into(),
            range.app.into(),
            range.host.as_deref().into(),
            limit.into(),
        ],
    )?;
    let ids: Vec<i64> = rows
        .iter()
        .map(|row: &Row| row.int(0))
        .collect::<Result<_, _>>()?;
    let mut count = 0;
    for id in ids {
        count += u64::from(one(tx, id, now_ms)?);
    }
    Ok(count)
}
