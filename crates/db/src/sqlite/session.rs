//! A connection, its transactions, and what they ask.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::DIALECT;
use super::failure::classify;
use super::types::read_row;
use crate::migrate::Dialect;
use crate::pool::Link;
use crate::table::TableSql;
use crate::tx::{Query, Session};
use crate::{DbError, Row, Table, Tx, Value};

/// Spelled texts kept per connection: lists of many lengths make many texts that are never used again.
const MOST_SPELLED: usize = 256;

/// A connection and the statements it has spelled for SQLite.
pub(super) struct Prepared {
    pub(super) connection: Connection,
    /// Statement text with `$n` → the text with `?n`: rusqlite binds `$n` names by order of appearance, not by number.
    spelled: HashMap<String, String>,
    /// The statements of the tables that were written, spelled.
    tables: HashMap<Table, Arc<TableSql>>,
}

impl Link for Prepared {
    /// One that is still in a transaction, because its rollback failed, is not used again.
    fn is_reusable(&self) -> bool {
        self.connection.is_autocommit()
    }
}

pub(super) fn transact(
    on: &mut Prepared,
    begin: &str,
    work: &mut dyn FnMut(&mut Tx<'_>) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let mut open = OpenTransaction::begin(on, begin)?;
    work(&mut Tx::new(open.on))?;
    open.commit()
}

/// A transaction that rolls back when it is dropped before its commit.
struct OpenTransaction<'a> {
    on: &'a mut Prepared,
    done: bool,
}

impl<'a> OpenTransaction<'a> {
    fn begin(on: &'a mut Prepared, begin: &str) -> Result<Self, DbError> {
        on.execute(begin, &[])?;
        Ok(Self { on, done: false })
    }

    fn commit(&mut self) -> Result<(), DbError> {
        self.on.check_open()?;
        self.on.execute("COMMIT", &[])?;
        self.done = true;
        Ok(())
    }
}

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if !self.done && !self.on.connection.is_autocommit() {
            // Where even the rollback fails the connection is not used again: see `with_writer` and the pool.
            let _ = self.on.execute("ROLLBACK", &[]);
        }
    }
}

impl Prepared {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            spelled: HashMap::new(),
            tables: HashMap::new(),
        }
    }

    fn with_statement<T>(
        &mut self,
        sql: &str,
        run: impl FnOnce(&mut rusqlite::Statement<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, DbError> {
        if !self.spelled.contains_key(sql) {
            if self.spelled.len() >= MOST_SPELLED {
                self.spelled.clear();
            }
            self.spelled.insert(sql.to_owned(), spell(sql));
        }
        let spelled = self.spelled.get(sql).map_or(sql, String::as_str);
        let mut statement = self.connection.prepare_cached(spelled).map_err(classify)?;
        run(&mut statement).map_err(classify)
    }

    /// Where the disk is full SQLite may roll the whole transaction back by itself: what came after would be one of its own.
    fn check_open(&self) -> Result<(), DbError> {
        if self.connection.is_autocommit() {
            let text = "the transaction was rolled back";
            return Err(DbError::Unavailable(text.to_owned()));
        }
        Ok(())
    }

    fn table_sql(&mut self, table: &Table) -> Result<Arc<TableSql>, DbError> {
        if let Some(sql) = self.tables.get(table) {
            return Ok(Arc::clone(sql));
        }
        let places: Vec<_> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
        let source = format!("VALUES ({})", places.join(", "));
        let mut sql = TableSql::new(table, &source)?;
        sql.find = spell(&sql.find);
        let sql = Arc::new(sql);
        self.tables.insert(*table, Arc::clone(&sql));
        Ok(sql)
    }

    /// Runs a spelled statement for each row; tells how many rows each changed.
    fn run_each<'r, 'v: 'r>(
        &self,
        spelled: &str,
        rows: impl Iterator<Item = &'r [Value<'v>]>,
        mut changed: impl FnMut(usize),
    ) -> Result<(), DbError> {
        let mut statement = self.connection.prepare_cached(spelled).map_err(classify)?;
        for row in rows {
            let count = statement
                .execute(rusqlite::params_from_iter(row))
                .map_err(classify)?;
            changed(count);
        }
        Ok(())
    }
}

fn spell(sql: &str) -> String {
    sql.replace('$', "?")
}

impl Session for Prepared {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError> {
        self.with_statement(sql, |statement| {
            statement.execute(rusqlite::params_from_iter(values))
        })
        .map(|changed| changed as u64)
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        self.with_statement(sql, |statement| {
            let mut found = Vec::new();
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                found.push(read_row(row)?);
            }
            Ok(found)
        })
    }

    fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        let queries = queries.iter();
        queries
            .map(|(sql, values)| self.query(sql, values))
            .collect()
    }

    fn upsert(&mut self, table: &Table, values: &[Value<'_>]) -> Result<(), DbError> {
        let sql = self.table_sql(table)?;
        let rows = values.chunks_exact(table.columns.len());
        self.run_each(&sql.upsert, rows, |_| {})
    }

    fn insert_new(&mut self, table: &Table, values: &[Value<'_>]) -> Result<Vec<bool>, DbError> {
        let sql = self.table_sql(table)?;
        let rows = values.chunks_exact(table.columns.len());
        let mut is_new = Vec::with_capacity(rows.len());
        self.run_each(&sql.insert_new, rows.clone(), |changed| {
            is_new.push(changed == 1);
        })?;
        if let Some(merge) = &sql.merge_bounds {
            let copies = rows.zip(&is_new).filter(|(_, is_new)| !**is_new);
            self.run_each(merge, copies.map(|(row, _)| row), |_| {})?;
        }
        Ok(is_new)
    }

    /// A writer is the only one: there is nothing to lock.
    fn find(
        &mut self,
        table: &Table,
        keys: &[Value<'_>],
        _lock: bool,
    ) -> Result<Vec<Option<Row>>, DbError> {
        let sql = self.table_sql(table)?;
        let mut statement = self
            .connection
            .prepare_cached(&sql.find)
            .map_err(classify)?;
        let keys = keys.chunks_exact(table.key_width());
        keys.map(|key| {
            let mut rows = statement
                .query(rusqlite::params_from_iter(key))
                .map_err(classify)?;
            let row = rows.next().map_err(classify)?;
            row.map(read_row).transpose().map_err(classify)
        })
        .collect()
    }

    /// Nothing to do: `AUTOINCREMENT` numbers behind the greatest that was ever written.
    fn number_behind(&mut self, _table: &str) -> Result<(), DbError> {
        Ok(())
    }

    fn mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.check_open()?;
        self.execute(&format!("SAVEPOINT mark_{depth}"), &[])?;
        Ok(())
    }

    fn keep_mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.check_open()?;
        self.execute(&format!("RELEASE mark_{depth}"), &[])?;
        Ok(())
    }

    fn back_to_mark(&mut self, depth: u32) -> Result<(), DbError> {
        self.check_open()?;
        self.execute(&format!("ROLLBACK TO mark_{depth}"), &[])?;
        self.keep_mark(depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_not_used_again_are_not_kept() {
        let mut prepared = Prepared::new(Connection::open_in_memory().unwrap());
        for number in 0..3 * MOST_SPELLED {
            prepared.query(&format!("SELECT {number}"), &[]).unwrap();
        }
        assert!(prepared.spelled.len() <= MOST_SPELLED);
    }
}
