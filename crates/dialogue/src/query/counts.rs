//! How many tickets are in which state, and how old the oldest open one is.

use std::collections::BTreeMap;

use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;

use super::queue::Queue;
use crate::tickets::{Actor, TicketState};

/// More are not counted: there are «10,000 and more».
pub const MOST_COUNTED: i64 = 10_000;

/// Tickets by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Each state with its number of tickets, [`MOST_COUNTED`] of a queue at most.
    pub by_state: Vec<(TicketState, i64)>,
    /// When the oldest open ticket was received, in ms.
    pub oldest_open_at_ms: Option<i64>,
}

impl Counts {
    /// How many are in a state.
    #[must_use]
    pub fn of(&self, state: TicketState) -> i64 {
        let found = self.by_state.iter().find(|(of, _)| *of == state);
        found.map_or(0, |(_, count)| *count)
    }
}

/// Counts the tickets of queues.
pub(crate) fn counts(tx: &mut Tx<'_>, queues: &[Queue<'_>]) -> Result<Counts, DbError> {
    let mut by_state = TicketState::ALL.map(|state| (state, 0));
    for queue in queues {
        for (state, count) in &mut by_state {
            *count += count_of(tx, *queue, *state)?;
        }
    }
    Ok(Counts {
        by_state: by_state.into(),
        oldest_open_at_ms: oldest_open(tx, queues)?,
    })
}

/// How many tickets the actor holds of queues.
pub(crate) fn held(tx: &mut Tx<'_>, queues: &[Queue<'_>], actor: &Actor) -> Result<i64, DbError> {
    let mut held = 0;
    for queue in queues {
        let (given, mut values) = queue.given();
        let n = values.len();
        values.push(TicketState::Claimed.number().into());
        values.push(MOST_COUNTED.into());
        values.push((&actor.name).into());
        values.push((&actor.key).into());
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT claimed_by, claim_key FROM dialogue_ticket WHERE {given}state = ${} \
             ORDER BY received_at, id LIMIT ${}) AS counted WHERE claimed_by = ${} AND claim_key = ${}",
            n + 1,
            n + 2,
            n + 3,
            n + 4
        );
        held += tx.query_int(&sql, &values)?;
    }
    Ok(held)
}

/// How many tickets of each category wait, open or claimed: of the oldest [`MOST_COUNTED`] of a queue and state.
pub(crate) fn waiting_by_category(
    tx: &mut Tx<'_>,
    queues: &[Queue<'_>],
) -> Result<BTreeMap<(AppNo, String), i64>, DbError> {
    let mut waiting = BTreeMap::new();
    for queue in queues {
        for state in [TicketState::Open, TicketState::Claimed] {
            let (given, mut values) = queue.given();
            values.extend([state.number(), MOST_COUNTED].map(Value::from));
            let sql = format!(
                "SELECT app, category, COUNT(*) FROM (SELECT app, category FROM dialogue_ticket WHERE {given}state = ${} \
                 ORDER BY received_at, id LIMIT ${}) AS counted GROUP BY app, category",
                values.len() - 1,
                values.len()
            );
            for mut row in tx.query(&sql, &values)? {
                let app = AppNo::try_from(row.int(0)?).map_err(|_| DbError::Type {
                    column: 0,
                    expected: "an app number",
                })?;
                *waiting.entry((app, row.take_text(1)?)).or_default() += row.int(2)?;
            }
        }
    }
    Ok(waiting)
}

fn count_of(tx: &mut Tx<'_>, queue: Queue<'_>, state: TicketState) -> Result<i64, DbError> {
    let (given, mut values) = queue.given();
    values.extend([state.number(), MOST_COUNTED].map(Value::from));
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT received_at FROM dialogue_ticket WHERE {given}state = ${} \
         ORDER BY received_at, id LIMIT ${}) AS counted",
        values.len() - 1,
        values.len()
    );
    tx.query_int(&sql, &values)
}

/// When the oldest open ticket of queues was received, in ms.
pub(crate) fn oldest_open(tx: &mut Tx<'_>, queues: &[Queue<'_>]) -> Result<Option<i64>, DbError> {
    let mut oldest = None;
    for queue in queues {
        let (given, values) = queue.given();
        let sql = format!(
            "SELECT received_at FROM dialogue_ticket WHERE {given}state = 0 ORDER BY received_at, id LIMIT 1"
        );
        if let Some(row) = tx.query_first(&sql, &values)? {
            let at_ms = row.int(0)?;
            oldest = Some(oldest.map_or(at_ms, |oldest: i64| oldest.min(at_ms)));
        }
    }
    Ok(oldest)
}
