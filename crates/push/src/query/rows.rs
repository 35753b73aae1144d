//! What the reads have in common: queries that go together, and rows of counters.

use std::collections::HashMap;

use reportd_db::{DbError, Query, Row, Tx};
use reportd_protocol::push::{Channel, Figures, Loss, Phase, Reason, Total};

/// The counters of a row, in the order in which they stand in every table.
pub(super) const COUNTERS: &str = "sendable, sent, received, displayed, clicked";

/// Asks what needs nothing of each other, in one round trip; of a query that is left out there are no rows.
pub(super) fn ask<const N: usize>(
    tx: &mut Tx<'_>,
    queries: [Option<Query<'_>>; N],
) -> Result<[Vec<Row>; N], DbError> {
    let asked: Vec<Query<'_>> = queries.iter().flatten().copied().collect();
    let mut told = tx.query_each(&asked)?.into_iter();
    Ok(queries.map(|query| query.and_then(|_| told.next()).unwrap_or_default()))
}

/// What rows tell, by the number in their first column.
pub(super) fn by_number<T>(
    rows: Vec<Row>,
    tell: impl Fn(&mut Row) -> Result<T, DbError>,
) -> Result<HashMap<i64, Vec<T>>, DbError> {
    let mut told = HashMap::<i64, Vec<T>>::new();
    for mut row in rows {
        let number = row.int(0)?;
        told.entry(number).or_default().push(tell(&mut row)?);
    }
    Ok(told)
}

/// The five counters from `column` on.
pub(super) fn total(row: &Row, column: usize) -> Result<Total, DbError> {
    Ok(Total {
        msg_num: row.opt_int(column)?.unwrap_or(0),
        figures: Figures {
            target_num: row.opt_int(column + 1)?.unwrap_or(0),
            receive_num: row.opt_int(column + 2)?.unwrap_or(0),
            display_num: row.opt_int(column + 3)?.unwrap_or(0),
            click_num: row.opt_int(column + 4)?.unwrap_or(0),
        },
    })
}

/// A brand and its counters, from `column` on.
pub(super) fn brand(row: &mut Row, column: usize) -> Result<(String, Figures), DbError> {
    Ok((row.take_text(column)?, total(row, column + 1)?.figures))
}

/// The channel of a counter; `None` is the total.
pub(super) fn channel(row: &Row, column: usize) -> Result<Option<Channel>, DbError> {
    let number = row.uint(column)?;
    let place = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1));
    match place {
        None => Ok(None),
        Some(place) => {
            let channel = Channel::ALL.get(place).copied();
            channel.map(Some).ok_or_else(|| unknown("channel"))
        }
    }
}

/// A loss: phase, channel, reason and count, from `column` on.
pub(super) fn loss(row: &Row, column: usize) -> Result<Loss, DbError> {
    let phase = usize::try_from(row.int(column)?).ok();
    let phase = phase.and_then(|place| Phase::ALL.get(place).copied());
    Ok(Loss {
        phase: phase.ok_or_else(|| unknown("phase"))?,
        channel: channel(row, column + 1)?.ok_or_else(|| unknown("channel"))?,
        reason: Reason::from_code(row.int(column + 2)?).ok_or_else(|| unknown("reason"))?,
        count: row.int(column + 3)?,
    })
}

pub(super) fn unknown(what: &str) -> DbError {
    DbError::Corrupt(format!("push counters: an unknown {what}"))
}
