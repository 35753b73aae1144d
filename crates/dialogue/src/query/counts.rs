//! How many tickets are in which state, and how old the oldest open one is.

use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;

use crate::tickets::TicketState;

/// More are not counted: there are «10,000 and more».
pub const MOST_COUNTED: i64 = 10_000;

/// Tickets by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Each state with its number of tickets, [`MOST_COUNTED`] at most.
    pub by_state: Vec<(TicketState, i64)>,
    /// When the oldest open ticket was received, in ms.
    pub oldest_open_at_ms: Option<i64>,
}

/// Counts tickets of all apps, of an app, or of a category of an app.
pub(crate) fn counts(
    tx: &mut Tx<'_>,
    app: Option<AppNo>,
    category: Option<&str>,
) -> Result<Counts, DbError> {
    let (given, mut values) = given(app, category);
    let (state, limit) = (values.len() + 1, values.len() + 2);
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT id FROM dialogue_ticket WHERE {given}state = ${state} LIMIT ${limit}) AS counted"
    );
    let mut counts = Counts {
        oldest_open_at_ms: oldest_open(tx, app, category)?,
        ..Counts::default()
    };
    for one in TicketState::ALL {
        values.truncate(state - 1);
        values.extend([one.number().into(), MOST_COUNTED.into()]);
        counts.by_state.push((one, tx.query_int(&sql, &values)?));
    }
    Ok(counts)
}

/// When the oldest open ticket was received, in ms.
pub(crate) fn oldest_open(
    tx: &mut Tx<'_>,
    app: Option<AppNo>,
    category: Option<&str>,
) -> Result<Option<i64>, DbError> {
    let (given, values) = given(app, category);
    let sql = format!(
        "SELECT received_at FROM dialogue_ticket WHERE {given}state = 0 ORDER BY received_at, id LIMIT 1"
    );
    tx.query_first(&sql, &values)?.map(|row| row.int(0)).transpose()
}

fn given(app: Option<AppNo>, category: Option<&str>) -> (&'static str, Vec<Value<'_>>) {
    match (app, category) {
        (None, _) => ("", Vec::new()),
        (Some(app), None) => ("app = $1 AND ", vec![app.into()]),
        (Some(app), Some(category)) => {
            ("app = $1 AND category = $2 AND ", vec![app.into(), category.into()])
        }
    }
}
