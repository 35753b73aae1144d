//! The streams of several nodes on one database: who appends to which, and who folds it.
//!
//! A stream has one *holder* at a time, by an *epoch* that grows with every change of holder. The node that it is named
//! for holds it, appends to it and folds it; when that node is not heard of, another adopts it: the epoch grows, so the
//! first can append no more until it takes its stream back, and the other folds what is left and lets go. A holder is
//! heard by its *beat*, a number that it raises every second. Nobody compares clocks of two machines: a stream is left
//! alone as long as its beat is seen to change.

use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError, Row, Tx};
use reportd_platform::clock::DAY_MS;

use crate::StreamNo;
use crate::day_blocks::stream_no;
use crate::store::StreamEnd;

/// Tables of the journal on a shared database: streams, what readers wish to be folded, and days.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    set: "journal",
    texts: &["CREATE TABLE journal_stream (
        stream {{serial}}, node {{text}} NOT NULL, holder {{text}} NOT NULL, epoch BIGINT NOT NULL,
        beat BIGINT NOT NULL, next BIGINT NOT NULL, received_at BIGINT NOT NULL);
        CREATE TABLE journal_wish (stream BIGINT NOT NULL PRIMARY KEY, wanted BIGINT NOT NULL);
        CREATE TABLE journal_day (day BIGINT NOT NULL PRIMARY KEY);
        CREATE TABLE journal_views (id BIGINT NOT NULL PRIMARY KEY, number BIGINT NOT NULL);
        INSERT INTO journal_views (id, number) VALUES (1, 1);
        "],
};

/// The number of the views that all nodes of a shared database serve: each rebuild raises it.
pub fn views_number(db: &Database) -> Result<i64, DbError> {
    MIGRATIONS.apply(db)?;
    db.read(|tx| tx.query_int("SELECT number FROM journal_views WHERE id = 1", &[]))
}

/// Lets all nodes serve the views of `number` in place of those of `before`; false where another did so first.
pub fn serve_views(db: &Database, before: i64, number: i64) -> Result<bool, DbError> {
    let sql = "UPDATE journal_views SET number = $1 WHERE id = 1 AND number = $2";
    Ok(db.execute(sql, &[number.into(), before.into()])? == 1)
}

/// A stream that nobody has appended to for this long may be given to a new node.
const REUSE_AFTER_MS: i64 = DAY_MS;

/// The right to append to a stream, or to fold what is left in it, until its epoch grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) stream: StreamNo,
    pub(crate) epoch: i64,
}

/// A stream as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamRow {
    pub(crate) lease: Lease,
    /// The node that appends to it. Empty where that one ended in good order.
    pub(crate) node: String,
    /// The node that holds it; empty where nobody does.
    pub(crate) holder: String,
    pub(crate) beat: i64,
    pub(crate) end: StreamEnd,
    /// A reader waits until all before this is folded.
    pub(crate) wanted: u64,
}

/// The table of streams.
#[derive(Clone)]
pub(crate) struct StreamTable {
    db: Database,
}

impl StreamTable {
    pub(crate) fn new(db: Database) -> Self {
        Self { db }
    }

    /// Makes `node` the holder of its stream: the one that it had, else one that is free, else a new one.
    pub(crate) fn claim(&self, node: &str, now_ms: i64) -> Result<(Lease, StreamEnd), DbError> {
        let take_back = "UPDATE journal_stream SET holder = $1, epoch = epoch + 1, beat = beat + 1 WHERE node = $1";
        let take_free = "UPDATE journal_stream SET node = $1, holder = $1, epoch = epoch + 1, beat = beat + 1 \
             WHERE holder = '' AND stream = (SELECT MIN(stream) FROM journal_stream \
             WHERE holder = '' AND (node = '' OR received_at < $2))";
        let take_new = "INSERT INTO journal_stream (node, holder, epoch, beat, next, received_at) \
                        VALUES ($1, $1, 1, 1, 1, 0)";
        self.db.write(|tx| {
            let quiet_since = (now_ms - REUSE_AFTER_MS).into();
            if tx.execute(take_back, &[node.into()])? == 0
                && tx.execute(take_free, &[node.into(), quiet_since])? == 0
            {
                tx.execute(take_new, &[node.into()])?;
            }
            let sql = "SELECT stream, epoch, next, received_at FROM journal_stream WHERE node = $1";
            let row = tx.query_first(sql, &[node.into()])?;
            let row = row.ok_or_else(|| DbError::Statement("no stream was taken".to_owned()))?;
            Ok((lease(&row)?, end(&row)?))
        })
    }

