//! What verdicts said, for lists: many at once, by their numbers.

use std::collections::{BTreeMap, HashMap};

use reportd_db::{DbError, Tx, Value};

use super::ticket::Ticket;
use crate::schema::VERDICT;

/// Verdicts that are read in one statement.
const AT_ONCE: usize = 500;

/// What the verdict that stands says of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) dialogue_result: String,
    /// The label of each user, by the key as it came in.
    pub(crate) user_result: BTreeMap<String, String>,
    pub(crate) auditor: String,
}

/// What the verdicts of tickets say, by the number of the ticket. One that was never judged has none.
pub(crate) fn standing_verdicts<'a>(
    tx: &mut Tx<'_>,
    tickets: impl Iterator<Item = &'a Ticket>,
) -> Result<HashMap<i64, Standing>, DbError> {
    let mut numbers: Vec<i64> = tickets.filter_map(|ticket| ticket.verdict).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut found = HashMap::with_capacity(numbers.len());
    for numbers in numbers.chunks(AT_ONCE) {
        let keys: Vec<[Value<'_>; 1]> = numbers.iter().map(|id| [(*id).into()]).collect();
        for mut row in tx.find(&VERDICT, &keys)?.into_iter().flatten() {
            let users = row.take_text(2)?;
            let standing = Standing {
                dialogue_result: row.take_text(1)?,
                user_result: serde_json::from_str(&users).unwrap_or_default(),
                auditor: row.take_text(3)?,
            };
            found.insert(row.int(0)?, standing);
        }
    }
    Ok(found)
}
