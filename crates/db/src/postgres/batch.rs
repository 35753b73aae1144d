//! Many rows of a table in one statement: an array for each column, in the order in which rows are to be locked.

use std::iter;

use bytes::{BufMut, BytesMut};
use tokio_postgres::Column;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use super::types::Refusal;
use crate::table::TableSql;
use crate::{DbError, Row, Table, Value};

/// Rows of one statement. More of them gain nothing, and a statement has a time to end in.
const MOST_ROWS: usize = 5_000;
/// Bytes of one statement, about.
const MOST_BYTES: usize = 16 << 20;

/// The statements of a table, over arrays of its columns' types.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) sql: TableSql,
    /// Tells the keys that were new, in the order of the rows.
    pub(super) insert_new: String,
    /// Tells for each key that has a row its place among the keys, and what stands beside it; in key order.
    pub(super) find: String,
    /// The same, and locks the rows.
    pub(super) find_locked: String,
}

impl Batch {
    pub(super) fn new(table: &Table, columns: &[Column]) -> Result<Self, DbError> {
        let arrays: Vec<_> = (1..)
            .zip(columns)
            .map(|(place, column)| format!("${place}::{}[]", column.type_().name()))
            .collect();
        let source = format!("SELECT * FROM unnest({})", arrays.join(", "));
        let sql = TableSql::new(table, &source)?;
        let keys: Vec<_> = table.columns[..table.key_width()]
            .iter()
            .map(|column| column.name)
            .collect();
        let find = find_sql(table, &keys, &arrays[..keys.len()]);
        Ok(Self {
            insert_new: format!("{} RETURNING {}", sql.insert_new, keys.join(", ")),
            find_locked: format!("{find} FOR UPDATE OF t"),
            find,
            sql,
        })
    }
}

fn find_sql(table: &Table, keys: &[&str], arrays: &[String]) -> String {
    let (arrays, names) = (arrays.join(", "), keys.join(", "));
    let equal: Vec<_> = keys
        .iter()
        .map(|key| format!("t.{key} = asked.{key}"))
        .collect();
    let order: Vec<_> = keys.iter().map(|key| format!("t.{key}")).collect();
    format!(
        "SELECT asked.place, {} FROM unnest({arrays}) WITH ORDINALITY AS asked ({names}, place) \
         JOIN {} t ON {} ORDER BY {}",
        table.names_beside_key("t.").join(", "),
        table.name,
        equal.join(" AND "),
        order.join(", ")
    )
}

/// Parts of the rows that are each small enough for one statement.
pub(super) fn cut<'r, 'v>(
    mut rows: &'r [&'v [Value<'v>]],
) -> impl Iterator<Item = &'r [&'v [Value<'v>]]> {
    iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |row: &&&[Value<'_>]| {
            bytes += row.iter().map(size).sum::<usize>();
            bytes <= MOST_BYTES
        };
        let count = rows.iter().take(MOST_ROWS).take_while(fits).count();
        // A row that is larger than that goes alone.
        let (part, rest) = rows.split_at(count.max(1).min(rows.len()));
        rows = rest;
        (!part.is_empty()).then_some(part)
    })
}

fn size(value: &Value<'_>) -> usize {
    match value {
        Value::Null => 0,
        Value::Int(_) => 8,
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Texts(texts) => texts.iter().map(String::len).sum(),
    }
}

/// Adds for each row whether its key is among `keys`, which are in the order of the rows.
pub(super) fn tell_new(
    table: &Table,
    rows: &[&[Value<'_>]],
    keys: &[Row],
    is_new: &mut Vec<bool>,
) -> Result<(), DbError> {
    let mut keys = keys.iter().peekable();
    for row in rows {
        let key = &row[..table.key_width()];
        let found = keys.next_if(|told| told.values().eq(key.iter().copied()));
        is_new.push(found.is_some());
    }
    match keys.next() {
        None => Ok(()),
        Some(_) => Err(DbError::Statement(format!(
            "table {}: new keys came back in another order than they were written in",
            table.name
        ))),
    }
}

/// One column of many rows, bound as an array.
#[derive(Debug)]
pub(super) struct ColumnArray<'r, 'v> {
    pub(super) rows: &'r [&'r [Value<'v>]],
    pub(super) column: usize,
}

impl ToSql for ColumnArray<'_, '_> {
    fn to_sql(&self, array: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        let Kind::Array(member) = array.kind() else {
            return Err(format!("the parameter is {array}, not an array").into());
        };
        let values = || self.rows.iter().map(|row| row[self.column]);
        let has_null = values().any(|value| value == Value::Null);
        out.put_i32(1);
        out.put_i32(i32::from(has_null));
        out.put_u32(member.oid());
        out.put_i32(i32::try_from(self.rows.len())?);
        out.put_i32(1);
        for value in values() {
            let at = out.len();
            out.put_i32(-1);
            if let IsNull::No = value.to_sql(member, out)? {
                let length = i32::try_from(out.len() - at - size_of::<i32>())?;
                out[at..at + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // Looked at when it is written.
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_cut_by_rows_and_by_bytes() {
        let small = [Value::Int(1)];
        let rows = vec![&small[..]; MOST_ROWS + 1];
        let sizes: Vec<_> = cut(&rows).map(<[_]>::len).collect();
        assert_eq!(sizes, [MOST_ROWS, 1]);
        let bytes = vec![0; MOST_BYTES / 2];
        let (large, huge) = (vec![0; MOST_BYTES + 1], bytes.as_slice());
        let rows = [
            [Value::Bytes(huge)],
            [Value::Bytes(huge)],
            [Value::Bytes(&large)],
            [Value::Int(1)],
        ];
        let rows: Vec<_> = rows.iter().map(|row| &row[..]).collect();
        let sizes: Vec<_> = cut(&rows).map(<[_]>::len).collect();
        assert_eq!(sizes, [2, 1, 1]);
        assert_eq!(cut(&[]).count(), 0);
    }
}
