//! Tables whose rows fold together, and the one SQL text that says how.
//!
//! Every view is commutative and idempotent (design, invariant 2), so its tables know only these ways for two rows of
//! one key to meet: the first stays, counters add, or the newest replaces.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::Value;

/// What a column does when a row of the same key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Part of the key. Key columns come first in a table.
    Key,
    /// A counter: the new value is added to the stored one.
    Add,
    /// Part of the order by which the newest row wins: the greater tuple of order columns replaces the row.
    Order,
    /// Goes with the row that won.
    Payload,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in SQL.
    pub name: &'static str,
    /// How it merges.
    pub merge: Merge,
}

/// A table whose rows fold together by key. With [`Merge::Add`] columns it counts; with [`Merge::Order`] columns it
/// is a register that the newest row wins; with neither, the first row of a key stays.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name in SQL.
    pub name: &'static str,
    /// Columns, key columns first.
    pub columns: &'static [Column],
}

impl Table {
    fn names(&self, merge: Merge) -> Vec<&'static str> {
        self.columns
            .iter()
            .filter(|c| c.merge == merge)
            .map(|c| c.name)
            .collect()
    }

    /// Number of key columns: they are the first ones.
    #[must_use]
    pub fn key_width(&self) -> usize {
        self.columns
            .iter()
            .take_while(|c| c.merge == Merge::Key)
            .count()
    }

    /// Inserts a row and does nothing where its key is taken.
    pub(crate) fn insert_new_sql(&self) -> String {
        format!(
            "{} ON CONFLICT ({}) DO NOTHING",
            self.insert_sql(),
            self.names(Merge::Key).join(", ")
        )
    }

    /// Inserts a row, or merges it into the row of its key by the columns' policies.
    pub(crate) fn upsert_sql(&self) -> String {
        let added = self.names(Merge::Add);
        let order = self.names(Merge::Order);
        if added.is_empty() && order.is_empty() {
            return self.insert_new_sql();
        }
        let table = self.name;
        let mut assignments: Vec<String> = added
            .iter()
            .map(|c| format!("{c} = {table}.{c} + excluded.{c}"))
            .collect();
        let replaced = order.iter().copied().chain(self.names(Merge::Payload));
        assignments.extend(replaced.map(|c| format!("{c} = excluded.{c}")));
        let mut sql = format!(
            "{} ON CONFLICT ({}) DO UPDATE SET {}",
            self.insert_sql(),
            self.names(Merge::Key).join(", "),
            assignments.join(", ")
        );
        if !order.is_empty() {
            let side = |owner: &str| {
                order
                    .iter()
                    .map(|c| format!("{owner}.{c}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let _ = write!(sql, " WHERE ({}) > ({})", side("excluded"), side(table));
        }
        sql
    }

    fn insert_sql(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|c| c.name).collect();
        let places: Vec<_> = (1..=names.len()).map(|n| format!("${n}")).collect();
        format!(
            "INSERT INTO {} ({}) VALUES ({})",
            self.name,
            names.join(", "),
            places.join(", ")
        )
    }

    /// Sorts `rows` by key and merges rows of one key, so that a statement never meets a key twice.
    /// Returns how many rows are left, at the front.
    pub(crate) fn merge_in_key_order<const N: usize>(&self, rows: &mut [[Value<'_>; N]]) -> usize {
        let width = self.key_width();
        if rows.is_sorted_by(|a, b| a[..width] < b[..width]) {
            return rows.len();
        }
        rows.sort_by(|a, b| a[..width].cmp(&b[..width]));
        let mut kept = 0;
        for next in 0..rows.len() {
            let row = rows[next];
            if next > 0 && rows[kept][..width] == row[..width] {
                self.merge(&mut rows[kept], &row);
            } else {
                kept = if next == 0 { 0 } else { kept + 1 };
                rows[kept] = row;
            }
        }
        if rows.is_empty() { 0 } else { kept + 1 }
    }

    fn merge<'a, const N: usize>(&self, into: &mut [Value<'a>; N], row: &[Value<'a>; N]) {
        let order = |row: &[Value<'a>; N]| -> Vec<Value<'a>> {
            self.columns
                .iter()
                .zip(row)
                .filter(|(c, _)| c.merge == Merge::Order)
                .map(|(_, v)| *v)
                .collect()
        };
        let newer = order(row).cmp(&order(into)) == Ordering::Greater;
        for (column, (stored, new)) in self.columns.iter().zip(into.iter_mut().zip(row)) {
            match (column.merge, *stored, *new) {
                (Merge::Add, Value::Int(a), Value::Int(b)) => *stored = Value::Int(a + b),
                (Merge::Order | Merge::Payload, _, new) if newer => *stored = new,
                _ => {}
            }
        }
    }
}
