//! Folds rows into counts: gathers them beside other work, then adds them and moves the marks in one short transaction.
//! The marks move by compare-and-set, so that of nodes that fold the same rows one counts them.

use std::sync::Arc;

use reportd_db::{DbError, Tx, Value};
use reportd_platform::clock::SECOND_MS;

use super::figure::Counts;
use super::gather::{Marks, gather, marks};
use super::tables::COUNT;
use crate::Dialogue;

/// Rows are folded when they are so old that no transaction can still be writing one with a smaller number, in ms.
const SETTLED_MS: i64 = 10 * SECOND_MS;

/// Folds once; true where there is more to fold.
pub(super) async fn fold(dialogue: &Dialogue) -> Result<bool, DbError> {
    let until_ms = dialogue.clock.now_ms() - SETTLED_MS;
    let directory = dialogue.directory.snapshot();
    let known = Arc::clone(&directory);
    let read = dialogue.state.read_async::<_, DbError>(move |tx| {
        let from = marks(tx)?;
        Ok((from, gather(tx, &known, from, until_ms)?))
    });
    let (from, gathered) = read.await?;
    let monitor = &dialogue.monitor;
    let refused = monitor.refusals.take();
    if gathered.marks == from && refused.is_empty() {
        return Ok(false);
    }
    let metrics = &monitor.metrics;
    let (to, found, also) = (gathered.marks, gathered.counts.clone(), refused.clone());
    let write = dialogue.desk.write::<_, DbError>(move |tx| {
        let is_first = move_marks(tx, from, to)?;
        let mut counts = if is_first { found } else { Counts::new() };
        counts.extend(also);
        add(tx, &counts)?;
        Ok(is_first)
    });
    let is_first = match write.await {
        Ok(is_first) => is_first,
        Err(error) => {
            monitor.refusals.put_back(refused);
            return Err(error);
        }
    };
    metrics.count(&directory, &refused);
    if is_first {
        metrics.count(&directory, &gathered.counts);
    }
    Ok(is_first && gathered.has_more)
}

/// Moves the marks; false where another node was first.
fn move_marks(tx: &mut Tx<'_>, from: Marks, to: Marks) -> Result<bool, DbError> {
    let moved = tx.execute(
        "UPDATE dialogue_count_mark SET report = $1, audit = $2, delivery = $3 \
         WHERE id = 1 AND report = $4 AND audit = $5 AND delivery = $6",
        &[
            to.report.into(),
            to.audit.into(),
            to.delivery.into(),
            from.report.into(),
            from.audit.into(),
            from.delivery.into(),
        ],
    )?;
    Ok(moved == 1)
}

fn add(tx: &mut Tx<'_>, counts: &Counts) -> Result<(), DbError> {
    let mut rows: Vec<[Value<'_>; 5]> = counts
        .iter()
        .map(|((app, day, figure, part), number)| {
            [
                (*app).into(),
                (*day).into(),
                figure.number().into(),
                part.into(),
                (*number).into(),
            ]
        })
        .collect();
    tx.upsert(&COUNT, &mut rows)
}
