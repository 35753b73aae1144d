//! The journal of several nodes on one database: one table a day (UTC, by time of arrival), blocks only.
//!
//! Each day is a table of its own, made when its first block comes: dropping a day is dropping a table, no plan looks at
//! days that are not asked for, and no declarative partitions are needed, which not every database of this wire has.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reportd_db::{Database, DbError};
use reportd_platform::clock::Clock;
use reportd_platform::zones::day_text;

use crate::day_blocks::{
    DayBlocks, DayPlaces, DayTable, KeptByDay, NAMES, block_columns, day_of, values,
};
use crate::store::{BlockStore, JournalError, RawBlock, StreamEnd};
use crate::streams::{Lease, NewestDays, SHARED_MIGRATIONS, StreamRow, StreamTable};

/// Blocks that one statement imports.
const IMPORTED_AT_ONCE: usize = 32;

/// The journal in tables of a shared database, as one node sees it.
pub struct DayTables {
    blocks: DayBlocks<Tables>,
    streams: StreamTable,
    clock: Arc<dyn Clock>,
    /// The node's name among the nodes: the same after a restart, and no other's.
    node: String,
    lease: Mutex<Option<Lease>>,
    /// Before the names of its tables where a store of views in the same database reads them.
    qualifier: String,
    /// The newest days, as they were looked at last: they change once a day.
    newest: Mutex<Option<NewestDays>>,
}

impl DayTables {
    /// Opens the journal in `db` for the node of that name, and makes what is missing.
    pub fn open(db: &Database, clock: Arc<dyn Clock>, node: &str) -> Result<Self, JournalError> {
        SHARED_MIGRATIONS.apply(db)?;
        Ok(Self {
            blocks: DayBlocks::new(Tables {
                db: db.clone(),
                made: Mutex::default(),
            }),
            streams: StreamTable::new(db.clone()),
            clock,
            node: node.to_owned(),
            lease: Mutex::default(),
            qualifier: db.qualifier()?,
            newest: Mutex::default(),
        })
    }

    fn lease(&self) -> MutexGuard<'_, Option<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn streams(&self) -> &StreamTable {
        &self.streams
    }

    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// The right to append, where the node has it now.
    pub(crate) fn held(&self) -> Option<Lease> {
        *self.lease()
    }

    /// All streams as they stand.
    pub(crate) fn look(&self) -> Result<Vec<StreamRow>, DbError> {
        let db = &self.blocks.places.db;
        if let Some(newest) = self.newest_days() {
            let rows = db.query(&newest.streams_sql(), &[]);
            match rows.and_then(|rows| newest.streams(rows)) {
                Ok(Some(rows)) => return Ok(rows),
                Err(error) if error.is_transient() => return Err(error),
                // A new day, or one was dropped.
                Ok(None) | Err(_) => self.forget_newest_days(&newest),
            }
        }
        let (newest, rows) = db.read(|tx| {
            let newest = NewestDays::look(tx)?;
            let rows = tx.query(&newest.streams_sql(), &[])?;
            Ok((newest, rows))
        })?;
        let streams = newest.streams(rows)?;
        *self.newest() = Some(newest);
        streams.ok_or_else(|| DbError::Statement("days changed in one look".to_owned()))
    }

    fn newest(&self) -> MutexGuard<'_, Option<NewestDays>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest days, where they were looked at. They may have changed since.
    pub(crate) fn newest_days(&self) -> Option<NewestDays> {
        self.newest().clone()
    }

    /// Lets the next look at the streams look at the days too, unless another one did so since `stale` were told.
    pub(crate) fn forget_newest_days(&self, stale: &NewestDays) {
        self.newest().take_if(|newest| newest == stale);
    }

    /// What stands before the names of its tables where a store of views in the same database reads them.
    pub(crate) fn qualifier(&self) -> &str {
        &self.qualifier
    }

    /// Lets go of the node's stream: it ends, and any other may take it.
    pub(crate) fn end(&self, next: u64) -> Result<(), JournalError> {
        match self.lease().take() {
            Some(lease) => Ok(self.streams.release(lease, next, true)?),
            None => Ok(()),
        }
    }

    /// Appends a block of another store, where it is not here yet, without the right that a node's appends need: to bring
    /// a journal here, before any node runs.
    pub fn import(&self, blocks: &[RawBlock]) -> Result<(), JournalError> {
        for run in blocks.chunk_by(|a, b| day_of(a) == day_of(b)) {
            let Some(newest) = run.last() else { continue };
            let table = self.blocks.places.made(day_of(newest))?;
            let stream = "INSERT INTO journal_stream (stream, node, holder, epoch, beat, next, heard_at) \
                 VALUES ($1, '', '', 1, 1, 1, 0) ON CONFLICT (stream) DO NOTHING";
            self.blocks.places.db.write(|tx| {
                tx.execute(stream, &[newest.stream.into()])?;
                // The next new node takes a number behind it.
                tx.number_behind("journal_stream")?;
                for blocks in run.chunks(IMPORTED_AT_ONCE) {
                    let values: Vec<_> = blocks.iter().flat_map(values).collect();
                    tx.execute(&import_sql(&table, blocks.len()), &values)?;
                }
                StreamTable::set_end(tx, StreamEnd::of(newest))
            })?;
        }
        Ok(())
    }
}

