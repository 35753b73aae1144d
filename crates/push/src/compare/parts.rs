//! Comparing who was online: rows of devices, of which each store has numbers of its own, so that the parts of a day or of
//! a point are compared by their sums.

use std::cmp::Ordering;
use std::collections::VecDeque;

use reportd_db::{DbError, Tx};
use reportd_journal::Difference;

use super::{NONE, PAGE};
use crate::users::{count_active, sum_presences};

/// An app, and the day or the point in ms.
type Key = (i64, i64);
/// How many devices, and the sum of what is known of each.
type Sum = (i64, i64);

/// A table of parts.
struct Parts {
    what: &'static str,
    table: &'static str,
    /// The column of the day or the point.
    at: &'static str,
    read: fn(&[u8]) -> Option<Sum>,
}

const ACTIVE: Parts = Parts {
    what: "devices online by day",
    table: "push_active",
    at: "day",
    read: |bytes| count_active(bytes).map(|count| (count, 0)),
};

const PRESENCE: Parts = Parts {
    what: "presence",
    table: "push_presence",
    at: "point",
    read: sum_presences,
};

/// Tells each day and point at which two stores differ.
pub(super) fn compare_parts(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    for parts in [&ACTIVE, &PRESENCE] {
        let (mut left, mut right) = (Walk::new(parts), Walk::new(parts));
        let (mut a, mut b) = (left.next(stored)?, right.next(folded)?);
        loop {
            let order = match (a, b) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(&b),
            };
            let of_left = a.filter(|_| order.is_le());
            let of_right = b.filter(|_| order.is_ge());
            if of_left != of_right {
                tell(parts.difference(of_left, of_right));
            }
            if order.is_le() {
                a = left.next(stored)?;
            }
            if order.is_ge() {
                b = right.next(folded)?;
            }
        }
    }
    Ok(())
}

impl Parts {
    fn difference(&self, stored: Option<(Key, Sum)>, folded: Option<(Key, Sum)>) -> Difference {
        let (app, at) = stored.or(folded).map_or((NONE, NONE), |(key, _)| key);
        let said = |(_, (count, sum)): (Key, Sum)| format!("{count} devices, sum {sum}");
        Difference {
            what: format!("push {}: app {app} {} {at}", self.what, self.at),
            stored: stored.map(said),
            folded: folded.map(said),
        }
    }
}

/// A walk over the parts of a table, page by page.
struct Walk<'p> {
    parts: &'p Parts,
    page: VecDeque<(Key, Sum)>,
    /// The key of the last row that was read.
    after: (i64, i64, i64),
    is_done: bool,
}

impl<'p> Walk<'p> {
    fn new(parts: &'p Parts) -> Self {
        Self {
            parts,
            page: VecDeque::new(),
            after: (NONE, i64::MIN, NONE),
            is_done: false,
        }
    }

    /// The next day or point, and the sum of its parts.
    fn next(&mut self, tx: &mut Tx<'_>) -> Result<Option<(Key, Sum)>, DbError> {
        let Some((key, mut sum)) = self.peek(tx)? else {
            return Ok(None);
        };
        self.page.pop_front();
        while let Some((_, more)) = self.peek(tx)?.filter(|(next, _)| *next == key) {
            self.page.pop_front();
            sum = (sum.0 + more.0, sum.1 + more.1);
        }
        Ok(Some((key, sum)))
    }

    fn peek(&mut self, tx: &mut Tx<'_>) -> Result<Option<(Key, Sum)>, DbError> {
        if self.page.is_empty() && !self.is_done {
            self.fetch(tx)?;
        }
        Ok(self.page.front().copied())
    }

    fn fetch(&mut self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let Parts {
            table, at, read, ..
        } = self.parts;
        let sql = format!(
            "SELECT app, {at}, part, marks FROM {table} WHERE (app, {at}, part) > ($1, $2, $3) \
             ORDER BY app, {at}, part LIMIT $4"
        );
        let (app, time, part) = self.after;
        let page = tx.query(&sql, &[app.into(), time.into(), part.into(), PAGE.into()])?;
        self.is_done = page.is_empty();
        for mut row in page {
            let bytes = row.take_bytes(3)?;
            self.after = (row.int(0)?, row.int(1)?, row.int(2)?);
            let unreadable = || DbError::Corrupt(format!("table {table}: a row cannot be read"));
            let sum = read(&bytes).ok_or_else(unreadable)?;
            self.page.push_back(((self.after.0, self.after.1), sum));
        }
        Ok(())
    }
}