    /// Tells the other nodes that `holder` is alive.
    pub(crate) fn beat(&self, holder: &str) -> Result<(), DbError> {
        let sql = "UPDATE journal_stream SET beat = beat + 1 WHERE holder = $1";
        self.db.execute(sql, &[holder.into()]).map(|_| ())
    }

    /// All streams, in the order of their numbers.
    pub(crate) fn look(&self) -> Result<Vec<StreamRow>, DbError> {
        let sql = "SELECT s.stream, s.epoch, s.next, s.received_at, s.node, s.holder, s.beat, w.wanted \
             FROM journal_stream s LEFT JOIN journal_wish w ON w.stream = s.stream ORDER BY s.stream";
        let rows = self.db.read(|tx| tx.query(sql, &[]))?;
        rows.into_iter().map(stream_row).collect()
    }

    /// Makes `holder` the holder of a stream that is as it was looked at; false where it changed since.
    pub(crate) fn adopt(&self, row: &StreamRow, holder: &str) -> Result<bool, DbError> {
        let sql = "UPDATE journal_stream SET holder = $1, epoch = epoch + 1, beat = beat + 1 \
                   WHERE stream = $2 AND epoch = $3 AND beat = $4";
        let values = [
            holder.into(),
            row.lease.stream.into(),
            row.lease.epoch.into(),
            row.beat.into(),
        ];
        Ok(self.db.execute(sql, &values)? == 1)
    }

    /// Lets go of a stream, in its place as long as it is held by this lease. It stays its node's, unless that one ends:
    /// then any node may take it.
    pub(crate) fn release(&self, lease: Lease, node_ends: bool) -> Result<(), DbError> {
        let sql = if node_ends {
            "UPDATE journal_stream SET holder = '', node = '' WHERE stream = $1 AND epoch = $2"
        } else {
            "UPDATE journal_stream SET holder = '' WHERE stream = $1 AND epoch = $2"
        };
        let values = [lease.stream.into(), lease.epoch.into()];
        self.db.execute(sql, &values).map(|_| ())
    }

    /// Asks the holder of a stream to fold all before `wanted` soon.
    pub(crate) fn wish(&self, stream: StreamNo, wanted: u64) -> Result<(), DbError> {
        let sql = "INSERT INTO journal_wish (stream, wanted) VALUES ($1, $2) ON CONFLICT (stream) \
             DO UPDATE SET wanted = excluded.wanted WHERE excluded.wanted > journal_wish.wanted";
        let values = [stream.into(), wanted.cast_signed().into()];
        self.db.execute(sql, &values).map(|_| ())
    }

    pub(crate) fn ends(&self) -> Result<Vec<StreamEnd>, DbError> {
        let sql = "SELECT stream, epoch, next, received_at FROM journal_stream ORDER BY stream";
        let rows = self.db.read(|tx| tx.query(sql, &[]))?;
        rows.iter().map(end).collect()
    }

    /// Puts a stream that was copied from another store behind its last block.
    pub(crate) fn set_end(tx: &mut Tx<'_>, end: StreamEnd) -> Result<(), DbError> {
        let sql = "UPDATE journal_stream SET next = $2, received_at = $3 WHERE stream = $1";
        let values = [
            end.stream.into(),
            end.next.cast_signed().into(),
            end.received_at_ms.into(),
        ];
        tx.execute(sql, &values).map(|_| ())
    }
}

fn lease(row: &Row) -> Result<Lease, DbError> {
    Ok(Lease {
        stream: stream_no(row, 0)?,
        epoch: row.int(1)?,
    })
}

fn end(row: &Row) -> Result<StreamEnd, DbError> {
    Ok(StreamEnd {
        stream: stream_no(row, 0)?,
        next: row.uint(2)?,
        received_at_ms: row.int(3)?,
    })
}

fn stream_row(mut row: Row) -> Result<StreamRow, DbError> {
    Ok(StreamRow {
        lease: lease(&row)?,
        end: end(&row)?,
        node: row.take_text(4)?,
        holder: row.take_text(5)?,
        beat: row.int(6)?,
        wanted: row.opt_int(7)?.unwrap_or(0).cast_unsigned(),
    })
}
