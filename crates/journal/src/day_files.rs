//! The embedded store's journal: one SQLite file a day (UTC, by time of arrival), blocks only.
//!
//! A file is named for its day, so dropping a day is deleting a file. A file is opened when it is first written or read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError, Row, Tx, sqlite};
use reportd_platform::clock::DAY_MS;
use reportd_platform::zones::{day_text, parse_day};

use crate::StreamNo;
use crate::store::{BlockStore, JournalError, RawBlock};

const MIGRATIONS: Migrations = Migrations {
    set: "journal",
    texts: &["CREATE TABLE block (
        stream BIGINT NOT NULL, first BIGINT NOT NULL, count BIGINT NOT NULL, received_at BIGINT NOT NULL,
        min_ts BIGINT NOT NULL, max_ts BIGINT NOT NULL, version BIGINT NOT NULL, raw_bytes BIGINT NOT NULL,
        checksum {{bytes}} NOT NULL, filter {{bytes}} NOT NULL, data {{bytes}} NOT NULL,
        PRIMARY KEY (stream, first));
        "],
};

const HEAD: &str = "SELECT stream, first, count, received_at, min_ts, max_ts, version, raw_bytes, checksum, filter FROM block";
const WHOLE: &str = "SELECT stream, first, count, received_at, min_ts, max_ts, version, raw_bytes, checksum, filter, data FROM block";
/// Files that are kept open.
const MOST_OPEN_FILES: usize = 8;
/// Blocks fetched by one statement when replaying.
const FETCH_BLOCKS: i64 = 64;

/// The folder of day files.
pub struct DayFiles {
    folder: PathBuf,
    open: Mutex<BTreeMap<i64, Database>>,
    /// Days whose file this process began to make and could not: there is no block in them.
    unmade: Mutex<BTreeSet<i64>>,
    /// The first sequence of a stream in a day: once it is known it does not change.
    firsts: Mutex<HashMap<(i64, StreamNo), u64>>,
}

