//! Tables whose rows fold together, and the one SQL text that says how.
//!
//! Every view is commutative and idempotent (design, invariant 2), so its tables know only these ways for two rows of
//! one key to meet: the first stays, counters add, bounds take the least or the greatest, or the newest row replaces.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::{DbError, Value};

/// What a column does when a row of the same key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Merge {
    /// Part of the key. Key columns come first in a table.
    Key,
    /// A counter: the new value is added to the stored one.
    Add,
    /// The lesser of the stored and the new value stays. The column is NOT NULL.
    Least,
    /// The greater of the stored and the new value stays. The column is NOT NULL.
    Greatest,
    /// Part of the order by which the newest row wins: the greater tuple of order columns replaces the row.
    Order,
    /// Goes with the row that won: the newest by the order columns, and where there are none the first.
    Payload,
    /// The new value takes the place of the stored one. Only for rows that this transaction has read under a lock that
    /// every writer of theirs takes ([`crate::Tx::find_locked`]): what it takes the place of must be what was read.
    Replace,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Column {
    /// Its name in SQL.
    pub name: &'static str,
    /// How it merges.
    pub merge: Merge,
}

/// A table whose rows fold together by key. With [`Merge::Add`], [`Merge::Least`], [`Merge::Greatest`] or
/// [`Merge::Replace`] columns each of them merges; with [`Merge::Order`] columns it is a register that the newest row wins; with neither, the first row of
/// a key stays. A register has no merged columns beside its order: the row that loses would take its part along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table {
    /// Its name in SQL.
    pub name: &'static str,
    /// Columns, key columns first.
    pub columns: &'static [Column],
}

/// The statements of a table: formatted once, kept by the driver. They differ only in where rows come from.
#[derive(Debug)]
pub(crate) struct TableSql {
    /// Inserts a row, or merges it into the row of its key by the columns' policies.
    pub(crate) upsert: String,
    /// Inserts a row and does nothing where its key is taken.
    pub(crate) insert_new: String,
    /// Merges the bounds of a row whose key is taken; none where the table has no bounds.
    pub(crate) merge_bounds: Option<String>,
    /// Selects what stands beside the key, for a row of placeholders.
    pub(crate) find: String,
}

impl TableSql {
    /// `source` stands behind the column names: a row of placeholders, or a query for many rows.
    ///
    /// # Errors
    /// [`DbError::Statement`] where the columns cannot be merged as they say.
    pub(crate) fn new(table: &Table, source: &str) -> Result<Self, DbError> {
        table.check()?;
        let has_bounds = table.has(Merge::Least) || table.has(Merge::Greatest);
        let insert = format!(
            "{} {source} ON CONFLICT ({}) DO ",
            table.insert_into(),
            table.names(Merge::Key).join(", ")
        );
        Ok(Self {
            upsert: format!("{insert}{}", table.upsert_sql()),
            insert_new: format!("{insert}NOTHING"),
            merge_bounds: has_bounds.then(|| format!("{insert}{}", table.merge_bounds_sql())),
            find: table.find_sql(),
        })
    }
}

