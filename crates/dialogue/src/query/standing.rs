//! What waits, of all apps: for who looks after the server.

use reportd_db::{DbError, Tx};

use super::counts::MOST_COUNTED;

/// What is counted: its name, the table, and the state there.
const FIGURES: [(&str, &str, i64); 4] = [
    ("tickets open", "dialogue_ticket", 0),
    ("tickets claimed", "dialogue_ticket", 1),
    ("callbacks waiting", "dialogue_delivery", 0),
    ("callbacks dead", "dialogue_delivery", 2),
];

/// How many tickets and callbacks wait for somebody, each [`MOST_COUNTED`] at most, by what to call them.
///
/// # Errors
/// Those of the store.
pub fn standing(tx: &mut Tx<'_>) -> Result<Vec<(&'static str, i64)>, DbError> {
    let count = |(name, table, state)| {
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT id FROM {table} WHERE state = $1 LIMIT $2) AS counted"
        );
        let values = [i64::into(state), MOST_COUNTED.into()];
        Ok((name, tx.query_int(&sql, &values)?))
    };
    FIGURES.into_iter().map(count).collect()
}