impl DayFiles {
    /// Opens the folder, and makes it where it is missing.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        std::fs::create_dir_all(folder).map_err(|error| file_error(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            open: Mutex::default(),
            unmade: Mutex::default(),
            firsts: Mutex::default(),
        })
    }

    fn opened(&self) -> MutexGuard<'_, BTreeMap<i64, Database>> {
        lock(&self.open)
    }

    fn path(&self, day: i64) -> PathBuf {
        self.folder.join(format!("{}.db", day_text(day)))
    }

    /// Days that have a file that may hold blocks, oldest first.
    fn days(&self) -> Result<Vec<i64>, JournalError> {
        let entries =
            std::fs::read_dir(&self.folder).map_err(|error| file_error(&self.folder, &error))?;
        let mut days: Vec<i64> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| parse_day(entry.file_name().to_str()?.strip_suffix(".db")?).ok())
            .collect();
        days.sort_unstable();
        let unmade = lock(&self.unmade);
        days.retain(|day| !unmade.contains(day));
        Ok(days)
    }

    /// The file of `day` to write to, made where there is none. Where that fails (disk full) reads pass over what is left
    /// of it.
    fn file_to_append(&self, day: i64) -> Result<Database, JournalError> {
        if let Some(db) = self.opened().get(&day) {
            return Ok(db.clone());
        }
        let is_unmade = lock(&self.unmade).contains(&day) || !self.path(day).exists();
        let file = self.file(day);
        match &file {
            Ok(_) => lock(&self.unmade).remove(&day),
            Err(_) if is_unmade => lock(&self.unmade).insert(day),
            Err(_) => false,
        };
        file
    }

    fn file(&self, day: i64) -> Result<Database, JournalError> {
        if let Some(db) = self.opened().get(&day) {
            return Ok(db.clone());
        }
        let db = sqlite::open(sqlite::Options {
            checkpoint_bytes: 16 << 20,
            cache_bytes: 4 << 20,
            readers: 2,
            ..sqlite::Options::durable(self.path(day))
        })?;
        MIGRATIONS.apply(&db)?;
        let mut open = self.opened();
        while open.len() >= MOST_OPEN_FILES {
            open.pop_first();
        }
        Ok(open.entry(day).or_insert(db).clone())
    }

    fn read<T>(
        &self,
        day: i64,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, DbError>,
    ) -> Result<T, JournalError> {
        Ok(self.file(day)?.read(work)?)
    }

    fn first_of(&self, day: i64, stream: StreamNo) -> Result<Option<u64>, JournalError> {
        if let Some(&first) = lock(&self.firsts).get(&(day, stream)) {
            return Ok(Some(first));
        }
        let sql = "SELECT first FROM block WHERE stream = $1 ORDER BY first LIMIT 1";
        let row = self.read(day, |tx| tx.query_first(sql, &[stream.into()]))?;
        let first = row.map(|row| row.uint(0)).transpose()?;
        if let Some(first) = first {
            lock(&self.firsts).insert((day, stream), first);
        }
        Ok(first)
    }

    fn newest_open(&self) -> Option<Database> {
        self.opened().last_key_value().map(|(_, db)| db.clone())
    }

    /// Days that may hold blocks of the stream, oldest first, and how many of them begin at or before `sequence`. Days
    /// that were looked at and have no block of the stream are left out: they say nothing about their neighbours.
    fn days_by(&self, stream: StreamNo, sequence: u64) -> Result<(Vec<i64>, usize), JournalError> {
        let mut days = self.days()?;
        let (mut begun, mut behind) = (0, days.len());
        while begun < behind {
            let middle = usize::midpoint(begun, behind);
            match self.first_of(days[middle], stream)? {
                Some(first) if first <= sequence => begun = middle + 1,
                Some(_) => behind = middle,
                None => {
                    days.remove(middle);
                    behind -= 1;
                }
            }
        }
        Ok((days, begun))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file_error(path: &Path, error: &std::io::Error) -> JournalError {
    JournalError::File {
        place: path.display().to_string(),
        cause: error.to_string(),
    }
}

fn day_of_block(block: &RawBlock) -> i64 {
    block.received_at_ms.div_euclid(DAY_MS)
}

fn block(mut row: Row, with_data: bool) -> Result<RawBlock, DbError> {
    Ok(RawBlock {
        stream: StreamNo::try_from(row.int(0)?).map_err(|_| DbError::Type {
            column: 0,
            expected: "a stream",
        })?,
        first: row.uint(1)?,
        count: row.uint(2)?,
        received_at_ms: row.int(3)?,
        min_ts_ms: row.int(4)?,
        max_ts_ms: row.int(5)?,
        version: row.int(6)?,
        raw_bytes: row.uint(7)?,
        checksum: row.take_bytes(8)?,
        filter: row.take_bytes(9)?,
        data: if with_data {
            row.take_bytes(10)?
        } else {
            Vec::new()
        },
    })
}

impl BlockStore for DayFiles {
    fn append(&self, block: &RawBlock) -> Result<(), JournalError> {
        let sql = "INSERT INTO block (stream, first, count, received_at, min_ts, max_ts, version, raw_bytes, \
                   checksum, filter, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values = [
            block.stream.into(),
            block.first.cast_signed().into(),
            block.count.cast_signed().into(),
            block.received_at_ms.into(),
            block.min_ts_ms.into(),
            block.max_ts_ms.into(),
            block.version.into(),
            block.raw_bytes.cast_signed().into(),
            block.checksum[..].into(),
            block.filter[..].into(),
            block.data[..].into(),
        ];
        self.file_to_append(day_of_block(block))?
            .write(|tx| tx.execute(sql, &values))?;
        Ok(())
    }

    fn last(&self, stream: StreamNo) -> Result<Option<RawBlock>, JournalError> {
        let sql = format!("{WHOLE} WHERE stream = $1 ORDER BY first DESC LIMIT 1");
        for day in self.days()?.into_iter().rev() {
            if let Some(row) = self.read(day, |tx| tx.query_first(&sql, &[stream.into()]))? {
                return Ok(Some(block(row, true)?));
            }
        }
        Ok(None)
    }

    fn from(
        &self,
        stream: StreamNo,
        sequence: u64,
        max_bytes: u64,
    ) -> Result<Vec<RawBlock>, JournalError> {
        let (days, begun) = self.days_by(stream, sequence)?;
        let sql = format!(
            "{WHOLE} WHERE stream = $1 AND first + count > $2 AND first > $3 ORDER BY first LIMIT $4"
        );
        let (mut found, mut bytes) = (Vec::<RawBlock>::new(), 0);
        for &day in &days[begun.saturating_sub(1)..] {
            loop {
                // The bound on `first` lets the index find the place; a block holds fewer entries than a sequence has
                // before it, so the search starts at the newest block that begins at or before `sequence`.
                let next = found
                    .last()
                    .map_or(sequence, |last| last.first + last.count);
                let begin = "SELECT first FROM block WHERE stream = $1 AND first <= $2 ORDER BY first DESC LIMIT 1";
                let seek = [stream.into(), next.cast_signed().into()];
                let rows = self.read(day, |tx| {
                    let at = tx
                        .query_first(begin, &seek)?
                        .map_or(Ok(0), |row| row.int(0))?;
                    tx.query(
                        &sql,
                        &[
                            stream.into(),
                            next.cast_signed().into(),
                            (at - 1).into(),
                            FETCH_BLOCKS.into(),
                        ],
                    )
                })?;
                if rows.is_empty() {
                    break;
                }
                for row in rows {
                    let block = block(row, true)?;
                    bytes += block.raw_bytes;
                    found.push(block);
                    if bytes >= max_bytes {
                        return Ok(found);
                    }
                }
            }
        }
        Ok(found)
    }

    fn heads_before(
        &self,
        stream: StreamNo,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError> {
        let (days, begun) = self.days_by(stream, sequence)?;
        let sql = format!("{HEAD} WHERE stream = $1 AND first < $2 ORDER BY first DESC LIMIT $3");
        for &day in days[..begun].iter().rev() {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let before = i64::try_from(sequence).unwrap_or(i64::MAX);
            let rows = self.read(day, |tx| {
                tx.query(&sql, &[stream.into(), before.into(), limit.into()])
            })?;
            if !rows.is_empty() {
                return Ok(rows
                    .into_iter()
                    .map(|row| block(row, false))
                    .collect::<Result<_, _>>()?);
            }
        }
        Ok(Vec::new())
    }

    fn load(&self, head: &RawBlock) -> Result<RawBlock, JournalError> {
        let sql = format!("{WHOLE} WHERE stream = $1 AND first = $2");
        let key = [head.stream.into(), head.first.cast_signed().into()];
        let row = self.read(day_of_block(head), |tx| tx.query_first(&sql, &key))?;
        let missing = JournalError::Missing {
            place: self.place_of(head),
            stream: head.stream,
            from: head.first,
            to: head.first + head.count,
        };
        Ok(block(row.ok_or(missing)?, true)?)
    }

    fn place_of(&self, block: &RawBlock) -> String {
        self.path(day_of_block(block)).display().to_string()
    }

    fn probe(&self, now_ms: i64) -> Result<(), JournalError> {
        let touch = "UPDATE schema_migration SET number = number";
        let newest = self
            .newest_open()
            .map_or_else(|| self.file_to_append(now_ms.div_euclid(DAY_MS)), Ok)?;
        newest.write(|tx| tx.execute(touch, &[]))?;
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), JournalError> {
        self.newest_open().map_or(Ok(()), |db| Ok(db.checkpoint()?))
    }

    fn disk_bytes(&self) -> u64 {
        let sizes = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        sizes
            .filter_map(|entry| entry.metadata().ok())
            .map(|meta| meta.len())
            .sum()
    }
}
