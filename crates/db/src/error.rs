//! Errors of the seam, told apart by what the caller can do about them.

use thiserror::Error;

/// What went wrong in a database call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DbError {
    /// The store cannot take the call now (disk full, input/output error, locked, connection lost): try later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A uniqueness or check constraint refused the row.
    #[error("the store refused the row: {0}")]
    Conflict(String),
    /// The store's file is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The schema on disk is not one that this program can use.
    #[error("schema {set}: {message}")]
    Schema {
        /// Name of the migration set.
        set: String,
        /// What does not fit, and what to do.
        message: String,
    },
    /// A column does not hold the type that was asked for.
    #[error("column {column}: expected {expected}")]
    Type {
        /// Index of the column in the row, from 0.
        column: usize,
        /// The type asked for.
        expected: &'static str,
    },
    /// The statement itself failed: an error of the program.
    #[error("statement failed: {0}")]
    Statement(String),
}

impl DbError {
    /// True where the same call may succeed later without a change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
