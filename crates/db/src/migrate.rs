//! Numbered migrations with checksums.
//!
//! A migration is one SQL text for both databases, statements parted by `;` at the end of a line. Four words in double
//! braces stand for what the dialects spell differently: `{{bytes}}` (a column of bytes), `{{text}}` (a column of text
//! that is compared byte by byte, whatever the database's locale), `{{serial}}` (an integer key that the database
//! numbers) and `{{clustered}}` (behind the closing bracket: rows are stored in key order).

use std::cell::Cell;

use sha2::{Digest, Sha256};

use crate::{Database, DbError, Tx};

/// How often a lock is waited for that another node holds while it changes the schema: ten seconds each.
const MOST_WAITS: u32 = 360;

/// The migrations of one room, applied in order and each once. They are never edited after a release: add one.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// Name of the set: the room that owns the tables.
    pub set: &'static str,
    /// SQL texts; the first is number 1.
    pub texts: &'static [&'static str],
}

impl Migrations {
    /// Brings the schema of this set up to date, in one transaction.
    ///
    /// # Errors
    /// [`DbError::Schema`] where an applied migration differs from the one compiled in, or is unknown to this program.
    pub fn apply(&self, db: &Database) -> Result<(), DbError> {
        self.apply_with(db, |_, _| Ok(()))
    }

    /// [`Self::apply`], where `behind` does what SQL cannot: it is called behind each text that is applied now, by its number,
    /// in the same transaction.
    ///
    /// # Errors
    /// As [`Self::apply`], and those of `behind`.
    pub fn apply_with(
        &self,
        db: &Database,
        behind: impl Fn(&mut Tx<'_>, i64) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        for _ in 0..MOST_WAITS {
            let waits = Cell::new(false);
            let told = db.write(|tx| self.take_turn(tx, &waits, &behind));
            match told {
                // Another node is at it: that may take longer than a lock is waited for.
                Err(DbError::Unavailable(_)) if waits.get() => {}
                told => return told,
            }
        }
        Err(self.error("another node has been changing it for too long".to_owned()))
    }

    fn take_turn(
        &self,
        tx: &mut Tx<'_>,
        waits: &Cell<bool>,
        behind: &impl Fn(&mut Tx<'_>, i64) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        // Nodes that start together take turns: two that make one table would fail, «if not exists» or not.
        if let Some(take_turns) = tx.dialect().take_turns {
            waits.set(true);
            tx.execute(take_turns, &[])?;
            waits.set(false);
        }
        tx.define(
            "CREATE TABLE IF NOT EXISTS schema_migration (name {{text}} NOT NULL, number BIGINT NOT NULL, \
             checksum {{text}} NOT NULL, PRIMARY KEY (name, number))",
        )?;
        let applied = self.verify_applied(tx)?;
        for (number, text) in (1_i64..).zip(self.texts).skip(applied) {
            self.run(tx, text)?;
            behind(tx, number)?;
            tx.execute(
                "INSERT INTO schema_migration (name, number, checksum) VALUES ($1, $2, $3)",
                &[self.set.into(), number.into(), (&checksum(text)).into()],
            )?;
        }
        Ok(())
    }

    fn verify_applied(&self, tx: &mut Tx<'_>) -> Result<usize, DbError> {
        let rows = tx.query(
            "SELECT number, checksum FROM schema_migration WHERE name = $1 ORDER BY number",
            &[self.set.into()],
        )?;
        for (index, mut row) in rows.into_iter().enumerate() {
            let (number, stored) = (row.int(0)?, row.take_text(1)?);
            let Some(text) = self.texts.get(index) else {
                return Err(self.error(format!(
                    "migration {number} was made by a newer reportd: use that one"
                )));
            };
            if checksum(text) != stored {
                return Err(self.error(format!("migration {number} was applied with another text")));
            }
        }
        tx.query_int(
            "SELECT COUNT(*) FROM schema_migration WHERE name = $1",
            &[self.set.into()],
        )
        .map(|n| usize::try_from(n).unwrap_or(0))
    }

    fn run(&self, tx: &mut Tx<'_>, text: &str) -> Result<(), DbError> {
        tx.define_each(text, |error, statement| {
            // What may succeed later is no fault of the schema.
            if error.is_transient() {
                error
            } else {
                self.error(format!("{error} in «{statement}»"))
            }
        })
    }

    fn error(&self, message: String) -> DbError {
        DbError::Schema {
            set: self.set.to_owned(),
            message,
        }
    }
}

/// How a dialect spells the words in double braces, and where it keeps what the schema is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// Type of a column of bytes.
    pub(crate) bytes: &'static str,
    /// Type of a column of text.
    pub(crate) text: &'static str,
    /// Type of an integer primary key that the database numbers.
    pub(crate) serial: &'static str,
    /// Table option: rows stored in key order.
    pub(crate) clustered: &'static str,
    /// Statement by which transactions that change the schema take turns; none where all that write do so.
    pub(crate) take_turns: Option<&'static str>,
    /// What stands before and behind a placeholder of texts, where they are read as rows.
    pub(crate) texts: [&'static str; 2],
    /// Query for the names of all tables, in order.
    pub(crate) tables: &'static str,
    /// Query for the names of the columns of table `$1`, in order.
    pub(crate) columns: &'static str,
    /// Query for the names of the columns of the primary key of table `$1`, in order.
    pub(crate) key: &'static str,
}

impl Dialect {
    pub(crate) fn spell(&self, text: &str) -> String {
        text.replace("{{bytes}}", self.bytes)
            .replace("{{text}}", self.text)
            .replace("{{serial}}", self.serial)
            .replace("{{clustered}}", self.clustered)
    }
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
