//! Who may attempt a delivery: decided by the database, for all nodes.
//!
//! What waits is told by `state + 0 = 0`: so the index of what is due says it, and no other index serves these words. By
//! one that begins with the state, SQLite would read all that waits for each host that it steps to.

use std::sync::Arc;

use reportd_db::{Column, DbError, Merge, Row, Table, Tx, Value};
use reportd_platform::AppNo;

use super::outbox::{IS_REPLACED, Lease, Leased, TAKEN_BACK};

/// Hosts that are looked at in one go.
pub(super) const HOSTS: i64 = 256;

/// Deliveries that are leased in one statement.
const AT_ONCE: usize = 64;

/// A host for which deliveries wait, and when the first of them is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) host: Arc<str>,
    pub(super) at_ms: i64,
}

/// Ends the leases of this node, which has just started: whoever held them is gone. One that is alone ends all.
pub(super) fn end_all(
    tx: &mut Tx<'_>,
    node: &str,
    is_alone: bool,
    now_ms: i64,
) -> Result<u64, DbError> {
    const MINE: &str = "UPDATE dialogue_delivery SET leased_by = NULL, next_at = $1 \
         WHERE leased_by IS NOT NULL AND leased_by = $2 AND state = 0";
    const ALL: &str = "UPDATE dialogue_delivery SET leased_by = NULL, next_at = $1 \
         WHERE leased_by IS NOT NULL AND state = 0";
    if is_alone {
        tx.execute(ALL, &[now_ms.into()])
    } else {
        tx.execute(MINE, &[now_ms.into(), node.into()])
    }
}

/// The next hosts behind `after`, in order of their names, at most [`HOSTS`]. It steps from host to host: how many deliveries wait
/// for each is no matter.
pub(super) fn due_hosts(tx: &mut Tx<'_>, after: &str) -> Result<Vec<Due>, DbError> {
    const STEP: &str = "WITH RECURSIVE step (host) AS ( \
             SELECT (SELECT host FROM dialogue_delivery WHERE state + 0 = 0 AND host > $1 ORDER BY host LIMIT 1) \
             UNION ALL \
             SELECT (SELECT d.host FROM dialogue_delivery d WHERE d.state + 0 = 0 AND d.host > step.host \
                 ORDER BY d.host LIMIT 1) \
             FROM step WHERE step.host IS NOT NULL) \
         SELECT host, (SELECT d.next_at FROM dialogue_delivery d WHERE d.state + 0 = 0 AND d.host = step.host \
             ORDER BY d.next_at LIMIT 1) \
         FROM step WHERE host IS NOT NULL LIMIT $2";
    let rows = tx.query(STEP, &[after.into(), HOSTS.into()])?;
    let due = |mut row: Row| {
        Ok(Due {
            host: row.take_text(0)?.into(),
            // None where the last one was taken in between: looked at again.
            at_ms: row.opt_int(1)?.unwrap_or(i64::MAX),
        })
    };
    rows.into_iter().map(due).collect()
}

/// A delivery, to be locked.
const DELIVERY: Table = Table {
    name: "dialogue_delivery",
    columns: &[
        Column {
            name: "id",
            merge: Merge::Key,
        },
        Column {
            name: "next_at",
            merge: Merge::Payload,
        },
    ],
};

/// Leases what is due for a host, the longest due first. What a process that is gone had leased may be of a verdict whose
/// place a newer one has taken since: it is taken back.
pub(super) fn lease(
    tx: &mut Tx<'_>,
    host: &Arc<str>,
    lease: &Lease,
    now_ms: i64,
    most: i64,
) -> Result<Vec<Leased>, DbError> {
    const DUE: &str = "SELECT id FROM dialogue_delivery WHERE state + 0 = 0 AND host = $1 AND next_at <= $2 \
         ORDER BY next_at LIMIT $3";
    let due = tx.query(DUE, &[(&**host).into(), now_ms.into(), most.into()])?;
    let mut ids = due
        .iter()
        .map(|row| row.int(0))
        .collect::<Result<Vec<_>, _>>()?;
    // Rows are locked in the order of all: by their ids.
    ids.sort_unstable();
    let keys: Vec<[Value<'_>; 1]> = ids.iter().map(|id| [(*id).into()]).collect();
    tx.find_locked(&DELIVERY, &keys)?;
    let mut leased = Vec::with_capacity(ids.len());
    for ids in ids.chunks(AT_ONCE) {
        for row in take(tx, ids, lease, now_ms)? {
            if row.int(10)? != TAKEN_BACK {
                leased.push(self::leased(row, host, lease.until_ms)?);
            }
        }
    }
    leased.sort_unstable_by_key(|leased| leased.id);
    Ok(leased)
}

/// Leases deliveries that are still due, or takes them back; at most [`AT_ONCE`].
fn take(tx: &mut Tx<'_>, ids: &[i64], lease: &Lease, now_ms: i64) -> Result<Vec<Row>, DbError> {
    let Some(last) = ids.last() else {
        return Ok(Vec::new());
    };
    let places: Vec<String> = (4..4 + AT_ONCE)
        .map(|number| format!("${number}"))
        .collect();
    // What another node was quicker with is not due any more.
    let sql = format!(
        "UPDATE dialogue_delivery SET state = CASE WHEN {IS_REPLACED} THEN 3 ELSE 0 END, \
         done_at = CASE WHEN {IS_REPLACED} THEN CAST($3 AS BIGINT) END, \
         leased_by = CASE WHEN {IS_REPLACED} THEN NULL ELSE CAST($1 AS TEXT) END, next_at = $2 \
         WHERE state = 0 AND next_at <= $3 AND id IN ({}) \
         RETURNING id, app, ticket, verdict, revision, webhook_id, url, body, attempts, created_at, state",
        places.join(", ")
    );
    let mut values = vec![(&*lease.node).into(), lease.until_ms.into(), now_ms.into()];
    // One text for all: where there are fewer, the last one is named again.
    let named = ids.iter().chain(std::iter::repeat(last)).take(AT_ONCE);
    values.extend(named.map(|id| Value::from(*id)));
    tx.query(&sql, &values)
}

fn leased(mut row: Row, host: &Arc<str>, until_ms: i64) -> Result<Leased, DbError> {
    let app = AppNo::try_from(row.int(1)?).map_err(|_| DbError::Type {
        column: 1,
        expected: "the number of an app",
    })?;
    Ok(Leased {
        id: row.int(0)?,
        app,
        ticket: row.int(2)?,
        verdict: row.int(3)?,
        revision: row.int(4)?,
        webhook_id: row.take_text(5)?,
        url: row.take_text(6)?,
        host: Arc::clone(host),
        body: row.take_bytes(7)?.into(),
        attempts: row.int(8)?,
        created_at_ms: row.int(9)?,
        until_ms,
        is_trial: false,
    })
}
