//! What happened to tickets, for streams on all nodes: a row each, kept for an hour.

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::clock::{HOUR_MS, MINUTE_MS};

/// Notes an event: new, joined, claimed, released, judged, undone, reopened.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    app: AppNo,
    category: &str,
    kind: &'static str,
    ticket: i64,
    now_ms: i64,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO dialogue_event (at, app, category, kind, ticket) VALUES ($1, $2, $3, $4, $5)",
        &[
            now_ms.into(),
            app.into(),
            category.into(),
            kind.into(),
            ticket.into(),
        ],
    )
    .map(|_| ())
}

/// Drops events of more than an hour ago, a minute of them at once; returns how many.
pub(crate) fn prune(tx: &mut Tx<'_>, now_ms: i64) -> Result<u64, DbError> {
    let end_ms = now_ms - HOUR_MS;
    let oldest = "SELECT at FROM dialogue_event WHERE at < $1 ORDER BY at LIMIT 1";
    let Some(oldest) = tx.query_first(oldest, &[end_ms.into()])? else {
        return Ok(0);
    };
    let before_ms = end_ms.min(oldest.int(0)? + MINUTE_MS);
    let sql = "DELETE FROM dialogue_event WHERE at < $1";
    tx.execute(sql, &[before_ms.into()])
}
