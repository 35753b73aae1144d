//! Values bound to a statement, and rows read back.

use crate::DbError;

/// A value bound to a placeholder. The order of variants and values is the key order in which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A 64-bit integer; booleans are 0 and 1.
    Int(i64),
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes, compared byte by byte.
    Bytes(&'a [u8]),
    /// Texts, for a statement that reads them as rows ([`crate::Tx::texts`]): no column holds such a value.
    Texts(&'a [String]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One cell of a row that was read. The order is that of [`Value`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// A 64-bit integer.
    Int(i64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Cell {
    /// The cell, to be bound again.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(value) => Value::Int(*value),
            Self::Text(value) => Value::Text(value),
            Self::Bytes(value) => Value::Bytes(value),
        }
    }
}

/// A row that was read; columns count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    /// All its cells.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// All columns, as values that can be bound again.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'_>> {
        self.cells.iter().map(Cell::value)
    }

    fn cell(&mut self, column: usize) -> Cell {
        self.cells
            .get_mut(column)
            .map_or(Cell::Null, |cell| std::mem::replace(cell, Cell::Null))
    }

    /// The integer in `column`, or `None` where it is NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        match self.cells.get(column) {
            Some(Cell::Int(value)) => Ok(Some(*value)),
            Some(Cell::Null) => Ok(None),
            _ => Err(DbError::Type {
                column,
                expected: "an integer",
            }),
        }
    }

    /// The integer in `column`.
    pub fn int(&self, column: usize) -> Result<i64, DbError> {
        self.opt_int(column)?.ok_or(DbError::Type {
            column,
            expected: "an integer, not NULL",
        })
    }

    /// The integer in `column` as the unsigned number that was stored there.
    pub fn uint(&self, column: usize) -> Result<u64, DbError> {
        u64::try_from(self.int(column)?).map_err(|_| DbError::Type {
            column,
            expected: "an integer of 0 or more",
        })
    }

    /// True where `column` holds another integer than 0.
    pub fn bool(&self, column: usize) -> Result<bool, DbError> {
        Ok(self.int(column)? != 0)
    }

    /// Moves the text out of `column`, or `None` where it is NULL.
    pub fn take_opt_text(&mut self, column: usize) -> Result<Option<String>, DbError> {
        match self.cell(column) {
            Cell::Text(value) => Ok(Some(value)),
            Cell::Null => Ok(None),
            _ => Err(DbError::Type {
                column,
                expected: "text",
            }),
        }
    }

    /// Moves the text out of `column`.
    pub fn take_text(&mut self, column: usize) -> Result<String, DbError> {
        self.take_opt_text(column)?.ok_or(DbError::Type {
            column,
            expected: "text, not NULL",
        })
    }

    /// Moves the bytes out of `column`, or `None` where it is NULL.
    pub fn take_opt_bytes(&mut self, column: usize) -> Result<Option<Vec<u8>>, DbError> {
        match self.cell(column) {
            Cell::Bytes(value) => Ok(Some(value)),
            Cell::Null => Ok(None),
            _ => Err(DbError::Type {
                column,
                expected: "bytes",
            }),
        }
    }

    /// Moves the bytes out of `column`.
    pub fn take_bytes(&mut self, column: usize) -> Result<Vec<u8>, DbError> {
        self.take_opt_bytes(column)?.ok_or(DbError::Type {
            column,
            expected: "bytes, not NULL",
        })
    }
}
