//! The version number that every change to apps, keys, settings and what follows them raises.
//!
//! It is also the lock of those changes: raising it locks its row until the transaction ends. A change calls [`touch`]
//! before it reads anything, so that changes of all nodes come one after the other, and what one has checked (a name is
//! free, a kind is not fixed, there is room) still holds when it writes. SQLite has one writer at a time in any case;
//! PostgreSQL has not.

use reportd_db::{DbError, Tx};

/// Raises the version, first of all in the transaction of the change: other changes wait until it ends, and then servers
/// see the new version and load again (see [`crate::directory`]).
pub fn touch(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.execute(
        "UPDATE directory_version SET version = version + 1 WHERE id = 1",
        &[],
    )
    .map(|_| ())
}
