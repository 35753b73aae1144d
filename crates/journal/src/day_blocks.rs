//! Blocks in tables of a day each: the reads that day files and day tables share.
//!
//! The sequences of a stream grow with the days, so the day of a sequence is found by halving.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reportd_db::{Database, DbError, Row, Tx, Value};
use reportd_platform::clock::DAY_MS;

use crate::StreamNo;
use crate::store::{BlockReader, JournalError, RawBlock, Span};

/// Blocks fetched by one statement when replaying.
const FETCH_BLOCKS: i64 = 64;

/// The table of a day.
pub(crate) struct DayTable {
    pub(crate) db: Database,
    /// Its name in SQL.
    pub(crate) name: String,
}

/// Where the table of each day is.
pub(crate) trait DayPlaces: Send + Sync {
    /// Days that may hold blocks, oldest first.
    fn days(&self) -> Result<Vec<i64>, JournalError>;
    /// The table of one of them; `None` where it is known to be gone.
    fn table(&self, day: i64) -> Result<Option<DayTable>, JournalError>;
    /// A name for people of where the table of a day is.
    fn place(&self, day: i64) -> String;
}

/// The columns of a block's table, as they stand behind its name.
macro_rules! block_columns {
    () => {
        "(
        stream BIGINT NOT NULL, first BIGINT NOT NULL, count BIGINT NOT NULL, received_at BIGINT NOT NULL,
        min_ts BIGINT NOT NULL, max_ts BIGINT NOT NULL, version BIGINT NOT NULL, raw_bytes BIGINT NOT NULL,
        checksum {{bytes}} NOT NULL, filter {{bytes}} NOT NULL, data {{bytes}} NOT NULL,
        PRIMARY KEY (stream, first))"
    };
}
pub(crate) use block_columns;

/// The names of the columns, in the order of [`values`].
pub(crate) const NAMES: &str =
    "stream, first, count, received_at, min_ts, max_ts, version, raw_bytes, checksum, filter, data";

/// The columns before the data: the head of a block.
const HEAD: &str =
    "stream, first, count, received_at, min_ts, max_ts, version, raw_bytes, checksum, filter";

/// The values of a block, in the order of [`NAMES`].
pub(crate) fn values(block: &RawBlock) -> [Value<'_>; 11] {
    [
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
    ]
}

/// The day, in UTC, that a block lies in: that of its arrival.
pub(crate) fn day_of(block: &RawBlock) -> i64 {
    block.received_at_ms.div_euclid(DAY_MS)
}

/// Blocks by day.
pub(crate) struct DayBlocks<P> {
    pub(crate) places: P,
    /// The first sequence of a stream in a day: once it is known it does not change.
    firsts: Mutex<HashMap<(i64, StreamNo), u64>>,
}

impl<P: DayPlaces> DayBlocks<P> {
    pub(crate) fn new(places: P) -> Self {
        Self {
            places,
            firsts: Mutex::default(),
        }
    }

