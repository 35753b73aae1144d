//! Claims that were not renewed end: once a second, on each node.

use reportd_db::{DbError, Tx};
use serde_json::json;

use super::Actor;
use crate::query::{TICKET_COLUMNS, Ticket};
use crate::{audit, events};

/// Claims that end in one go.
const MOST: i64 = 200;

/// Opens tickets whose claim has ended; returns how many. In the order of their numbers, so that two nodes never wait
/// for each other in a circle.
pub(crate) fn end_expired_claims(tx: &mut Tx<'_>, now_ms: i64) -> Result<usize, DbError> {
    let rows = tx.query(
        "SELECT id FROM dialogue_ticket WHERE claim_until <= $1 ORDER BY claim_until LIMIT $2",
        &[now_ms.into(), MOST.into()],
    )?;
    let mut ids = rows
        .iter()
        .map(|row| row.int(0))
        .collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    let mut ended = 0;
    for id in ids {
        ended += usize::from(end(tx, id, now_ms)?);
    }
    Ok(ended)
}

fn end(tx: &mut Tx<'_>, id: i64, now_ms: i64) -> Result<bool, DbError> {
    // Who held it is told by the row before.
    let sql = format!("SELECT {TICKET_COLUMNS} FROM dialogue_ticket WHERE id = $1");
    let Some(row) = tx.query_first(&sql, &[id.into()])? else {
        return Ok(false);
    };
    let ticket = Ticket::from_row(id, row)?;
    let Some(claim) = &ticket.claim else {
        return Ok(false);
    };
    let ended = tx.execute(
        "UPDATE dialogue_ticket SET state = 0, claimed_by = NULL, claim_key = NULL, claim_until = NULL, moved_at = $1 \
         WHERE id = $2 AND state = 1 AND claim_until <= $1 AND claimed_by = $3 AND claim_key = $4",
        &[
            now_ms.into(),
            id.into(),
            (&claim.by).into(),
            (&claim.key).into(),
        ],
    )?;
    if ended == 0 {
        return Ok(false);
    }
    let holder = Actor {
        name: claim.by.clone(),
        key: claim.key.clone(),
        apps: None,
        categories: None,
        is_lead: false,
    };
    let details = json!({"expired": true});
    audit::note(tx, &holder, "released", &ticket, &details, now_ms)?;
    events::note(tx, ticket.app, &ticket.category, "released", id, now_ms)?;
    Ok(true)
}
