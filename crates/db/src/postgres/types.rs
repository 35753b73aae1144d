//! Values as PostgreSQL's types, and its types as cells.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::wire::Bound;
use crate::value::Cell;
use crate::{DbError, Row, Value};

/// Why a value does not fit its parameter.
pub(super) type Refusal = Box<dyn Error + Sync + Send>;

/// Values as the placeholders of a statement take them.
pub(super) fn bound<'a>(values: &'a [Value<'a>]) -> Vec<Bound<'a>> {
    values.iter().map(|value| value as Bound<'a>).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(&self, to: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        match *self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(value) => match *to {
                Type::INT8 => out.put_i64(value),
                Type::INT4 => out.put_i32(i32::try_from(value)?),
                Type::INT2 => out.put_i16(i16::try_from(value)?),
                Type::BOOL => out.put_u8(u8::from(value != 0)),
                _ => return Err(format!("an integer is bound, and the parameter is {to}").into()),
            },
            Self::Text(value) if is_text(to) => out.put_slice(value.as_bytes()),
            Self::Bytes(value) if *to == Type::BYTEA => out.put_slice(value),
            Self::Texts(texts) => match to.kind() {
                Kind::Array(member) if is_text(member) => return texts.to_sql(to, out),
                _ => return Err(format!("texts are bound, and the parameter is {to}").into()),
            },
            Self::Text(_) => return Err(format!("text is bound, and the parameter is {to}").into()),
            Self::Bytes(_) => {
                return Err(format!("bytes are bound, and the parameter is {to}").into());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // Which value fits which type is known when it is written.
        true
    }

    to_sql_checked!();
}

fn is_text(of: &Type) -> bool {
    [
        Type::TEXT,
        Type::VARCHAR,
        Type::BPCHAR,
        Type::NAME,
        Type::UNKNOWN,
    ]
    .contains(of)
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Refusal> {
        Ok(match *of {
            Type::INT8 => Self::Int(i64::from_sql(of, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(of, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(of, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(of, raw)?.into()),
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            _ => Self::Text(std::str::from_utf8(raw)?.to_owned()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Refusal> {
        Ok(Self::Null)
    }

    fn accepts(of: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::INT2, Type::BOOL, Type::BYTEA].contains(of) || is_text(of)
    }
}

/// The cells of a row.
pub(super) fn row(told: &tokio_postgres::Row) -> Result<Row, DbError> {
    let cell = |(index, column): (usize, &tokio_postgres::Column)| {
        told.try_get(index).map_err(|_| {
            let (name, of) = (column.name(), column.type_());
            DbError::Statement(format!(
                "column {index} ({name}) is {of}: cast it to BIGINT, TEXT or BYTEA"
            ))
        })
    };
    let cells = told.columns().iter().enumerate().map(cell);
    Ok(Row {
        cells: cells.collect::<Result<_, _>>()?,
    })
}
