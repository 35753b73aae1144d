//! Values as SQLite takes them, and rows as it gives them.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::value::Cell;
use crate::{Row, Value};

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Texts(texts) => return json(texts),
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// A list of texts, as `json_each` takes it.
fn json(texts: &[String]) -> rusqlite::Result<ToSqlOutput<'static>> {
    let json = serde_json::to_string(texts);
    let json = json.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(json.into())
}

pub(super) fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let count = row.as_ref().column_count();
    // Collecting results would not know how many come, and grow twice: it showed where a read has thousands of rows.
    let mut cells = Vec::with_capacity(count);
    for index in 0..count {
        cells.push(cell(row.get_ref(index)?));
    }
    Ok(Row { cells })
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        // No column is declared as a float; a sum that overflowed into one is cut to an integer's end.
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as said above")]
        ValueRef::Real(value) => Cell::Int(value as i64),
        ValueRef::Text(value) => Cell::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Cell::Bytes(value.to_vec()),
    }
}
