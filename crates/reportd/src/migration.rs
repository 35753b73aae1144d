//! What a database remembers of the store that is being brought to it: from where, and which steps are done. No server
//! starts on a database to which a store has not come whole.

use anyhow::ensure;
use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError, Tx};

const MIGRATIONS: Migrations = Migrations {
    set: "migration",
    texts: &[
        // `source` names the store; `journal_end` is where its journal ended when the step was done.
        "CREATE TABLE migration_step (
        step {{text}} NOT NULL PRIMARY KEY, source {{text}} NOT NULL, at BIGINT NOT NULL, journal_end BIGINT NOT NULL);
        ",
    ],
};

/// A part of the way, done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The database was found empty, and belongs to the source from now on.
    Begun,
    /// The views are there, as far as they were folded.
    Views,
    /// All is there, and was verified.
    Done,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Views => "views",
            Self::Done => "done",
        }
    }
}

/// A step, as it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DoneStep {
    pub(crate) source: String,
    pub(crate) at_ms: i64,
    pub(crate) journal_end: u64,
}

/// Refuses a database to which a store has not come whole.
pub(crate) fn refuse_unfinished(db: &Database) -> Result<(), DbError> {
    MIGRATIONS.apply(db)?;
    let (begun, done) =
        db.read(|tx| Ok((done_step(tx, Step::Begun)?, done_step(tx, Step::Done)?)))?;
    if begun.is_some() && done.is_none() {
        return Err(DbError::Schema {
            set: MIGRATIONS.set.to_owned(),
            message: "the embedded store that is being brought to this database is not all there: run reportd migrate \
                      again"
                .to_owned(),
        });
    }
    Ok(())
}

/// Lets the database belong to `source`, where it is empty or does already. One that is refused is left as it is.
pub(crate) fn begin(db: &Database, source: &str, now_ms: i64) -> anyhow::Result<()> {
    db.try_read(|tx| refuse_other(tx, source))?;
    MIGRATIONS.apply(db)?;
    db.try_write(|tx| {
        refuse_other(tx, source)?;
        if done_step(tx, Step::Begun)?.is_none() {
            mark(tx, Step::Begun, source, (now_ms, 0))?;
        }
        Ok(())
    })
}

fn refuse_other(tx: &mut Tx<'_>, source: &str) -> anyhow::Result<()> {
    let tables = tx.table_names()?;
    let has = |table: &str| tables.iter().any(|name| name == table);
    if has("migration_step")
        && let Some(begun) = done_step(tx, Step::Begun)?
    {
        ensure!(
            begun.source == source,
            "another embedded store was brought to this database, or is being brought: take an empty database"
        );
        return Ok(());
    }
    let held = ["app", "api_key", "journal_stream", "journal_day"];
    for table in held.into_iter().filter(|table| has(table)) {
        ensure!(
            tx.query_int(&format!("SELECT COUNT(*) FROM {table}"), &[])? == 0,
            "this database holds a reportd store already (see its table {table}): take an empty database"
        );
    }
    Ok(())
}

/// How a step was done; `None` where it was not.
pub(crate) fn done_step(tx: &mut Tx<'_>, step: Step) -> Result<Option<DoneStep>, DbError> {
    let sql = "SELECT source, at, journal_end FROM migration_step WHERE step = $1";
    let row = tx.query_first(sql, &[step.name().into()])?;
    row.map(|mut row| {
        Ok(DoneStep {
            at_ms: row.int(1)?,
            journal_end: row.uint(2)?,
            source: row.take_text(0)?,
        })
    })
    .transpose()
}

/// Notes that a step is done, at a time and with the journal ending there.
pub(crate) fn mark(
    tx: &mut Tx<'_>,
    step: Step,
    source: &str,
    (now_ms, journal_end): (i64, u64),
) -> Result<(), DbError> {
    let sql = "INSERT INTO migration_step (step, source, at, journal_end) VALUES ($1, $2, $3, $4)";
    let values = [
        step.name().into(),
        source.into(),
        now_ms.into(),
        journal_end.cast_signed().into(),
    ];
    tx.execute(sql, &values).map(|_| ())
}

/// Notes that a step is to be done again.
pub(crate) fn unmark(db: &Database, step: Step) -> Result<(), DbError> {
    let sql = "DELETE FROM migration_step WHERE step = $1";
    db.execute(sql, &[step.name().into()]).map(|_| ())
}
