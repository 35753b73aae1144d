//! A table's rows from one store into another, of whatever kind.

use crate::{DbError, Row, Tx, Value};

/// Values of one statement: both databases take many more, and gain nothing by them.
const MOST_VALUES: usize = 2_000;

/// Copies all rows of `table`, `rows_at_once` at a time in the order of its primary key, and tells `progress` after
/// each time how many it has copied; where that says false, the copy ends with an error. Returns their number. The table
/// of `to` must have the same columns; numbers that its database gives to new rows go on behind those copied.
///
/// # Errors
/// [`DbError::Unavailable`] where `progress` said false; [`DbError::Conflict`] where a row's key is taken; [`DbError::Statement`] where the tables are not alike or have no
/// primary key.
pub fn copy_table(
    from: &mut Tx<'_>,
    to: &mut Tx<'_>,
    table: &str,
    rows_at_once: usize,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, DbError> {
    let paging = Paging::new(from, to, table, rows_at_once)?;
    let mut copied = 0;
    let mut last: Option<Vec<Row>> = None;
    loop {
        let rows = paging.next_rows(from, last.as_ref().and_then(|rows| rows.last()))?;
        if rows.is_empty() {
            break;
        }
        paging.insert(to, &rows)?;
        copied += rows.len() as u64;
        if !progress(copied) {
            return Err(DbError::Unavailable("the copy was stopped".to_owned()));
        }
        last = Some(rows);
    }
    to.number_behind(table)?;
    Ok(copied)
}

/// How a table is read page by page.
struct Paging<'a> {
    table: &'a str,
    columns: Vec<String>,
    /// The columns of the key, by their place among all columns.
    key: Vec<usize>,
    rows_at_once: usize,
}

impl<'a> Paging<'a> {
    fn new(
        from: &mut Tx<'_>,
        to: &mut Tx<'_>,
        table: &'a str,
        rows_at_once: usize,
    ) -> Result<Self, DbError> {
        let columns = from.column_names(table)?;
        let fault = |problem: &str| DbError::Statement(format!("table {table}: {problem}"));
        let sorted = |columns: &[String]| {
            let mut columns = columns.to_vec();
            columns.sort();
            columns
        };
        if sorted(&columns) != sorted(&to.column_names(table)?) {
            return Err(fault("the two stores have different columns of it"));
        }
        let place = |name: &String| columns.iter().position(|column| column == name);
        let key: Option<Vec<_>> = from.key_names(table)?.iter().map(place).collect();
        let key = key.filter(|key| !key.is_empty());
        Ok(Self {
            table,
            key: key.ok_or_else(|| fault("it has no primary key to copy it by"))?,
            columns,
            rows_at_once: rows_at_once.max(1),
        })
    }

    /// The rows behind `last`.
    fn next_rows(&self, from: &mut Tx<'_>, last: Option<&Row>) -> Result<Vec<Row>, DbError> {
        let columns = self.columns.join(", ");
        let key: Vec<_> = self
            .key
            .iter()
            .map(|&at| self.columns[at].as_str())
            .collect();
        let key = key.join(", ");
        let mut values: Vec<Value<'_>> = Vec::new();
        let mut behind = String::new();
        if let Some(last) = last {
            let cells: Vec<_> = last.values().collect();
            values.extend(self.key.iter().map(|&at| cells[at]));
            behind = format!("WHERE ({key}) > ({}) ", places(1, values.len()));
        }
        values.push(Value::Int(
            i64::try_from(self.rows_at_once).unwrap_or(i64::MAX),
        ));
        let sql = format!(
            "SELECT {columns} FROM {} {behind}ORDER BY {key} LIMIT ${}",
            self.table,
            values.len()
        );
        from.query(&sql, &values)
    }

    fn insert(&self, to: &mut Tx<'_>, rows: &[Row]) -> Result<(), DbError> {
        let width = self.columns.len();
        for rows in rows.chunks((MOST_VALUES / width).max(1)) {
            let lists: Vec<_> = (0..rows.len())
                .map(|row| format!("({})", places(row * width + 1, width)))
                .collect();
            let sql = format!(
                "INSERT INTO {} ({}) VALUES {}",
                self.table,
                self.columns.join(", "),
                lists.join(", ")
            );
            let values: Vec<_> = rows.iter().flat_map(Row::values).collect();
            to.execute(&sql, &values)?;
        }
        Ok(())
    }
}

/// `$first, …`: so many placeholders.
fn places(first: usize, count: usize) -> String {
    let places: Vec<_> = (first..first + count).map(|n| format!("${n}")).collect();
    places.join(", ")
}
