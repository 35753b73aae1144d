//! What attempts gave: written behind them, many at a time.

use std::sync::Arc;

use reportd_db::{Column, DbError, Merge, Table, Tx, Value};

use super::outbox::{IS_REPLACED, Leased};

/// How far a note may be written behind the end of its attempt and still bear that time, in ms. What ended is counted some
/// seconds later, and by then none may come with an earlier time.
const MOST_LATE_MS: i64 = 5_000;

/// Where an attempt leaves its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Delivered,
    /// Attempted again at this time.
    Again {
        at_ms: i64,
    },
    Dead,
}

/// What is written about a delivery that this node had leased.
#[derive(Debug)]
pub(super) enum Note {
    Attempted(Attempted),
    /// Not attempted: others may.
    GivenBack {
        id: i64,
        until_ms: i64,
        due_ms: i64,
    },
    /// No more notes come.
    End,
}

/// An attempt that was made.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) id: i64,
    pub(super) ticket: i64,
    pub(super) verdict: i64,
    /// Names the lease: a later one ends at another time.
    pub(super) until_ms: i64,
    pub(super) at_ms: i64,
    pub(super) took_ms: i64,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
    /// The beginning of the response.
    pub(super) excerpt: Vec<u8>,
    pub(super) ending: Ending,
}

impl Note {
    pub(super) fn given_back(leased: &Leased, due_ms: i64) -> Self {
        Self::GivenBack {
            id: leased.id,
            until_ms: leased.until_ms,
            due_ms,
        }
    }

    fn id(&self) -> i64 {
        match self {
            Self::Attempted(attempted) => attempted.id,
            Self::GivenBack { id, .. } => *id,
            Self::End => i64::MAX,
        }
    }
}

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

/// A ticket, to be locked.
const TICKET: Table = Table {
    name: "dialogue_ticket",
    columns: &[column("id", Merge::Key), column("verdict", Merge::Payload)],
};

/// Writes notes. Rows are locked in the order of all: deliveries by their ids, then tickets by theirs.
pub(super) fn write(
    tx: &mut Tx<'_>,
    node: &Arc<str>,
    notes: &[Note],
    now_ms: i64,
) -> Result<(), DbError> {
    let mut ordered: Vec<&Note> = notes.iter().collect();
    ordered.sort_by_key(|note| note.id());
    for note in ordered {
        match note {
            Note::Attempted(attempted) => write_attempt(tx, node, attempted, now_ms)?,
            Note::GivenBack {
                id,
                until_ms,
                due_ms,
            } => give_back(tx, node, (*id, *until_ms, *due_ms), now_ms)?,
            Note::End => {}
        }
    }
    move_tickets(tx, notes, now_ms)
}

/// Others may attempt it, unless a newer verdict has taken its place meanwhile.
fn give_back(
    tx: &mut Tx<'_>,
    node: &str,
    (id, until_ms, due_ms): (i64, i64, i64),
    now_ms: i64,
) -> Result<(), DbError> {
    let back = format!(
        "UPDATE dialogue_delivery SET state = CASE WHEN {IS_REPLACED} THEN 3 ELSE 0 END, \
         done_at = CASE WHEN {IS_REPLACED} THEN CAST($5 AS BIGINT) END, leased_by = NULL, next_at = $4 \
         WHERE id = $1 AND state = 0 AND leased_by = $2 AND next_at = $3"
    );
    let values = [
        id.into(),
        node.into(),
        until_ms.into(),
        due_ms.into(),
        now_ms.into(),
    ];
    tx.execute(&back, &values)?;
    Ok(())
}

fn write_attempt(
    tx: &mut Tx<'_>,
    node: &str,
    attempted: &Attempted,
    now_ms: i64,
) -> Result<(), DbError> {
    // The receiver has it: that stands, whoever holds the lease by now.
    const DELIVERED: &str = "UPDATE dialogue_delivery SET state = 1, attempts = attempts + 1, leased_by = NULL, \
         done_at = $2, last_status = $3, last_error = NULL WHERE id = $1 AND state = 0";
    let status = Value::from(attempted.status.map(u32::from));
    let done_ms = done_ms(attempted, now_ms);
    let error = Value::from(attempted.error.as_deref());
    match attempted.ending {
        Ending::Delivered => {
            let values = [attempted.id.into(), done_ms.into(), status];
            tx.execute(DELIVERED, &values)?;
        }
        Ending::Again { at_ms } => fail(tx, node, attempted, (0, at_ms, done_ms))?,
        Ending::Dead => fail(tx, node, attempted, (2, done_ms, done_ms))?,
    }
    insert_attempt(tx, attempted, status, error)
}

