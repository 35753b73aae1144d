//! Comparing two stores of views, by meaning: a store may have dropped what is final, and holds play sessions here or
//! there.

#[cfg(test)]
mod tests;
mod viewers;
mod walk;

use reportd_db::{DbError, Tx};
use reportd_journal::{Difference, Rows};

use self::viewers::{compare_seen, compare_watches};

/// Tells each difference between what is stored and what was folded anew. What was handed on to other nodes is not among
/// it: it is of one minute.
pub(crate) fn compare(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    for rows in figures() {
        rows.compare((&mut *stored, &[]), (&mut *folded, &[]), tell)?;
    }
    compare_seen(stored, folded, tell)?;
    compare_watches(stored, folded, tell)
}

/// Tables of figures, and seasons. Rows of nothing are left where a late beat has moved what they counted.
fn figures() -> [Rows; 7] {
    let rows = |what: &str, table, condition, keys, values| Rows {
        what: format!("playback {what}:"),
        table,
        condition,
        keys,
        values,
    };
    [
        rows(
            "plays by day",
            "playback_day",
            "(plays <> 0 OR watched_s <> 0)",
            &["app", "aid", "day"],
            &["plays", "watched_s"],
        ),
        rows(
            "plays by part",
            "playback_part",
            "plays <> 0",
            &["app", "aid", "cid"],
            &["plays"],
        ),
        rows(
            "viewers by day",
            "playback_viewers",
            "n <> 0",
            &["app", "aid", "day", "previous"],
            &["n"],
        ),
        rows(
            "viewing",
            "playback_viewing",
            "viewers <> 0",
            &["app", "interval_no"],
            &["viewers"],
        ),
        rows(
            "length",
            "playback_length",
            "",
            &["app", "aid", "cid"],
            &["at_ms", "stream", "sequence", "duration_s"],
        ),
        rows(
            "reach",
            "playback_reach",
            "length(state) > 0",
            &["app", "aid", "day", "cid", "chunk"],
            &["state"],
        ),
        rows(
            "seasons",
            "playback_season",
            "",
            &["viewer", "season", "aid"],
            &[],
        ),
    ]
}
