//! Numbered migrations with checksums.
//!
//! A migration is one SQL text for both databases, statements parted by `;` at the end of a line. Three words in double
//! braces stand for what the dialects spell differently: `{{bytes}}` (a column of bytes), `{{serial}}` (an integer key
//! that the database numbers) and `{{clustered}}` (behind the closing bracket: rows are stored in key order).

use sha2::{Digest, Sha256};

use crate::{Database, DbError, Tx};

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
        db.write(|tx| {
            tx.execute(
                "CREATE TABLE IF NOT EXISTS schema_migration (name TEXT NOT NULL, number BIGINT NOT NULL, \
                 checksum TEXT NOT NULL, PRIMARY KEY (name, number))",
                &[],
            )?;
            let applied = self.verify_applied(tx)?;
            for (number, text) in (1_i64..).zip(self.texts).skip(applied) {
                self.run(tx, text)?;
                tx.execute(
                    "INSERT INTO schema_migration (name, number, checksum) VALUES ($1, $2, $3)",
                    &[self.set.into(), number.into(), (&checksum(text)).into()],
                )?;
            }
            Ok(())
        })
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
        let text = tx.dialect().spell(text);
        let statements = text.split(";\n").map(str::trim).filter(|s| !s.is_empty());
        for statement in statements {
            tx.execute(statement.trim_end_matches(';'), &[])
                .map_err(|error| self.error(format!("{error} in «{statement}»")))?;
        }
        Ok(())
    }

    fn error(&self, message: String) -> DbError {
        DbError::Schema {
            set: self.set.to_owned(),
            message,
        }
    }
}

/// How a dialect spells the words in double braces.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Type of a column of bytes.
    pub bytes: &'static str,
    /// Type of an integer primary key that the database numbers.
    pub serial: &'static str,
    /// Table option: rows stored in key order.
    pub clustered: &'static str,
}

impl Dialect {
    fn spell(&self, text: &str) -> String {
        text.replace("{{bytes}}", self.bytes)
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
