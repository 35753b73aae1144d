//! All that is in one store, copied into another of the same tables.

use reportd_db::copy::copy_table;
use reportd_db::{Database, DbError, Tx};

const ROWS_AT_ONCE: usize = 2_000;
/// Which migrations a store has seen: each knows that by itself.
const SCHEMA_TABLE: &str = "schema_migration";

/// Copies all tables of a store in place of what the other has in them, and does what is to be done `then`, all in one
/// transaction. `tell` is told now and then how many rows came since the last time; it returns false to stop.
pub(crate) fn copy_store<T>(
    (from, to): (&Database, &Database),
    tell: &mut dyn FnMut(u64) -> bool,
    then: impl FnOnce(&mut Tx<'_>) -> Result<T, DbError>,
) -> Result<T, DbError> {
    from.read(|from| {
        to.write(|to| {
            for table in tables(from)? {
                to.execute(&format!("DELETE FROM {table}"), &[])?;
                let mut before = 0;
                copy_table(from, to, &table, ROWS_AT_ONCE, &mut |rows| {
                    let goes_on = tell(rows - before);
                    before = rows;
                    goes_on
                })?;
            }
            then(to)
        })
    })
}

/// Rows of all tables of a store.
pub(crate) fn rows_in(db: &Database) -> Result<u64, DbError> {
    db.read(|tx| {
        let mut rows = 0;
        for table in tables(tx)? {
            let count = format!("SELECT COUNT(*) FROM {table}");
            rows += tx.query_int(&count, &[])?.unsigned_abs();
        }
        Ok(rows)
    })
}

fn tables(tx: &mut Tx<'_>) -> Result<Vec<String>, DbError> {
    let mut tables = tx.table_names()?;
    tables.retain(|table| table != SCHEMA_TABLE);
    Ok(tables)
}
