//! Claims: a ticket leased to one moderator. Each is a conditional statement; who changes no row has lost.

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use serde_json::json;

use super::{Actor, CLAIM_MS, TicketError, TicketState, find};
use crate::query::{Queue, TICKET_COLUMNS, Ticket};
use crate::{audit, events};

/// Candidates of a look for the next ticket. Of those that others take meanwhile none is tried twice.
const CANDIDATES: i64 = 8;

/// Looks for the next ticket until it is told «later». Each that fails has met eight tickets that others took.
const LOOKS: usize = 32;

/// Which ticket comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only of this app.
    pub app: Option<AppNo>,
    /// Only of this category.
    pub category: Option<String>,
    /// The newest first, not the oldest.
    pub is_newest_first: bool,
    /// The one behind this ticket; the first one where there is none behind it.
    pub after: Option<i64>,
}

/// Claims a ticket, or renews the actor's own claim.
pub(crate) fn claim(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    now_ms: i64,
) -> Result<Ticket, TicketError> {
    // Before anything is written: who may not see it must not change it.
    find(tx, actor, id)?;
    if let Some(renewed) = renew(tx, actor, id, now_ms)? {
        return Ok(renewed);
    }
    match take(tx, actor, id, now_ms)? {
        Some(ticket) => Ok(ticket),
        None => Err(why_not(&find(tx, actor, id)?)),
    }
}

/// Claims the next open ticket of an app, of a category or of all that the actor may see.
pub(crate) fn next(
    tx: &mut Tx<'_>,
    actor: &Actor,
    wanted: &Wanted,
    now_ms: i64,
) -> Result<Option<Ticket>, TicketError> {
    let queues = Queue::all_of(actor, wanted.app, wanted.category.as_deref());
    let left = wanted.after.map(|id| find(tx, actor, id)).transpose()?;
    let mut after = left.map(|ticket| (ticket.received_at_ms, ticket.id));
    for _ in 0..LOOKS {
        let candidates = candidates(tx, &queues, wanted.is_newest_first, after)?;
        if candidates.is_empty() {
            if after.take().is_none() {
                return Ok(None);
            }
            continue;
        }
        for id in candidates {
            if let Some(ticket) = take(tx, actor, id, now_ms)? {
                return Ok(Some(ticket));
            }
        }
    }
    let busy = "others take each ticket first";
    Err(DbError::Unavailable(busy.to_owned()).into())
}

/// Gives the actor's claim back. What nobody holds is left as it is.
pub(crate) fn release(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    now_ms: i64,
) -> Result<(), TicketError> {
    let ticket = find(tx, actor, id)?;
    let released = tx.execute(
        "UPDATE dialogue_ticket SET state = 0, claimed_by = NULL, claim_key = NULL, claim_until = NULL, moved_at = $1 \
         WHERE id = $2 AND state = 1 AND claimed_by = $3 AND claim_key = $4",
        &[
            now_ms.into(),
            id.into(),
            (&actor.name).into(),
            (&actor.key).into(),
        ],
    )?;
    if released == 1 {
        note(tx, actor, &ticket, "released", now_ms)?;
        return Ok(());
    }
    match find(tx, actor, id)?.state {
        TicketState::Claimed => Err(TicketError::ClaimedByAnother),
        _ => Ok(()),
    }
}

/// The first open tickets of the queues behind a place, time of receipt and number, in their order.
fn candidates(
    tx: &mut Tx<'_>,
    queues: &[Queue<'_>],
    is_newest_first: bool,
    after: Option<(i64, i64)>,
) -> Result<Vec<i64>, DbError> {
    let (beyond, order, start) = match is_newest_first {
        true => ("<", " DESC", (i64::MAX, i64::MAX)),
        false => (">", "", (i64::MIN, i64::MIN)),
    };
    let (at, id) = after.unwrap_or(start);
    let mut found = Vec::new();
    for queue in queues {
        let (given, mut values) = queue.given();
        let n = values.len();
        let sql = format!(
            "SELECT received_at, id FROM dialogue_ticket \
             WHERE {given}state = 0 AND (received_at, id) {beyond} (${}, ${}) \
             ORDER BY received_at{order}, id{order} LIMIT ${}",
            n + 1,
            n + 2,
            n + 3
        );
        values.extend([at, id, CANDIDATES].map(reportd_db::Value::from));
        for row in tx.query(&sql, &values)? {
            found.push((row.int(0)?, row.int(1)?));
        }
    }
    found.sort_unstable();
    if is_newest_first {
        found.reverse();
    }
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// The actor's own claim with a new end; `None` where the actor holds none.
fn renew(tx: &mut Tx<'_>, actor: &Actor, id: i64, now_ms: i64) -> Result<Option<Ticket>, DbError> {
    let sql = format!(
        "UPDATE dialogue_ticket SET claim_until = $1 \
         WHERE id = $2 AND state = 1 AND claimed_by = $3 AND claim_key = $4 AND claim_until > $5 \
         RETURNING {TICKET_COLUMNS}"
    );
    let values = [
        (now_ms + CLAIM_MS).into(),
        id.into(),
        (&actor.name).into(),
        (&actor.key).into(),
        now_ms.into(),
    ];
    let row = tx.query_first(&sql, &values)?;
    row.map(|row| Ticket::from_row(id, row)).transpose()
}

/// Claims a ticket that nobody holds; `None` where somebody does, or it is judged.
fn take(tx: &mut Tx<'_>, actor: &Actor, id: i64, now_ms: i64) -> Result<Option<Ticket>, DbError> {
    let sql = format!(
        "UPDATE dialogue_ticket SET state = 1, claimed_by = $1, claim_key = $2, claim_until = $3, moved_at = $4 \
         WHERE id = $5 AND (state = 0 OR (state = 1 AND claim_until <= $4)) RETURNING {TICKET_COLUMNS}"
    );
    let values = [
        (&actor.name).into(),
        (&actor.key).into(),
        (now_ms + CLAIM_MS).into(),
        now_ms.into(),
        id.into(),
    ];
    let Some(row) = tx.query_first(&sql, &values)? else {
        return Ok(None);
    };
    let ticket = Ticket::from_row(id, row)?;
    note(tx, actor, &ticket, "claimed", now_ms)?;
    Ok(Some(ticket))
}

/// Why a ticket cannot be claimed or judged.
pub(super) fn why_not(ticket: &Ticket) -> TicketError {
    match ticket.state {
        TicketState::Open | TicketState::Claimed => TicketError::ClaimedByAnother,
        TicketState::Judged | TicketState::Delivered | TicketState::Failed => {
            TicketError::AlreadyJudged
        }
    }
}

fn note(
    tx: &mut Tx<'_>,
    actor: &Actor,
    ticket: &Ticket,
    action: &'static str,
    now_ms: i64,
) -> Result<(), DbError> {
    audit::note(tx, actor, action, ticket, &json!({}), now_ms)?;
    events::note(tx, ticket.app, &ticket.category, action, ticket.id, now_ms)
}
