//! What an error of SQLite means.

use rusqlite::ErrorCode;

use crate::DbError;

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the argument of map_err"
)]
pub(super) fn classify(error: rusqlite::Error) -> DbError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => DbError::Unavailable(text),
        Some(ErrorCode::ConstraintViolation) => DbError::Conflict(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => DbError::Corrupt(text),
        _ => DbError::Statement(text),
    }
}
