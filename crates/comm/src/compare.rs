//! Comparing the counts and the census of two stores of views, by meaning: stores number their series as they come.

use std::collections::BTreeMap;

use reportd_db::{DbError, Tx};
use reportd_journal::{Base, Difference, Rows};
use reportd_protocol::comm::Field;

use crate::counts::field_number;

/// App, operation and number of a field.
type Series = (i64, i64, i64);

/// The id of no series.
const NONE: i64 = -1;

/// Tells each difference between what is stored and what was folded anew.
pub(crate) fn compare(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    let (left, right) = (series(stored)?, series(folded)?);
    let mut all: Vec<&Series> = left.keys().chain(right.keys()).collect();
    all.sort_unstable();
    all.dedup();
    for key in all {
        let id = |of: &BTreeMap<Series, i64>| [of.get(key).copied().unwrap_or(NONE).into()];
        counts(key).compare(
            (&mut *stored, &id(&left)),
            (&mut *folded, &id(&right)),
            tell,
        )?;
    }
    census().compare((&mut *stored, &[]), (&mut *folded, &[]), tell)?;
    compare_repeats(stored, folded, tell)
}

fn series(tx: &mut Tx<'_>) -> Result<BTreeMap<Series, i64>, DbError> {
    let rows = tx.query("SELECT app, oper_id, field, id FROM comm_series", &[])?;
    rows.into_iter()
        .map(|row| Ok(((row.int(0)?, row.int(1)?, row.int(2)?), row.int(3)?)))
        .collect()
}

fn counts(&(app, oper_id, field): &Series) -> Rows {
    let is_of = |of: &&Field| i64::from(field_number(**of)) == field;
    let field = Field::ALL.iter().find(is_of).map_or("", |of| of.name());
    let by = if field.is_empty() { "" } else { " by " };
    Rows {
        what: format!("comm counts: app {app} operation {oper_id}{by}{field}"),
        table: "comm_count",
        condition: "series = $1",
        keys: &["day", "value"],
        values: &[
            "n", "h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9", "h10", "h11", "h12",
            "h13", "h14", "h15", "h16", "h17", "h18", "h19", "h20", "h21", "h22", "h23",
        ],
    }
}

fn census() -> Rows {
    Rows {
        what: "comm census:".to_owned(),
        table: "comm_census",
        condition: "",
        keys: &["app", "oper_id", "day", "gid"],
        values: &["ts", "hash", "item", "subscriptions"],
    }
}

/// Which of two copies was the repeat depends on the order in which streams were folded, how many there were does not.
/// With a base they say nothing: those of dropped days are gone.
fn compare_repeats(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    if Base::day(folded)?.is_some() {
        return Ok(());
    }
    let sql = "SELECT COUNT(*) FROM comm_repeat";
    let (left, right) = (stored.query_int(sql, &[])?, folded.query_int(sql, &[])?);
    if left != right {
        tell(Difference {
            what: "comm repeats:".to_owned(),
            stored: Some(left.to_string()),
            folded: Some(right.to_string()),
        });
    }
    Ok(())
}