    /// Reads in the table of a day; `None` where the day was dropped, by whomever.
    fn read<T>(
        &self,
        day: i64,
        work: impl FnOnce(&mut Tx<'_>, &str) -> Result<T, DbError>,
    ) -> Result<Option<T>, JournalError> {
        let Some(table) = self.places.table(day)? else {
            return Ok(None);
        };
        match table.db.read(|tx| work(tx, &table.name)) {
            Ok(told) => Ok(Some(told)),
            Err(_) if !self.places.days()?.contains(&day) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn first_of(&self, day: i64, stream: StreamNo) -> Result<Option<u64>, JournalError> {
        let known = || self.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&first) = known().get(&(day, stream)) {
            return Ok(Some(first));
        }
        let row = self.read(day, |tx, table| {
            let sql = format!("SELECT first FROM {table} WHERE stream = $1 ORDER BY first LIMIT 1");
            tx.query_first(&sql, &[stream.into()])
        })?;
        let first = row.flatten().map(|row| row.uint(0)).transpose()?;
        if let Some(first) = first {
            known().insert((day, stream), first);
        }
        Ok(first)
    }

    /// Days that may hold blocks of the stream, oldest first, and how many of them begin at or before `sequence`. Days
    /// that were looked at and have no block of the stream are left out: they say nothing about their neighbours.
    fn days_by(&self, stream: StreamNo, sequence: u64) -> Result<(Vec<i64>, usize), JournalError> {
        let mut days = self.places.days()?;
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

    fn last_in(
        &self,
        newest_first: impl Iterator<Item = i64>,
        stream: StreamNo,
    ) -> Result<Option<RawBlock>, JournalError> {
        for day in newest_first {
            let row = self.read(day, |tx, table| {
                let sql = format!(
                    "SELECT {NAMES} FROM {table} WHERE stream = $1 ORDER BY first DESC LIMIT 1"
                );
                tx.query_first(&sql, &[stream.into()])
            })?;
            if let Some(row) = row.flatten() {
                return Ok(Some(block(row, true)?));
            }
        }
        Ok(None)
    }

    /// The newest block of a stream, where it lies in one of the newest two days.
    pub(crate) fn last_of_newest_days(
        &self,
        stream: StreamNo,
    ) -> Result<Option<RawBlock>, JournalError> {
        let days = self.places.days()?;
        self.last_in(days.into_iter().rev().take(2), stream)
    }

    /// A day was dropped.
    pub(crate) fn forget_day(&self, day: i64) {
        let mut firsts = self.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        firsts.retain(|&(of, _), _| of != day);
    }
}

/// What keeps its blocks by day.
pub(crate) trait KeptByDay: Send + Sync {
    type Places: DayPlaces;

    fn blocks(&self) -> &DayBlocks<Self::Places>;
}

impl<T: KeptByDay> BlockReader for T {
    fn last(&self, stream: StreamNo) -> Result<Option<RawBlock>, JournalError> {
        let blocks = self.blocks();
        blocks.last_in(blocks.places.days()?.into_iter().rev(), stream)
    }

    fn from(
        &self,
        stream: StreamNo,
        sequence: u64,
        max_bytes: u64,
    ) -> Result<Vec<RawBlock>, JournalError> {
        let blocks = self.blocks();
        let (days, begun) = blocks.days_by(stream, sequence)?;
        let (mut found, mut bytes) = (Vec::<RawBlock>::new(), 0);
        for &day in &days[begun.saturating_sub(1)..] {
            loop {
                let next = found
                    .last()
                    .map_or(sequence, |last| last.first + last.count);
                let rows = blocks.read(day, |tx, table| fetch(tx, table, stream, next))?;
                let rows = rows.unwrap_or_default();
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
        let blocks = self.blocks();
        let (days, begun) = blocks.days_by(stream, sequence)?;
        for &day in days[..begun].iter().rev() {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let before = i64::try_from(sequence).unwrap_or(i64::MAX);
            let rows = blocks.read(day, |tx, table| {
                let sql = format!(
                    "SELECT {HEAD} FROM {table} WHERE stream = $1 AND first < $2 ORDER BY first DESC LIMIT $3"
                );
                tx.query(&sql, &[stream.into(), before.into(), limit.into()])
            })?;
            if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
                return Ok(rows
                    .into_iter()
                    .map(|row| block(row, false))
                    .collect::<Result<_, _>>()?);
            }
        }
        Ok(Vec::new())
    }

    /// The database itself passes over what lies outside: of a day that holds nothing of the span, nothing comes here.
    fn heads_from(
        &self,
        stream: StreamNo,
        sequence: u64,
        span: &Span,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError> {
        let blocks = self.blocks();
        let (days, begun) = blocks.days_by(stream, sequence)?;
        let days = days[begun.saturating_sub(1)..].iter();
        for &day in days.filter(|&&day| day >= span.first_day) {
            let values = [
                stream.into(),
                sequence.cast_signed().into(),
                span.from_ts_ms.into(),
                span.to_ts_ms.into(),
                i64::try_from(limit).unwrap_or(i64::MAX).into(),
            ];
            let rows = blocks.read(day, |tx, table| {
                let sql = format!(
                    "SELECT {HEAD} FROM {table} WHERE stream = $1 AND first >= $2 AND max_ts >= $3 AND min_ts <= $4 \
                     ORDER BY first LIMIT $5"
                );
                tx.query(&sql, &values)
            })?;
            if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
                let heads = rows.into_iter().map(|row| block(row, false));
                return Ok(heads.collect::<Result<_, _>>()?);
            }
        }
        Ok(Vec::new())
    }

    fn load(&self, head: &RawBlock) -> Result<Option<RawBlock>, JournalError> {
        let blocks = self.blocks();
        let key = [head.stream.into(), head.first.cast_signed().into()];
        let row = blocks.read(day_of(head), |tx, table| {
            let sql = format!("SELECT {NAMES} FROM {table} WHERE stream = $1 AND first = $2");
            tx.query_first(&sql, &key)
        })?;
        let Some(row) = row else { return Ok(None) };
        let missing = JournalError::Missing {
            place: blocks.places.place(day_of(head)),
            stream: head.stream,
            from: head.first,
            to: head.first + head.count,
        };
        Ok(Some(block(row.ok_or(missing)?, true)?))
    }

    fn ends_of_day(&self, day: i64) -> Result<Vec<(StreamNo, u64)>, JournalError> {
        let blocks = self.blocks();
        let ends = blocks.read(day, |tx, table| {
            // From stream to stream along the key: a day may hold millions of blocks.
            let next =
                format!("SELECT stream FROM {table} WHERE stream > $1 ORDER BY stream LIMIT 1");
            let end = format!(
                "SELECT first + count FROM {table} WHERE stream = $1 ORDER BY first DESC LIMIT 1"
            );
            let (mut ends, mut before) = (Vec::new(), -1);
            while let Some(row) = tx.query_first(&next, &[before.into()])? {
                before = row.int(0)?;
                let newest = tx.query_int(&end, &[before.into()])?;
                ends.push((stream_no(&row, 0)?, newest.cast_unsigned()));
            }
            Ok(ends)
        })?;
        Ok(ends.unwrap_or_default())
    }

    fn days(&self) -> Result<Vec<i64>, JournalError> {
        self.blocks().places.days()
    }

    fn place_of(&self, block: &RawBlock) -> String {
        self.blocks().places.place(day_of(block))
    }
}

/// Blocks that end behind `next`, oldest first. The bound on `first` lets the index find the place: the search starts at
/// the newest block that begins at or before `next`.
fn fetch(tx: &mut Tx<'_>, table: &str, stream: StreamNo, next: u64) -> Result<Vec<Row>, DbError> {
    let begin = format!(
        "SELECT first FROM {table} WHERE stream = $1 AND first <= $2 ORDER BY first DESC LIMIT 1"
    );
    let next = next.cast_signed().into();
    let at = tx.query_int(&begin, &[stream.into(), next])?;
    let sql = format!(
        "SELECT {NAMES} FROM {table} WHERE stream = $1 AND first + count > $2 AND first >= $3 ORDER BY first LIMIT $4"
    );
    tx.query(&sql, &[stream.into(), next, at.into(), FETCH_BLOCKS.into()])
}

pub(crate) fn stream_no(row: &Row, column: usize) -> Result<StreamNo, DbError> {
    StreamNo::try_from(row.int(column)?).map_err(|_| DbError::Type {
        column,
        expected: "a stream",
    })
}

fn block(mut row: Row, with_data: bool) -> Result<RawBlock, DbError> {
    Ok(RawBlock {
        stream: stream_no(&row, 0)?,
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