impl Table {
    fn names(&self, merge: Merge) -> Vec<&'static str> {
        self.columns
            .iter()
            .filter(|c| c.merge == merge)
            .map(|c| c.name)
            .collect()
    }

    fn has(&self, merge: Merge) -> bool {
        self.columns.iter().any(|c| c.merge == merge)
    }

    /// Number of key columns: they are the first ones.
    #[must_use]
    pub fn key_width(&self) -> usize {
        self.columns
            .iter()
            .take_while(|c| c.merge == Merge::Key)
            .count()
    }

    fn error(&self, message: &str) -> DbError {
        DbError::Statement(format!("table {}: {message}", self.name))
    }

    fn check(&self) -> Result<(), DbError> {
        let width = self.key_width();
        if width == 0 || self.columns[width..].iter().any(|c| c.merge == Merge::Key) {
            return Err(self.error("its key columns must come first"));
        }
        let merged = [Merge::Add, Merge::Least, Merge::Greatest, Merge::Replace];
        if self.has(Merge::Order) && merged.into_iter().any(|merge| self.has(merge)) {
            return Err(self.error(
                "columns that add, bound or replace cannot stand beside order columns: a row that is not the newest would be lost",
            ));
        }
        Ok(())
    }

    /// Refuses rows of another width than the table's.
    pub(crate) fn check_width(&self, width: usize) -> Result<(), DbError> {
        if self.columns.len() == width {
            Ok(())
        } else {
            Err(self.error("a row has another number of values than the table has columns"))
        }
    }

    /// Refuses keys of another width than the table's.
    pub(crate) fn check_key_width(&self, width: usize) -> Result<(), DbError> {
        if self.key_width() == width && width < self.columns.len() {
            Ok(())
        } else {
            Err(self.error("expected keys of the table's width, and columns beside them"))
        }
    }

    /// What an upsert does where the key is taken.
    fn upsert_sql(&self) -> String {
        if self.has(Merge::Order) {
            return self.register_sql();
        }
        let (added, replaced) = (self.names(Merge::Add), self.names(Merge::Replace));
        if added.is_empty() && replaced.is_empty() {
            return if self.has(Merge::Least) || self.has(Merge::Greatest) {
                self.merge_bounds_sql()
            } else {
                "NOTHING".to_owned()
            };
        }
        let table = self.name;
        let mut assignments: Vec<String> = added
            .iter()
            .map(|c| format!("{c} = {table}.{c} + excluded.{c}"))
            .collect();
        assignments.extend(replaced.iter().map(|c| format!("{c} = excluded.{c}")));
        assignments.extend(self.bounds().map(|(c, by)| self.bound_sql(c, by)));
        format!("UPDATE SET {}", assignments.join(", "))
    }

    /// The newest row replaces the stored one.
    fn register_sql(&self) -> String {
        let order = self.names(Merge::Order);
        let replaced = order.iter().copied().chain(self.names(Merge::Payload));
        let assignments: Vec<String> = replaced.map(|c| format!("{c} = excluded.{c}")).collect();
        let side = |owner: &str| {
            let columns: Vec<_> = order.iter().map(|c| format!("{owner}.{c}")).collect();
            columns.join(", ")
        };
        format!(
            "UPDATE SET {} WHERE ({}) > ({})",
            assignments.join(", "),
            side("excluded"),
            side(self.name)
        )
    }

    /// Merges only the bounds, and touches no row whose bounds stay.
    fn merge_bounds_sql(&self) -> String {
        let table = self.name;
        let mut assignments = Vec::new();
        let mut moves = String::new();
        for (column, by) in self.bounds() {
            assignments.push(self.bound_sql(column, by));
            let or = if moves.is_empty() { "" } else { " OR " };
            let _ = write!(moves, "{or}excluded.{column} {by} {table}.{column}");
        }
        format!("UPDATE SET {} WHERE {moves}", assignments.join(", "))
    }

    /// Columns that take the least or the greatest, each with the comparison by which a new value wins.
    fn bounds(&self) -> impl Iterator<Item = (&'static str, char)> {
        self.columns.iter().filter_map(|column| match column.merge {
            Merge::Least => Some((column.name, '<')),
            Merge::Greatest => Some((column.name, '>')),
            _ => None,
        })
    }

    /// Spelled without MIN, MAX, LEAST or GREATEST: the databases differ in them.
    fn bound_sql(&self, column: &str, by: char) -> String {
        let table = self.name;
        format!(
            "{column} = CASE WHEN excluded.{column} {by} {table}.{column} THEN excluded.{column} ELSE {table}.{column} END"
        )
    }

    fn find_sql(&self) -> String {
        let width = self.key_width();
        let places = (1..=width).map(|place| format!("${place}"));
        let keys = self.columns[..width].iter().zip(places);
        let conditions: Vec<_> = keys
            .map(|(c, place)| format!("{} = {place}", c.name))
            .collect();
        format!(
            "SELECT {} FROM {} WHERE {}",
            self.names_beside_key("").join(", "),
            self.name,
            conditions.join(" AND ")
        )
    }

    /// The names of the columns beside the key, each behind `owner`.
    pub(crate) fn names_beside_key(&self, owner: &str) -> Vec<String> {
        let columns = self.columns[self.key_width()..].iter();
        columns
            .map(|column| format!("{owner}{}", column.name))
            .collect()
    }

    fn insert_into(&self) -> String {
        format!("INSERT INTO {} ({})", self.name, self.column_list())
    }

    /// The names of all columns, as SQL lists them.
    pub(crate) fn column_list(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|c| c.name).collect();
        names.join(", ")
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

    /// Copies of `rows` in key order, those of one key made one: the first, with the bounds of all. Beside them, for each
    /// the index of its first row.
    pub(crate) fn distinct_in_key_order<'a, const N: usize>(
        &self,
        rows: &[[Value<'a>; N]],
    ) -> (Vec<[Value<'a>; N]>, Vec<usize>) {
        let width = self.key_width();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| rows[a][..width].cmp(&rows[b][..width]));
        let (mut distinct, mut firsts) = (Vec::<[Value<'a>; N]>::with_capacity(rows.len()), order);
        firsts.retain(|&index| {
            let row = &rows[index];
            match distinct.last_mut() {
                Some(last) if last[..width] == row[..width] => {
                    self.merge_bounds(last, row);
                    false
                }
                _ => {
                    distinct.push(*row);
                    true
                }
            }
        });
        (distinct, firsts)
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
                (Merge::Replace, _, new) => *stored = new,
                _ => {}
            }
        }
        self.merge_bounds(into, row);
    }

    fn merge_bounds<'a, const N: usize>(&self, into: &mut [Value<'a>; N], row: &[Value<'a>; N]) {
        for (column, (stored, new)) in self.columns.iter().zip(into.iter_mut().zip(row)) {
            match column.merge {
                Merge::Least => *stored = (*stored).min(*new),
                Merge::Greatest => *stored = (*stored).max(*new),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn column(name: &'static str, merge: Merge) -> Column {
        Column { name, merge }
    }

    fn refusal(columns: &'static [Column]) -> Option<String> {
        let table = Table { name: "t", columns };
        TableSql::new(&table, "VALUES ($1)")
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn a_table_that_would_lose_what_it_merges_is_refused_by_name() {
        const KEY: Column = column("k", Merge::Key);
        const ORDER: Column = column("at", Merge::Order);
        const PAYLOAD: Column = column("v", Merge::Payload);
        const ADD: Column = column("n", Merge::Add);
        const LEAST: Column = column("n", Merge::Least);
        const GREATEST: Column = column("n", Merge::Greatest);
        const REPLACE: Column = column("n", Merge::Replace);
        assert_eq!(refusal(&[KEY, ORDER, PAYLOAD]), None);
        assert_eq!(refusal(&[KEY, ADD, LEAST, PAYLOAD]), None);
        for told in [
            refusal(&[KEY, ORDER, ADD]),
            refusal(&[KEY, ORDER, LEAST]),
            refusal(&[KEY, GREATEST, ORDER]),
            refusal(&[KEY, REPLACE, ORDER]),
        ] {
            let told = told.unwrap();
            let expected = "statement failed: table t: columns that add";
            assert!(told.starts_with(expected), "{told}");
        }
        let told = refusal(&[ORDER, KEY]).unwrap();
        assert_eq!(
            told,
            "statement failed: table t: its key columns must come first"
        );
    }

    #[test]
    fn statements_say_what_each_column_does() {
        const COLUMNS: [Column; 3] = [
            column("k", Merge::Key),
            column("until", Merge::Greatest),
            column("v", Merge::Payload),
        ];
        let table = Table {
            name: "t",
            columns: &COLUMNS,
        };
        let sql = TableSql::new(&table, "VALUES ($1, $2, $3)").unwrap();
        assert_eq!(
            sql.insert_new,
            "INSERT INTO t (k, until, v) VALUES ($1, $2, $3) ON CONFLICT (k) DO NOTHING"
        );
        assert_eq!(
            sql.upsert,
            "INSERT INTO t (k, until, v) VALUES ($1, $2, $3) ON CONFLICT (k) DO UPDATE SET until = \
             CASE WHEN excluded.until > t.until THEN excluded.until ELSE t.until END WHERE excluded.until > t.until"
        );
        assert_eq!(sql.merge_bounds, Some(sql.upsert));
        assert_eq!(sql.find, "SELECT until, v FROM t WHERE k = $1");
    }
}
