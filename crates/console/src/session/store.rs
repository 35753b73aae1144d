//! Sessions in the store.

use reportd_db::{DbError, Tx};
use reportd_platform::secret::SecretHash;

/// A session as it is stored.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) person: String,
    pub(super) generation: i64,
    pub(super) created_at_ms: i64,
    pub(super) seen_at_ms: i64,
}

impl Stored {
    pub(super) fn new(person: &str, generation: i64, now_ms: i64) -> Self {
        Self {
            person: person.to_owned(),
            generation,
            created_at_ms: now_ms,
            seen_at_ms: now_ms,
        }
    }
}

pub(super) fn insert(tx: &mut Tx<'_>, hash: &SecretHash, session: &Stored) -> Result<(), DbError> {
    let sql = "INSERT INTO console_session (hash, person, generation, created_at, seen_at) VALUES ($1, $2, $3, $4, $5)";
    let values = [
        hash.0[..].into(),
        (&session.person).into(),
        session.generation.into(),
        session.created_at_ms.into(),
        session.seen_at_ms.into(),
    ];
    tx.execute(sql, &values).map(|_| ())
}

pub(super) fn find(tx: &mut Tx<'_>, hash: &SecretHash) -> Result<Option<Stored>, DbError> {
    let sql = "SELECT person, generation, created_at, seen_at FROM console_session WHERE hash = $1";
    let found = tx.query_first(sql, &[hash.0[..].into()])?;
    found
        .map(|mut row| {
            Ok(Stored {
                person: row.take_text(0)?,
                generation: row.int(1)?,
                created_at_ms: row.int(2)?,
                seen_at_ms: row.int(3)?,
            })
        })
        .transpose()
}

pub(super) fn note_use(tx: &mut Tx<'_>, hash: &SecretHash, now_ms: i64) -> Result<(), DbError> {
    let sql = "UPDATE console_session SET seen_at = $1 WHERE hash = $2";
    tx.execute(sql, &[now_ms.into(), hash.0[..].into()])
        .map(|_| ())
}

pub(super) fn remove(tx: &mut Tx<'_>, hash: &SecretHash) -> Result<(), DbError> {
    let sql = "DELETE FROM console_session WHERE hash = $1";
    tx.execute(sql, &[hash.0[..].into()]).map(|_| ())
}

/// Drops sessions that began, or were last used, before those times, in ms.
pub(super) fn drop_ended(
    tx: &mut Tx<'_>,
    began_before_ms: i64,
    used_before_ms: i64,
) -> Result<(), DbError> {
    let sql = "DELETE FROM console_session WHERE created_at <= $1 OR seen_at <= $2";
    tx.execute(sql, &[began_before_ms.into(), used_before_ms.into()])
        .map(|_| ())
}