/// A statement that takes so many blocks, where they are not there yet.
fn import_sql(table: &str, blocks: usize) -> String {
    const WIDTH: usize = 11;
    let row = |block: usize| {
        let places: Vec<_> = (1..=WIDTH)
            .map(|column| format!("${}", block * WIDTH + column))
            .collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<_> = (0..blocks).map(row).collect();
    format!(
        "INSERT INTO {table} ({NAMES}) VALUES {} ON CONFLICT (stream, first) DO NOTHING",
        rows.join(", ")
    )
}

pub(crate) struct Tables {
    db: Database,
    /// Days whose table is known to be there.
    made: Mutex<BTreeSet<i64>>,
}

pub(crate) fn table_name(day: i64) -> String {
    format!("journal_block_{}", day_text(day).replace('-', ""))
}

impl Tables {
    /// The name of the table of a day, which is made where it is missing.
    fn made(&self, day: i64) -> Result<String, JournalError> {
        let made = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let name = table_name(day);
        if made().contains(&day) {
            return Ok(name);
        }
        let text = format!("CREATE TABLE IF NOT EXISTS {name} {}", block_columns!());
        self.db.write(|tx| {
            // Nodes that make the same day wait for each other here.
            let note = "INSERT INTO journal_day (day) VALUES ($1) ON CONFLICT (day) DO NOTHING";
            tx.execute(note, &[day.into()])?;
            tx.define(&text)
        })?;
        made().insert(day);
        Ok(name)
    }
}

impl DayPlaces for Tables {
    fn days(&self) -> Result<Vec<i64>, JournalError> {
        let sql = "SELECT day FROM journal_day ORDER BY day";
        let rows = self.db.query(sql, &[])?;
        Ok(rows
            .iter()
            .map(|row| row.int(0))
            .collect::<Result<_, _>>()?)
    }

    fn table(&self, day: i64) -> Result<Option<DayTable>, JournalError> {
        Ok(Some(DayTable {
            db: self.db.clone(),
            name: table_name(day),
        }))
    }

    fn place(&self, day: i64) -> String {
        format!("table {}", table_name(day))
    }
}

impl KeptByDay for DayTables {
    type Places = Tables;

    fn blocks(&self) -> &DayBlocks<Tables> {
        &self.blocks
    }
}

impl BlockStore for DayTables {
    fn begin(&self) -> Result<StreamEnd, JournalError> {
        let mut held = self.lease();
        *held = None;
        let (lease, next) = self.streams.claim(&self.node, self.clock.now_ms())?;
        // Behind the claim: an append of an older epoch is either made by now, or will not be.
        let newest = self.blocks.last_of_newest_days(lease.stream)?;
        let end = newest.map_or(StreamEnd::empty(lease.stream), |newest| {
            StreamEnd::of(&newest)
        });
        *held = Some(lease);
        Ok(StreamEnd {
            next: end.next.max(next),
            ..end
        })
    }

    fn ends(&self) -> Result<Vec<StreamEnd>, JournalError> {
        let end = |row: StreamRow| StreamEnd {
            next: row.next,
            ..StreamEnd::empty(row.lease.stream)
        };
        Ok(self.look()?.into_iter().map(end).collect())
    }

    fn append(&self, block: &RawBlock) -> Result<(), JournalError> {
        let lease = *self.lease();
        let taken_over = JournalError::TakenOver {
            stream: block.stream,
        };
        let Some(lease) = lease.filter(|lease| lease.stream == block.stream) else {
            return Err(taken_over);
        };
        let table = self.blocks.places.made(day_of(block))?;
        // One statement, and so one way to the database and back. The lock on the stream's row holds up whoever takes it
        // over until the block stands; a holder of an older epoch writes nothing. The row itself is not changed: with every
        // block a new version of it would be left, and a long look at the database keeps them all.
        let sql = format!(
            "WITH held AS (SELECT stream FROM journal_stream WHERE stream = $1 AND epoch = $12 FOR SHARE) \
             INSERT INTO {table} ({NAMES}) SELECT stream, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), \
             CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($9 AS BYTEA), \
             CAST($10 AS BYTEA), CAST($11 AS BYTEA) FROM held"
        );
        let mut bound = values(block).to_vec();
        bound.push(lease.epoch.into());
        match self.blocks.places.db.execute(&sql, &bound)? {
            0 => Err(taken_over),
            _ => Ok(()),
        }
    }

    fn drop_day(&self, day: i64) -> Result<(), JournalError> {
        let drop_table = format!("DROP TABLE IF EXISTS {}", table_name(day));
        self.blocks.places.db.write(|tx| {
            tx.execute(&drop_table, &[])?;
            tx.execute("DELETE FROM journal_day WHERE day = $1", &[day.into()])
        })?;
        self.blocks.forget_day(day);
        Ok(())
    }

    fn probe(&self, now_ms: i64) -> Result<(), JournalError> {
        // A node that holds nothing yet writes nothing here: the call still needs a database that takes writes.
        Ok(self.streams.beat(&self.node, (0, 0), now_ms)?)
    }

    fn checkpoint(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        self.blocks.places.db.disk_bytes()
    }
}
