//! What is left of days that were dropped: a base, a store of views that is folded exactly up to their end.
//!
//! It is made of the journal itself, entry by entry, and never copied from the views that are being served: so it is as
//! true as the journal was. Rebuild and verify begin with it.

use std::collections::BTreeMap;

use reportd_db::{Database, DbError, Tx};
use reportd_platform::clock::DAY_MS;

use crate::day_blocks::stream_no;
use crate::reads::Ends;
use crate::refold::{Goal, Refold};
use crate::store::{BlockReader, JournalError};

/// A day that was dropped from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedDay {
    /// The day, in UTC, since 1970.
    pub day: i64,
    /// The sequence by stream before which the journal holds nothing any more.
    pub ends: Ends,
}

/// The base of a journal.
pub struct Base {
    refold: Refold,
}

impl Base {
    /// The base that is folded by `refold`, into a store that is nothing else.
    #[must_use]
    pub fn new(refold: Refold) -> Self {
        Self { refold }
    }

    /// The last day that is sealed in a base, or in views that began with it; none where they began with the journal.
    pub fn day(tx: &mut Tx<'_>) -> Result<Option<i64>, DbError> {
        let row = tx.query_first("SELECT day FROM view_base WHERE id = 1", &[])?;
        row.map(|row| row.int(0)).transpose()
    }

    /// The sequence by stream before which a base stands in for the journal. A kind of reports that is younger than the
    /// base has no part in it.
    pub fn ends(tx: &mut Tx<'_>) -> Result<Ends, DbError> {
        let sql = "SELECT stream, MAX(next) FROM view_position GROUP BY stream";
        let rows = tx.query(sql, &[])?;
        rows.iter()
            .map(|row| Ok((stream_no(row, 0)?, row.uint(1)?)))
            .collect()
    }

    /// Lets views forget single entries that the journal holds no longer. After the drop, never before: as long as an entry
    /// can be read, what is known of it stays. What a drop that was interrupted left is forgotten by the next.
    fn forget_dropped(&mut self, served: &Database) -> Result<(), JournalError> {
        let base = self.refold.db().clone();
        for stream in base.read(|tx| self.refold.folded_in(tx))?.into_keys() {
            let kept = self.refold.store().from(stream, 1, 1)?;
            if let Some(kept) = kept.first() {
                for db in [&base, served] {
                    self.refold.forget(db, stream, kept.first)?;
                }
            }
        }
        Ok(())
    }

    /// Seals the oldest day before `first_kept` and drops it from the journal; `None` where there is none, or where the
    /// `served` views have not folded it yet; they forget its single entries. The base must be a store whose commits are on
    /// disk when they return: it is all that is left of the day. `goes_on` returns false to stop. The newest day that has blocks always stays: a stream goes on
    /// behind them.
    pub fn drop_oldest(
        &mut self,
        first_kept: i64,
        served: &Database,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<DroppedDay>, JournalError> {
        let store = std::sync::Arc::clone(self.refold.store());
        let days = store.days()?;
        let Some((&day, newer)) = days.split_first() else {
            return Ok(None);
        };
        if day >= first_kept || !has_blocks(store.as_ref(), newer)? {
            return Ok(None);
        }
        let ends: Ends = store.ends_of_day(day)?.into_iter().collect();
        let folded = served.read(|tx| self.refold.folded_in(tx))?;
        let is_folded = |(stream, end)| folded.get(stream).is_some_and(|at| at >= end);
        if !ends.iter().all(is_folded) {
            return Ok(None);
        }
        let goal = Goal {
            ends: ends.clone(),
            by_view: BTreeMap::new(),
            as_of_ms: Some((day + 1) * DAY_MS),
        };
        self.refold.fold_to(&goal, &mut |_| goes_on())?;
        let note = "INSERT INTO view_base (id, day) VALUES (1, $1) ON CONFLICT (id) DO UPDATE \
                    SET day = excluded.day WHERE excluded.day > view_base.day";
        self.refold.db().execute(note, &[day.into()])?;
        if store.ends_of_day(day)?.into_iter().collect::<Ends>() != ends {
            // A node whose clock is far behind still writes to it.
            return Ok(None);
        }
        store.drop_day(day)?;
        self.forget_dropped(served)?;
        Ok(Some(DroppedDay { day, ends }))
    }
}

/// True where one of the days holds blocks: a day may have been made in vain.
fn has_blocks(store: &dyn BlockReader, days: &[i64]) -> Result<bool, JournalError> {
    for &day in days.iter().rev() {
        if !store.ends_of_day(day)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
