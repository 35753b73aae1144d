//! How far each view has folded each stream, as the store of the views says.

use std::collections::BTreeMap;

use reportd_db::{Database, DbError, Row, Tx, Value};

use crate::StreamNo;
use crate::day_blocks::stream_no;
use crate::fresh::Folded;
use crate::store::JournalError;

const POSITIONS: &str = "SELECT stream, next, received_at FROM view_position WHERE view = $1";

/// The positions of a view, by stream.
pub(crate) fn positions(
    tx: &mut Tx<'_>,
    view: &str,
) -> Result<BTreeMap<StreamNo, Folded>, DbError> {
    read(&tx.query(POSITIONS, &[view.into()])?)
}

/// [`positions`], read by themselves: they may have moved on since.
pub(crate) fn positions_now(
    db: &Database,
    view: &str,
) -> Result<BTreeMap<StreamNo, Folded>, DbError> {
    read(&db.query(POSITIONS, &[view.into()])?)
}

fn read(rows: &[Row]) -> Result<BTreeMap<StreamNo, Folded>, DbError> {
    rows.iter()
        .map(|row| Ok((stream_no(row, 0)?, folded(row)?)))
        .collect()
}

fn folded(row: &Row) -> Result<Folded, DbError> {
    Ok(Folded {
        next: row.uint(1)?,
        received_at_ms: row.int(2)?,
    })
}

/// The position of a view in a stream. A new view begins at the first entry, and its lag counts from `now_ms`. Where other
/// views have folded the stream and days of it were dropped since, the view begins at `first_kept`, the end of the stream
/// where nothing of it is kept: it is younger than what was dropped. In a store where nothing is folded yet it begins at 1,
/// so that missing entries are found.
pub(crate) fn position(
    db: &Database,
    view: &str,
    stream: StreamNo,
    now_ms: i64,
    first_kept: impl FnOnce() -> Result<u64, JournalError>,
) -> Result<Folded, JournalError> {
    if let Some(at) = positions_now(db, view)?.get(&stream) {
        return Ok(*at);
    }
    let first_kept = first_kept()?.cast_signed();
    let first = "INSERT INTO view_position (view, stream, next, received_at, closed) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (view, stream) DO NOTHING";
    let closed = "SELECT MAX(closed) FROM view_position";
    let others = "SELECT COUNT(*) FROM view_position WHERE stream = $1 AND next >= $2";
    let at = db.write(|tx| {
        let have_others = tx.query_int(others, &[stream.into(), first_kept.into()])? > 0;
        let next = if have_others { first_kept } else { 1 };
        let closed = tx.query_int(closed, &[])?;
        tx.execute(
            first,
            &[
                view.into(),
                stream.into(),
                next.into(),
                now_ms.into(),
                closed.into(),
            ],
        )?;
        Ok(positions(tx, view)?.get(&stream).copied())
    })?;
    Ok(at.ok_or_else(|| DbError::Statement("no position".to_owned()))?)
}

/// Moves a position, where it is still at `from`: by compare-and-set, so that two nodes never fold the same entries.
pub(crate) fn move_on(
    tx: &mut Tx<'_>,
    view: &str,
    stream: StreamNo,
    from: Option<u64>,
    to: Folded,
) -> Result<(), DbError> {
    let sql = "UPDATE view_position SET next = $1, received_at = $2 WHERE view = $3 AND stream = $4 AND next = $5 \
               AND closed = 0";
    let values: [Value<'_>; 5] = [
        to.next.cast_signed().into(),
        to.received_at_ms.into(),
        view.into(),
        stream.into(),
        from.map(u64::cast_signed).into(),
    ];
    if tx.execute(sql, &values)? == 1 {
        Ok(())
    } else {
        Err(DbError::Conflict(
            "another process has folded this stream, or the views were replaced".to_owned(),
        ))
    }
}

/// Lets nothing more be folded into the views of a store: folds that run end first.
pub(crate) fn close(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.execute("UPDATE view_position SET closed = 1", &[])
        .map(|_| ())
}

/// For each stream the entries that every one of `views` has folded: those before the sequence told. A stream that is
/// missing here was not folded at all.
pub(crate) fn folded_by_all(
    tx: &mut Tx<'_>,
    views: &[&str],
) -> Result<BTreeMap<StreamNo, u64>, DbError> {
    let mut all: Option<BTreeMap<StreamNo, u64>> = None;
    for view in views {
        let next = positions(tx, view)?
            .into_iter()
            .map(|(stream, at)| (stream, at.next));
        let next: BTreeMap<StreamNo, u64> = next.collect();
        all = Some(match all {
            None => next,
            Some(all) => all
                .into_iter()
                .filter_map(|(stream, before)| Some((stream, before.min(*next.get(&stream)?))))
                .collect(),
        });
    }
    Ok(all.unwrap_or_default())
}
