//! The version number that every change to apps, keys, settings and what follows them raises.

use reportd_db::{DbError, Tx};

/// Raises the version, in the transaction of the change: servers see it and load again (see [`crate::directory`]).
pub fn touch(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.execute(
        "UPDATE directory_version SET version = version + 1 WHERE id = 1",
        &[],
    )
    .map(|_| ())
}
