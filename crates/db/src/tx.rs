//! A transaction: what is asked and written in it, whichever database it is.

use crate::migrate::Dialect;
use crate::{DbError, Row, Table, Value};

/// Queries that a read by one question may ask together: they are surely sent in their order.
const MOST_TOGETHER: usize = 20;

/// A query: its text, and its values.
pub type Query<'a> = (&'a str, &'a [Value<'a>]);

/// One open transaction, as a driver offers it.
pub(crate) trait Session {
    fn dialect(&self) -> Dialect;
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError>;
    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError>;
    /// Runs queries that need nothing of each other, and tells the rows of each.
    fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError>;
    /// Runs queries, one after the other, in a read transaction of which nothing else is asked: each may see a later state of
    /// the store than the one before it.
    fn query_apart(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        self.query_each(queries)
    }
    /// Merges rows into `table` by its policies. `values` holds one row after the other, in key order, no key twice.
    fn upsert(&mut self, table: &Table, values: &[Value<'_>]) -> Result<(), DbError>;
    /// Inserts the rows whose key is new, merges the bounds of the others, and tells for each row whether it was new.
    /// `values` is as for [`Self::upsert`].
    fn insert_new(&mut self, table: &Table, values: &[Value<'_>]) -> Result<Vec<bool>, DbError>;
    /// The rows of `keys`, which hold one key after the other, in key order, none twice: for each what stands beside the
    /// key, or nothing where there is no row. With `lock` no other transaction changes them until this one ends.
    fn find(
        &mut self,
        table: &Table,
        keys: &[Value<'_>],
        lock: bool,
    ) -> Result<Vec<Option<Row>>, DbError>;
    /// Puts the numbers that the database gives to new rows of `table` behind those that are there.
    fn number_behind(&mut self, table: &str) -> Result<(), DbError>;
    /// Sets the savepoint of this depth.
    fn mark(&mut self, depth: u32) -> Result<(), DbError>;
    /// Keeps what was done since the savepoint of this depth, as far as the transaction is.
    fn keep_mark(&mut self, depth: u32) -> Result<(), DbError>;
    /// Undoes what was done since the savepoint of this depth; a transaction in which a statement failed goes on.
    fn back_to_mark(&mut self, depth: u32) -> Result<(), DbError>;
}

/// A transaction.
pub struct Tx<'a> {
    session: &'a mut dyn Session,
    /// Savepoints that are open.
    depth: u32,
    along: Option<Along>,
    rounds: Rounds,
}

/// How often a transaction asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounds {
    Any,
    /// Once, as was promised.
    One,
    /// It has asked, and does not again.
    None,
}

/// A query that goes along with another.
enum Along {
    /// With the next one.
    Asked(String),
    Told(Vec<Row>),
}

impl Along {
    fn is_asked(&self) -> bool {
        matches!(self, Self::Asked(_))
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(session: &'a mut dyn Session) -> Self {
        Self {
            session,
            depth: 0,
            along: None,
            rounds: Rounds::Any,
        }
    }

    /// Runs `work`, which asks once and nothing else: for one query a server then neither begins nor ends a transaction.
    pub(crate) fn only_ask<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.rounds = Rounds::One;
        work(self)
    }

    /// Runs `work`, and `along` with the first of its queries; returns the rows of that beside what `work` says.
    pub(crate) fn with_along<T>(
        &mut self,
        along: &str,
        work: impl FnOnce(&mut Self) -> Result<T, DbError>,
    ) -> Result<(Vec<Row>, T), DbError> {
        self.along = Some(Along::Asked(along.to_owned()));
        let told = work(self)?;
        Ok((self.told_along()?, told))
    }

    /// Runs `work` so that nothing of it stays where it fails, and the transaction goes on. They nest.
    ///
    /// # Errors
    /// That of `work`, or that of the store where it cannot go on: then the transaction fails with it.
    pub fn savepoint<T, E: From<DbError>>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let depth = self.depth;
        self.session.mark(depth)?;
        let mut inner = Tx {
            session: &mut *self.session,
            depth: depth + 1,
            along: None,
            rounds: Rounds::Any,
        };
        let told = work(&mut inner);
        match &told {
            Ok(_) => self.session.keep_mark(depth)?,
            Err(_) => self.session.back_to_mark(depth)?,
        }
        told
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Runs the statements of a text that defines tables, with the words of [`crate::migrate`] for what the dialects
    /// spell differently.
    ///
    /// # Errors
    /// That of the first statement that fails; [`Self::define_each`] tells which it was.
    pub fn define(&mut self, text: &str) -> Result<(), DbError> {
        self.define_each(text, |error, _| error)
    }

    /// [`Self::define`] that lets `name` say which statement failed.
    pub(crate) fn define_each(
        &mut self,
        text: &str,
        name: impl Fn(DbError, &str) -> DbError,
    ) -> Result<(), DbError> {
        let text = self.dialect().spell(text);
        for statement in text.split(";\n").map(str::trim) {
            let statement = statement.trim_end_matches(';');
            if !statement.is_empty() {
                self.execute(statement, &[])
                    .map_err(|error| name(error, statement))?;
            }
        }
        Ok(())
    }

    /// The names of the tables, in order. On PostgreSQL those of the schema that the store was opened with; parts of a
    /// partitioned table are not told apart from it.
    pub fn table_names(&mut self) -> Result<Vec<String>, DbError> {
        self.names(self.dialect().tables, &[])
    }

    /// The names of a table's columns, in the table's order: none where there is no such table.
    pub fn column_names(&mut self, table: &str) -> Result<Vec<String>, DbError> {
        self.names(self.dialect().columns, &[table.into()])
    }

    /// The names of the columns of a table's primary key, in the key's order.
    pub(crate) fn key_names(&mut self, table: &str) -> Result<Vec<String>, DbError> {
        self.names(self.dialect().key, &[table.into()])
    }

    fn names(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<String>, DbError> {
        let rows = self.query(sql, values)?;
        rows.into_iter().map(|mut row| row.take_text(0)).collect()
    }

    /// Puts the numbers that the database gives to new rows of a `{{serial}}` table behind those that are there: after rows
    /// were inserted with numbers of their own.
    pub fn number_behind(&mut self, table: &str) -> Result<(), DbError> {
        self.session.number_behind(table)
    }

    /// A table of one column, `text`, and a row for each of the [`Value::Texts`] that are bound to the placeholder with
    /// this number. One statement serves however many texts.
    #[must_use]
    pub fn texts(&self, place: usize) -> String {
        let [before, behind] = self.dialect().texts;
        format!("{before}${place}{behind}")
    }

    /// Runs a statement; returns the number of rows it changed.
    pub fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbError> {
        self.session.execute(sql, values)
    }

    /// Runs a query and returns all its rows: bound it with LIMIT.
    pub fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        if self.rounds == Rounds::Any && !self.along.as_ref().is_some_and(Along::is_asked) {
            return self.session.query(sql, values);
        }
        let told = self.query_each(&[(sql, values)])?;
        Ok(told.into_iter().next().unwrap_or_default())
    }

    /// Runs queries that need nothing of each other, and returns the rows of each: one round trip for all of them.
    pub fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        let is_only_round = self.is_only_round()?;
        if is_only_round && queries.len() > MOST_TOGETHER {
            let why = format!("a read that asks once asks at most {MOST_TOGETHER} queries");
            return Err(DbError::Statement(why));
        }
        let are_apart = is_only_round && queries.len() <= 1;
        let Some(Along::Asked(along)) = self.along.take_if(|along| along.is_asked()) else {
            return self.ask(queries, are_apart);
        };
        // It goes first: what it tells of the store is not newer than what the others see.
        let all = [&[(along.as_str(), &[][..])], queries].concat();
        let mut told = self.ask(&all, are_apart)?;
        self.along = Some(Along::Told(told.remove(0)));
        Ok(told)
    }

    fn ask(&mut self, queries: &[Query<'_>], are_apart: bool) -> Result<Vec<Vec<Row>>, DbError> {
        if are_apart {
            self.session.query_apart(queries)
        } else {
            self.session.query_each(queries)
        }
    }

    /// True where this is the one round that was promised, which is over with it; an error behind it.
    fn is_only_round(&mut self) -> Result<bool, DbError> {
        match self.rounds {
            Rounds::Any => Ok(false),
            Rounds::One => {
                self.rounds = Rounds::None;
                Ok(true)
            }
            Rounds::None => {
                let again = "a read that asks once asked again";
                Err(DbError::Statement(again.to_owned()))
            }
        }
    }

    /// The rows of the query that went along, which goes now where there was none to go with.
    fn told_along(&mut self) -> Result<Vec<Row>, DbError> {
        if self.along.as_ref().is_some_and(Along::is_asked) {
            self.query_each(&[])?;
        }
        match self.along.take() {
            Some(Along::Told(rows)) => Ok(rows),
            Some(Along::Asked(_)) | None => {
                Err(DbError::Statement("a query did not go along".to_owned()))
            }
        }
    }

    /// The first row of a query, if there is one.
    pub fn query_first(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// The integer in the first column of the first row: 0 where there is none or it is NULL.
    pub fn query_int(&mut self, sql: &str, values: &[Value<'_>]) -> Result<i64, DbError> {
        Ok(self
            .query_first(sql, values)?
            .map(|row| row.opt_int(0))
            .transpose()?
            .flatten()
            .unwrap_or(0))
    }

    /// Merges `rows` into `table` by its policies. Rows are locked and written in key order; rows of one key are
    /// merged first. `rows` comes back reordered.
    pub fn upsert<const N: usize>(
        &mut self,
        table: &Table,
        rows: &mut [[Value<'_>; N]],
    ) -> Result<(), DbError> {
        table.check_width(N)?;
        let merged = table.merge_in_key_order(rows);
        self.session.upsert(table, rows[..merged].as_flattened())
    }

    /// Inserts `rows`, in key order, and tells for each of them, in the order given, whether its key was new.
    /// Of rows with one key the first is the new one. Columns that take the least or the greatest are merged into the
    /// row that is there; of all others the first row's stay.
    pub fn insert_new<const N: usize>(
        &mut self,
        table: &Table,
        rows: &[[Value<'_>; N]],
    ) -> Result<Vec<bool>, DbError> {
        table.check_width(N)?;
        let (distinct, firsts) = table.distinct_in_key_order(rows);
        let told = self.session.insert_new(table, distinct.as_flattened())?;
        let mut is_new = vec![false; rows.len()];
        for (first, told) in firsts.into_iter().zip(told) {
            is_new[first] = told;
        }
        Ok(is_new)
    }

    /// The rows of `keys`, in the order given: what stands beside the key, or `None` where there is no row. `table` may
    /// name some of its columns only.
    pub fn find<const K: usize>(
        &mut self,
        table: &Table,
        keys: &[[Value<'_>; K]],
    ) -> Result<Vec<Option<Row>>, DbError> {
        self.find_rows(table, keys, false)
    }

    /// [`Self::find`] that locks the rows, in key order: what was read stays as it is until this transaction writes it.
    /// Only rows that are there can be locked.
    pub fn find_locked<const K: usize>(
        &mut self,
        table: &Table,
        keys: &[[Value<'_>; K]],
    ) -> Result<Vec<Option<Row>>, DbError> {
        self.find_rows(table, keys, true)
    }

    fn find_rows<const K: usize>(
        &mut self,
        table: &Table,
        keys: &[[Value<'_>; K]],
        lock: bool,
    ) -> Result<Vec<Option<Row>>, DbError> {
        table.check_key_width(K)?;
        if keys.is_sorted_by(|a, b| a < b) {
            return self.session.find(table, keys.as_flattened(), lock);
        }
        let mut distinct = keys.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let found = self.session.find(table, distinct.as_flattened(), lock)?;
        let place = |key: &[Value<'_>; K]| distinct.binary_search(key).ok();
        Ok(keys
            .iter()
            .map(|key| place(key).and_then(|place| found.get(place).cloned().flatten()))
            .collect())
    }
}
