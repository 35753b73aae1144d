//! Undo: a verdict is taken back before any callback of it has left.

use reportd_db::Tx;
use serde_json::json;

use super::{Actor, CLAIM_MS, TicketError, TicketState, find};
use crate::callback::outbox;
use crate::query::{TICKET_COLUMNS, Ticket};
use crate::{audit, events};

/// Takes the verdict of a ticket back: its own one, a lead any. Whoever judged holds the ticket again.
pub(crate) fn undo(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    now_ms: i64,
) -> Result<Ticket, TicketError> {
    let ticket = find(tx, actor, id)?;
    let verdict = match (ticket.state, ticket.verdict) {
        (TicketState::Judged, Some(verdict)) => verdict,
        (TicketState::Delivered | TicketState::Failed, _) => return Err(gone()),
        _ => return Err(TicketError::NotJudged),
    };
    let given = Given::find(tx, verdict)?;
    if !actor.is_lead && (&given.auditor, &given.auditor_key) != (&actor.name, &actor.key) {
        return Err(TicketError::Forbidden(
            "another has given this verdict: a lead may undo it",
        ));
    }
    if given
        .leaves_at_ms
        .is_none_or(|leaves_ms| now_ms > leaves_ms)
    {
        return Err(TicketError::TooLate(
            "the time to undo this verdict is over",
        ));
    }
    // Deliveries before the ticket: their results lock in this order too.
    if !outbox::take_back(tx, id, verdict, now_ms)? {
        return Err(gone());
    }
    let before = Before::find(tx, id, verdict)?;
    let sql = format!(
        "UPDATE dialogue_ticket SET state = 1, claimed_by = $1, claim_key = $2, claim_until = $3, moved_at = $4, \
         revision = revision - 1, verdict = $5, upheld = $6, judged_at = $7 \
         WHERE id = $8 AND state = 2 AND verdict = $9 RETURNING {TICKET_COLUMNS}"
    );
    let values = [
        (&given.auditor).into(),
        (&given.auditor_key).into(),
        (now_ms + CLAIM_MS).into(),
        now_ms.into(),
        before.verdict.into(),
        before.is_upheld.into(),
        before.judged_at_ms.into(),
        id.into(),
        verdict.into(),
    ];
    let row = tx.query_first(&sql, &values)?.ok_or_else(gone)?;
    let ticket = Ticket::from_row(id, row)?;
    tx.execute(
        "UPDATE dialogue_verdict SET undone_at = $1 WHERE id = $2",
        &[now_ms.into(), verdict.into()],
    )?;
    let details = json!({"verdict": verdict, "auditor": given.auditor});
    audit::note(tx, actor, "undone", &ticket, &details, now_ms)?;
    events::note(tx, ticket.app, &ticket.category, "undone", id, now_ms)?;
    Ok(ticket)
}

fn gone() -> TicketError {
    TicketError::TooLate("a callback of this verdict has left: open the ticket again instead")
}

/// Who gave a verdict, and until when it can be undone.
struct Given {
    auditor: String,
    auditor_key: String,
    leaves_at_ms: Option<i64>,
}

impl Given {
    fn find(tx: &mut Tx<'_>, verdict: i64) -> Result<Self, TicketError> {
        let sql = "SELECT auditor, auditor_key, leaves_at FROM dialogue_verdict WHERE id = $1 AND undone_at IS NULL";
        let mut row = tx
            .query_first(sql, &[verdict.into()])?
            .ok_or(TicketError::NotJudged)?;
        Ok(Self {
            auditor: row.take_text(0)?,
            auditor_key: row.take_text(1)?,
            leaves_at_ms: row.opt_int(2)?,
        })
    }
}

/// The verdict that stands once another is undone: the one before it, of a ticket that was opened again.
#[derive(Default)]
struct Before {
    verdict: Option<i64>,
    is_upheld: Option<bool>,
    judged_at_ms: Option<i64>,
}

impl Before {
    fn find(tx: &mut Tx<'_>, ticket: i64, verdict: i64) -> Result<Self, TicketError> {
        let sql = "SELECT id, judged_at, dialogue_result, user_result FROM dialogue_verdict \
                   WHERE ticket = $1 AND id < $2 AND undone_at IS NULL ORDER BY id DESC LIMIT 1";
        let Some(mut row) = tx.query_first(sql, &[ticket.into(), verdict.into()])? else {
            return Ok(Self::default());
        };
        let results = (row.take_text(2)?, row.take_text(3)?);
        Ok(Self {
            verdict: Some(row.int(0)?),
            is_upheld: Some(super::judge::is_upheld(&results.0, &results.1)),
            judged_at_ms: Some(row.int(1)?),
        })
    }
}
