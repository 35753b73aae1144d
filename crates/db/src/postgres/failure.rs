//! What the server's refusals mean to a caller.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::DbError;

/// What a call told, as the seam's error. Of what the server says only the code and the first line are kept: details
/// and hints quote values.
pub(super) fn classify(error: &Error) -> DbError {
    let Some(told) = error.as_db_error() else {
        return without_code(error);
    };
    let code = told.code();
    let text = format!("{} {}", code.code(), told.message());
    let class = code.code().get(..2).unwrap_or_default();
    match class {
        "23" => DbError::Conflict(text),
        "08" | "40" | "53" | "57" => DbError::Unavailable(text),
        _ if is_transient(code) || is_stale_plan(error) => DbError::Unavailable(text),
        _ if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) => {
            DbError::Corrupt(text)
        }
        // Two sessions that make one thing at the same moment.
        _ if *code == SqlState::DUPLICATE_SCHEMA => DbError::Conflict(text),
        _ => DbError::Statement(text),
    }
}

/// What connecting told: whatever it is, someone can mend it while this program waits.
pub(super) fn connecting(error: &Error) -> DbError {
    match classify(error) {
        DbError::Unavailable(text) | DbError::Statement(text) | DbError::Conflict(text) => {
            DbError::Unavailable(format!("PostgreSQL: {text}"))
        }
        other => other,
    }
}

/// True where a table changed behind a prepared statement: prepared again it will do.
pub(super) fn is_stale_plan(error: &Error) -> bool {
    let is_told = |told: &tokio_postgres::error::DbError| {
        let code = told.code();
        *code == SqlState::INVALID_SQL_STATEMENT_NAME
            || *code == SqlState::FEATURE_NOT_SUPPORTED && told.message().starts_with("cached plan")
    };
    error.as_db_error().is_some_and(is_told)
}

fn is_transient(code: &SqlState) -> bool {
    [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        // A standby: after a failover, or before one.
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ]
    .contains(code)
}

fn without_code(error: &Error) -> DbError {
    let is_io = |source: &(dyn std::error::Error + 'static)| source.is::<std::io::Error>();
    let text = error.to_string();
    match error.source() {
        Some(cause) if is_io(cause) => DbError::Unavailable(format!("{text}: {cause}")),
        // A value that does not fit its parameter: the cause names the types.
        Some(cause) if text.starts_with("error serializing") => {
            DbError::Statement(format!("{text}: {cause}"))
        }
        None | Some(_) if is_program_fault(&text) => DbError::Statement(text),
        _ => DbError::Unavailable(text),
    }
}

/// The kinds of the driver's errors are told only in its words.
fn is_program_fault(text: &str) -> bool {
    [
        "expected ",
        "invalid ",
        "error serializing",
        "error deserializing",
    ]
    .iter()
    .any(|start| text.starts_with(start))
}
