//! What the reads have in common: lists of numbers in a statement, and rows of counters.

use reportd_db::{DbError, Row, Value};
use reportd_protocol::push::{Channel, Figures, Loss, Phase, Reason, Total};

/// The counters of a row, in the order in which they stand in every table.
pub(super) const COUNTERS: &str = "sendable, sent, received, displayed, clicked";

/// How long lists of numbers are made, so that few statements differ.
const LIST_LENGTHS: [usize; 4] = [1, 10, 50, 200];

/// A list of numbers for `IN`, behind `before` other values: its text and its values. Its last number is repeated up to
/// the next length.
pub(super) fn list(numbers: &[i64], before: usize) -> (String, Vec<Value<'static>>) {
    let length = LIST_LENGTHS
        .into_iter()
        .find(|length| *length >= numbers.len());
    let length = length.unwrap_or(numbers.len());
    let places: Vec<_> = (1..=length)
        .map(|place| format!("${}", before + place))
        .collect();
    // An empty list holds a number that nothing has.
    let last = numbers.last().copied().unwrap_or(-1);
    let padded = numbers.iter().copied().chain(std::iter::repeat(last));
    (
        places.join(", "),
        padded.take(length).map(Value::Int).collect(),
    )
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
