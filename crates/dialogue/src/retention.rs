//! What is deleted when it is old: tickets with all that belongs to them, and records of the audit trail
//! (`spec operating`, Settings: `retention.tickets`, `retention.audit`).
//!
//! A ticket is as old as its last change. It goes once its verdict has reached all who reported and nothing of it is on
//! its way: never while it waits for a verdict, and never while a callback of its verdict is undelivered, also where that was
//! given up: a dead letter can be sent again, and keeps its ticket until it was. What moderators did stays in the audit
//! trail, which has a length of its own.
//!
//! Invariant: figures of days do not change by it. Nothing goes that [`crate::monitor`] has not counted.
//!
//! Every node does it, and the database decides: each ticket is one transaction, which deletes all of it or nothing.

use futures_util::future::join_all;
use reportd_db::{DbError, Row, Tx, Value};
use reportd_platform::clock::DAY_MS;

use crate::monitor::{Marks, marks};
use crate::{Dialogue, groups};

/// Tickets that go in one round: what is done for people waits behind them.
const MOST_TICKETS: i64 = 32;
/// Records and groups that go in one round.
const MOST_ROWS: i64 = 500;
/// A ticket joins no group that began a day ago. A day more, for nodes whose clocks differ.
const GROUP_MS: i64 = 2 * DAY_MS;

/// How long what is over is kept, in ms; for ever where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Tickets, from their last change on.
    pub tickets_ms: Option<i64>,
    /// Records of the audit trail.
    pub audit_ms: Option<i64>,
}

/// What a round has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Tickets.
    pub tickets: usize,
    /// Records of the audit trail.
    pub records: u64,
    /// There may be more to delete at once.
    pub has_more: bool,
}

/// A ticket that may go.
#[derive(Debug)]
struct Due {
    id: i64,
    app: i64,
    report_id: String,
    category: String,
    received_at_ms: i64,
}

impl Due {
    /// The key of its thread.
    fn thread(&self) -> [Value<'_>; 3] {
        [
            self.app.into(),
            (&self.report_id).into(),
            (&self.category).into(),
        ]
    }
}

/// Why a ticket was not deleted: all of it is as it was.
#[derive(Debug, thiserror::Error)]
enum Kept {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("it was moved, or another node was first")]
    Moved,
}

impl Dialogue {
    /// Deletes some of what is older than `kept`: one round, to be called again where there is more.
    ///
    /// # Errors
    /// Those of the store; the next round goes on.
    pub async fn drop_old(&self, kept: Retention) -> Result<Dropped, DbError> {
        let now_ms = self.clock.now_ms();
        let mut dropped = Dropped::default();
        if let Some(kept_ms) = kept.tickets_ms {
            self.drop_tickets(now_ms - kept_ms, &mut dropped).await?;
        }
        if let Some(kept_ms) = kept.audit_ms {
            let write = self
                .desk
                .write_later(move |tx| drop_records(tx, now_ms - kept_ms));
            dropped.records = write.await?;
            dropped.has_more |= is_full(dropped.records);
        }
        let write = self
            .desk
            .write_later(move |tx| groups::prune(tx, now_ms - GROUP_MS, MOST_ROWS));
        let groups: Result<u64, DbError> = write.await;
        dropped.has_more |= is_full(groups?);
        Ok(dropped)
    }

    async fn drop_tickets(&self, before_ms: i64, dropped: &mut Dropped) -> Result<(), DbError> {
        let read = self.state.read_async::<_, DbError>(move |tx| {
            let marks = marks(tx)?;
            Ok((due(tx, before_ms, marks)?, marks))
        });
        let (due, marks) = read.await?;
        let is_full = i64::try_from(due.len()).is_ok_and(|count| count >= MOST_TICKETS);
        // All at once, so that they share commits.
        let writes = due.into_iter().map(|due| {
            self.desk
                .write_later(move |tx| drop_ticket(tx, &due, before_ms, marks))
        });
        for outcome in join_all(writes).await {
            match outcome {
                Ok(()) => dropped.tickets += 1,
                Err(Kept::Moved) => {}
                Err(Kept::Db(error)) => return Err(error),
            }
        }
        dropped.has_more = is_full && dropped.tickets > 0;
        Ok(())
    }
}

fn is_full(rows: u64) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows >= MOST_ROWS)
}

/// Tickets that may go, those that came first. Of the index of queues only what came before that time is read, of which
/// nearly all was last changed before it too.
fn due(tx: &mut Tx<'_>, before_ms: i64, marks: Marks) -> Result<Vec<Due>, DbError> {
    const DUE: &str = "SELECT t.id, t.app, t.report_id, t.category, t.received_at FROM dialogue_ticket t \
         WHERE t.state = 3 AND t.received_at < $1 AND t.moved_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM dialogue_delivery d WHERE d.ticket = t.id AND (d.state = 0 OR d.done_at > $2)) \
         AND NOT EXISTS (SELECT 1 FROM dialogue_audit a WHERE a.ticket = t.id AND a.id > $3) \
         AND NOT EXISTS (SELECT 1 FROM dialogue_report r WHERE r.ticket = t.id AND r.id > $4) \
         ORDER BY t.received_at, t.id LIMIT $5";
    let values = [
        before_ms,
        marks.delivery,
        marks.audit,
        marks.report,
        MOST_TICKETS,
    ];
    let due = |mut row: Row| {
        Ok(Due {
            id: row.int(0)?,
            app: row.int(1)?,
            report_id: row.take_text(2)?,
            category: row.take_text(3)?,
            received_at_ms: row.int(4)?,
        })
    };
    let rows = tx.query(DUE, &values.map(Into::into))?;
    rows.into_iter().map(due).collect()
}

