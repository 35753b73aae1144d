//! Comparing two stores of views, row by row in the order of keys.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt::Write;

use reportd_db::{Cell, DbError, Row, Tx, Value};
use reportd_platform::zones::day_text;

/// Rows that one statement fetches.
const PAGE: i64 = 2_000;

/// A difference between what is stored and what the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is about, for people.
    pub what: String,
    /// What the store of views says; `None` where it has nothing.
    pub stored: Option<String>,
    /// What the journal says; `None` where it says nothing.
    pub folded: Option<String>,
}

/// Rows of a table that are compared, in the order of their keys.
#[derive(Debug, Clone)]
pub struct Rows {
    /// What they are, for people.
    pub what: String,
    /// The table, and where it needs one a condition behind `WHERE` with `$1` to `$n`.
    pub table: &'static str,
    /// The condition, or an empty text.
    pub condition: &'static str,
    /// Columns of the key, in the order of an index. None is NULL.
    pub keys: &'static [&'static str],
    /// Columns that must be the same.
    pub values: &'static [&'static str],
}

impl Rows {
    /// Tells the differences between two stores; `bound` are the values of the condition in each.
    pub fn compare(
        &self,
        (stored, bound_stored): (&mut Tx<'_>, &[Value<'_>]),
        (folded, bound_folded): (&mut Tx<'_>, &[Value<'_>]),
        tell: &mut dyn FnMut(Difference),
    ) -> Result<(), DbError> {
        let mut left = Walk::new(self, bound_stored);
        let mut right = Walk::new(self, bound_folded);
        loop {
            let order = match (left.peek(stored)?, right.peek(folded)?) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => self.key(a).cmp(self.key(b)),
            };
            let a = if order.is_le() { left.take() } else { None };
            let b = if order.is_ge() { right.take() } else { None };
            if a != b {
                tell(self.difference(a.as_ref(), b.as_ref()));
            }
        }
    }

    fn key<'r>(&self, row: &'r Row) -> &'r [Cell] {
        &row.cells()[..self.keys.len()]
    }

    fn difference(&self, stored: Option<&Row>, folded: Option<&Row>) -> Difference {
        let mut what = self.what.clone();
        if let Some(row) = stored.or(folded) {
            named(&mut what, self.keys, self.key(row));
        }
        let width = self.keys.len();
        let said = |row: &Row, other: Option<&Row>| {
            let mut text = String::new();
            for (index, name) in self.values.iter().enumerate() {
                let cell = &row.cells()[width + index];
                if other.is_none_or(|other| other.cells()[width + index] != *cell) {
                    named(&mut text, &[*name], std::slice::from_ref(cell));
                }
            }
            text.trim_start().to_owned()
        };
        Difference {
            what,
            stored: stored.map(|row| said(row, folded)),
            folded: folded.map(|row| said(row, stored)),
        }
    }

    fn sql(&self, bound: usize, is_first: bool) -> String {
        let (keys, table) = (self.keys.join(", "), self.table);
        let columns = [self.keys, self.values].concat().join(", ");
        let mut conditions = Vec::new();
        if !self.condition.is_empty() {
            conditions.push(self.condition.to_owned());
        }
        if !is_first {
            let places: Vec<_> = (1..=self.keys.len())
                .map(|place| format!("${}", bound + place))
                .collect();
            conditions.push(format!("({keys}) > ({})", places.join(", ")));
        }
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        format!("SELECT {columns} FROM {table}{condition} ORDER BY {keys} LIMIT {PAGE}")
    }
}

fn named(text: &mut String, names: &[&str], cells: &[Cell]) {
    for (name, cell) in names.iter().zip(cells) {
        let _ = match cell {
            Cell::Null => write!(text, " {name} -"),
            Cell::Int(day) if *name == "day" => write!(text, " day {}", day_text(*day)),
            Cell::Int(number) => write!(text, " {name} {number}"),
            Cell::Text(value) => write!(text, " {name} «{value}»"),
            Cell::Bytes(bytes) => write!(text, " {name} of {} bytes", bytes.len()),
        };
    }
}

/// A walk over rows, page by page.
struct Walk<'a> {
    rows: &'a Rows,
    bound: &'a [Value<'a>],
    page: VecDeque<Row>,
    /// The key of the last row of the last page; `None` before the first.
    last: Option<Vec<Cell>>,
    is_done: bool,
}

impl<'a> Walk<'a> {
    fn new(rows: &'a Rows, bound: &'a [Value<'a>]) -> Self {
        Self {
            rows,
            bound,
            page: VecDeque::new(),
            last: None,
            is_done: false,
        }
    }

    fn peek(&mut self, tx: &mut Tx<'_>) -> Result<Option<&Row>, DbError> {
        if self.page.is_empty() && !self.is_done {
            let mut values = self.bound.to_vec();
            if let Some(last) = &self.last {
                values.extend(last.iter().map(Cell::value));
            }
            let sql = self.rows.sql(self.bound.len(), self.last.is_none());
            let page = tx.query(&sql, &values)?;
            self.is_done = page.is_empty();
            self.last = page.last().map(|row| self.rows.key(row).to_vec());
            self.page = page.into();
        }
        Ok(self.page.front())
    }

    fn take(&mut self) -> Option<Row> {
        self.page.pop_front()
    }
}