/// When an attempt ended, in ms.
fn done_ms(attempted: &Attempted, now_ms: i64) -> i64 {
    (attempted.at_ms + attempted.took_ms).max(now_ms - MOST_LATE_MS)
}

/// The receiver did not take it. Where a newer verdict was given while this attempt ran, that takes the delivery's place.
fn fail(
    tx: &mut Tx<'_>,
    node: &str,
    attempted: &Attempted,
    (state, next_ms, done_ms): (i64, i64, i64),
) -> Result<(), DbError> {
    let failed = format!(
        "UPDATE dialogue_delivery SET state = CASE WHEN {IS_REPLACED} THEN 3 ELSE CAST($7 AS BIGINT) END, \
         done_at = CASE WHEN CAST($7 AS BIGINT) <> 0 OR {IS_REPLACED} THEN CAST($6 AS BIGINT) END, \
         attempts = attempts + 1, leased_by = NULL, next_at = $5, last_status = $3, last_error = $4 \
         WHERE id = $1 AND state = 0 AND leased_by = $2 AND next_at = $8"
    );
    let values = [
        attempted.id.into(),
        node.into(),
        attempted.status.map(u32::from).into(),
        attempted.error.as_deref().into(),
        next_ms.into(),
        done_ms.into(),
        state.into(),
        attempted.until_ms.into(),
    ];
    tx.execute(&failed, &values)?;
    Ok(())
}

fn insert_attempt(
    tx: &mut Tx<'_>,
    attempted: &Attempted,
    status: Value<'_>,
    error: Value<'_>,
) -> Result<(), DbError> {
    const INSERT: &str = "INSERT INTO dialogue_attempt (delivery, attempt, at, took_ms, status, error, excerpt) VALUES \
         ($1, (SELECT COALESCE(MAX(attempt), 0) + 1 FROM dialogue_attempt WHERE delivery = $1), $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING";
    let excerpt = (!attempted.excerpt.is_empty()).then_some(&attempted.excerpt[..]);
    tx.execute(
        INSERT,
        &[
            attempted.id.into(),
            attempted.at_ms.into(),
            attempted.took_ms.into(),
            status,
            error,
            excerpt.into(),
        ],
    )?;
    Ok(())
}

/// Moves tickets whose verdict is delivered to all, or to one never will be.
fn move_tickets(tx: &mut Tx<'_>, notes: &[Note], now_ms: i64) -> Result<(), DbError> {
    const DELIVERED: &str = "UPDATE dialogue_ticket SET state = 3, moved_at = $3 \
         WHERE id = $1 AND verdict = $2 AND state IN (2, 4) AND NOT EXISTS ( \
             SELECT 1 FROM dialogue_delivery WHERE ticket = $1 AND verdict = $2 AND state IN (0, 2))";
    const DEAD: &str = "UPDATE dialogue_ticket SET state = 4, moved_at = $3 \
         WHERE id = $1 AND verdict = $2 AND state IN (2, 3)";
    let ended = |note: &Note| match note {
        Note::Attempted(one) if !matches!(one.ending, Ending::Again { .. }) => {
            Some((one.ticket, one.verdict, one.ending == Ending::Dead))
        }
        _ => None,
    };
    let mut ended: Vec<_> = notes.iter().filter_map(ended).collect();
    if ended.is_empty() {
        return Ok(());
    }
    ended.sort_unstable();
    ended.dedup();
    // Another node may have ended the ticket's other delivery at this moment: behind the lock both are seen.
    let mut keys: Vec<[Value<'_>; 1]> = ended
        .iter()
        .map(|(ticket, ..)| [(*ticket).into()])
        .collect();
    keys.dedup();
    tx.find_locked(&TICKET, &keys)?;
    for (ticket, verdict, is_dead) in ended {
        let sql = if is_dead { DEAD } else { DELIVERED };
        tx.execute(sql, &[ticket.into(), verdict.into(), now_ms.into()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_is_written_late_bears_a_time_that_is_still_counted() {
        let attempted = Attempted {
            id: 1,
            ticket: 1,
            verdict: 1,
            until_ms: 0,
            at_ms: 1_000,
            took_ms: 20,
            status: None,
            error: None,
            excerpt: Vec::new(),
            ending: Ending::Delivered,
        };
        for (now_ms, expected) in [
            (1_020, 1_020),
            (6_020, 1_020),
            (6_021, 1_021),
            (90_000, 85_000),
        ] {
            assert_eq!(done_ms(&attempted, now_ms), expected, "written at {now_ms}");
        }
    }
}