/// Deletes a ticket and all that belongs to it. Rows are locked in the order of all: the thread, as an intake does, then
/// deliveries, then the ticket.
fn drop_ticket(tx: &mut Tx<'_>, due: &Due, before_ms: i64, marks: Marks) -> Result<(), Kept> {
    // A delivery that is sent again meanwhile stays, and then so does all.
    const TICKET: &str = "DELETE FROM dialogue_ticket WHERE id = $1 AND state = 3 AND moved_at < $2 \
         AND NOT EXISTS (SELECT 1 FROM dialogue_delivery d WHERE d.ticket = $1) \
         AND NOT EXISTS (SELECT 1 FROM dialogue_audit a WHERE a.ticket = $1 AND a.id > $3)";
    let newest = lock_thread(tx, due)?;
    for sql in [
        "DELETE FROM dialogue_attempt WHERE delivery IN (SELECT id FROM dialogue_delivery WHERE ticket = $1)",
        "DELETE FROM dialogue_delivery WHERE ticket = $1 AND state <> 0",
    ] {
        tx.execute(sql, &[due.id.into()])?;
    }
    let values = [due.id.into(), before_ms.into(), marks.audit.into()];
    if tx.execute(TICKET, &values)? == 0 {
        return Err(Kept::Moved);
    }
    drop_reporters(tx, due)?;
    for sql in [
        "DELETE FROM dialogue_report WHERE ticket = $1",
        "DELETE FROM dialogue_user WHERE ticket = $1",
        "DELETE FROM dialogue_verdict WHERE ticket = $1",
    ] {
        tx.execute(sql, &[due.id.into()])?;
    }
    mend_thread(tx, due, newest)?;
    Ok(())
}

/// The newest ticket of the ticket's thread. No report joins the thread meanwhile.
fn lock_thread(tx: &mut Tx<'_>, due: &Due) -> Result<Option<i64>, DbError> {
    let sql = "UPDATE dialogue_thread SET ticket = ticket WHERE app = $1 AND report_id = $2 AND category = $3 RETURNING ticket";
    let row = tx.query_first(sql, &due.thread())?;
    row.map(|row| row.int(0)).transpose()
}

/// Reporters are found by their names, which stand in the reports.
fn drop_reporters(tx: &mut Tx<'_>, due: &Due) -> Result<(), DbError> {
    let sql = "SELECT DISTINCT uniqid FROM dialogue_report WHERE ticket = $1 AND uniqid <> ''";
    for mut row in tx.query(sql, &[due.id.into()])? {
        tx.execute(
            "DELETE FROM dialogue_reporter WHERE app = $1 AND uniqid = $2 AND received_at = $3 AND ticket = $4",
            &[
                due.app.into(),
                (&row.take_text(0)?).into(),
                due.received_at_ms.into(),
                due.id.into(),
            ],
        )?;
    }
    Ok(())
}

/// What is left of a thread goes on: a report finds its newest ticket, and none follows one that is gone.
fn mend_thread(tx: &mut Tx<'_>, due: &Due, newest: Option<i64>) -> Result<(), DbError> {
    let [app, report_id, category] = due.thread();
    let left = "SELECT DISTINCT r.ticket FROM dialogue_report r JOIN dialogue_ticket t ON t.id = r.ticket \
                WHERE r.app = $1 AND r.report_id = $2 AND t.category = $3 ORDER BY r.ticket";
    let left = tx.query(left, &[app, report_id, category])?;
    for row in &left {
        let sql = "UPDATE dialogue_ticket SET follows = NULL WHERE id = $1 AND follows = $2";
        tx.execute(sql, &[row.int(0)?.into(), due.id.into()])?;
    }
    if newest != Some(due.id) {
        return Ok(());
    }
    match left.last() {
        Some(row) => {
            let sql = "UPDATE dialogue_thread SET ticket = $4 WHERE app = $1 AND report_id = $2 AND category = $3";
            tx.execute(sql, &[app, report_id, category, row.int(0)?.into()])?;
        }
        None => {
            let sql =
                "DELETE FROM dialogue_thread WHERE app = $1 AND report_id = $2 AND category = $3";
            tx.execute(sql, &[app, report_id, category])?;
        }
    }
    Ok(())
}

/// Deletes records of before that time, the first of them; tells how many. They are numbered as they come, so the first
/// that is younger is the end.
fn drop_records(tx: &mut Tx<'_>, before_ms: i64) -> Result<u64, DbError> {
    const FIRST: &str = "SELECT id, at FROM dialogue_audit WHERE id <= $1 ORDER BY id LIMIT $2";
    let counted = marks(tx)?.audit;
    let first = tx.query(FIRST, &[counted.into(), MOST_ROWS.into()])?;
    let mut last = None;
    for row in first {
        if row.int(1)? >= before_ms {
            break;
        }
        last = Some(row.int(0)?);
    }
    let Some(last) = last else {
        return Ok(0);
    };
    tx.execute("DELETE FROM dialogue_audit WHERE id <= $1", &[last.into()])
}

/// Deletes ticket 2, its thread with it, and the first record.
#[cfg(test)]
pub(crate) fn drop_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.execute("UPDATE dialogue_ticket SET state = 3 WHERE id = 2", &[])?;
    let marks = Marks {
        report: i64::MAX,
        audit: i64::MAX,
        delivery: i64::MAX,
    };
    let due = due(tx, 2, marks)?;
    assert_eq!(due.len(), 1);
    drop_ticket(tx, &due[0], 2, marks).map_err(|kept| DbError::Statement(kept.to_string()))?;
    tx.execute("UPDATE dialogue_count_mark SET audit = 1 WHERE id = 1", &[])?;
    assert_eq!(drop_records(tx, 1)?, 1);
    groups::prune(tx, 1, MOST_ROWS).map(drop)
}
