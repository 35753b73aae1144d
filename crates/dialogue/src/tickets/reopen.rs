//! A judged ticket is opened again: on an appeal, by a lead. Its verdicts stay, and the next one is sent again.

use reportd_db::Tx;
use serde_json::json;

use super::judge::check_text;
use super::{Actor, TicketError, find, invalid};
use crate::query::{TICKET_COLUMNS, Ticket};
use crate::{audit, events};

/// Opens a judged ticket again.
pub(crate) fn reopen(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    reason: &str,
    now_ms: i64,
) -> Result<Ticket, TicketError> {
    if !actor.is_lead {
        return Err(TicketError::Forbidden(
            "only a lead may open a ticket again",
        ));
    }
    check_text("reason", Some(reason))?;
    if reason.trim().is_empty() {
        return Err(invalid("reason", "expected a reason"));
    }
    find(tx, actor, id)?;
    let sql = format!(
        "UPDATE dialogue_ticket SET state = 0, moved_at = $1 WHERE id = $2 AND state IN (2, 3, 4) \
         RETURNING {TICKET_COLUMNS}"
    );
    let row = tx.query_first(&sql, &[now_ms.into(), id.into()])?;
    let ticket = Ticket::from_row(id, row.ok_or(TicketError::NotJudged)?)?;
    let details = json!({"reason": reason, "verdict": ticket.verdict});
    audit::note(tx, actor, "reopened", &ticket, &details, now_ms)?;
    events::note(tx, ticket.app, &ticket.category, "reopened", id, now_ms)?;
    Ok(ticket)
}
