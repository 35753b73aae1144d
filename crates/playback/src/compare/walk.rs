//! A walk over the rows of two stores side by side.

use std::cmp::Ordering;
use std::collections::VecDeque;

use reportd_db::{DbError, Row, Tx, Value};

/// Rows of a page.
const PAGE: i64 = 1_000;

/// A query for a page of rows, in the order of the keys in their first columns: it has a place for each key, which are
/// to be greater than these, and one for how many rows.
pub(super) struct Walk<const K: usize> {
    sql: &'static str,
    page: VecDeque<Row>,
    after: [i64; K],
    is_done: bool,
}

/// The key of a row, and the row in each store that has it.
pub(super) type Pair<const K: usize> = ([i64; K], Option<Row>, Option<Row>);

impl<const K: usize> Walk<K> {
    pub(super) fn new(sql: &'static str) -> Self {
        Self {
            sql,
            page: VecDeque::new(),
            after: [i64::MIN; K],
            is_done: false,
        }
    }

    fn peek(&mut self, tx: &mut Tx<'_>) -> Result<Option<[i64; K]>, DbError> {
        if self.page.is_empty() && !self.is_done {
            let values = self.after.iter().chain([&PAGE]).copied();
            let values: Vec<_> = values.map(Value::Int).collect();
            self.page = tx.query(self.sql, &values)?.into();
            self.is_done = self.page.is_empty();
            if let Some(last) = self.page.back() {
                self.after = key_of(last)?;
            }
        }
        self.page.front().map(key_of).transpose()
    }
}

fn key_of<const K: usize>(row: &Row) -> Result<[i64; K], DbError> {
    let mut key = [0; K];
    for (column, part) in key.iter_mut().enumerate() {
        *part = row.int(column)?;
    }
    Ok(key)
}

/// The next key that one of the stores has.
pub(super) fn next_pair<const K: usize>(
    (left, stored): (&mut Walk<K>, &mut Tx<'_>),
    (right, folded): (&mut Walk<K>, &mut Tx<'_>),
) -> Result<Option<Pair<K>>, DbError> {
    let (a, b) = (left.peek(stored)?, right.peek(folded)?);
    let (key, order) = match (a, b) {
        (None, None) => return Ok(None),
        (Some(a), None) => (a, Ordering::Less),
        (None, Some(b)) => (b, Ordering::Greater),
        (Some(a), Some(b)) => (a.min(b), a.cmp(&b)),
    };
    let of_left = order.is_le().then(|| left.page.pop_front()).flatten();
    let of_right = order.is_ge().then(|| right.page.pop_front()).flatten();
    Ok(Some((key, of_left, of_right)))
}
