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
use crate::day_tables::table_name;
use crate::store::StreamEnd;

/// Tables of the journal on a shared database: streams, what readers wish to be folded, and days.
pub const SHARED_MIGRATIONS: Migrations = Migrations {
    set: "journal",
    texts: &["CREATE TABLE journal_stream (
        stream {{serial}}, node {{text}} NOT NULL, holder {{text}} NOT NULL, epoch BIGINT NOT NULL,
        beat BIGINT NOT NULL, next BIGINT NOT NULL, heard_at BIGINT NOT NULL);
        CREATE TABLE journal_wish (stream BIGINT NOT NULL PRIMARY KEY, wanted BIGINT NOT NULL);
        CREATE TABLE journal_day (day BIGINT NOT NULL PRIMARY KEY);
        CREATE TABLE journal_views (id BIGINT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, drawn BIGINT NOT NULL);
        INSERT INTO journal_views (id, number, drawn) VALUES (1, 1, 1);
        "],
};

/// The number of the views that all nodes of a shared database serve: each rebuild raises it.
pub fn views_number(db: &Database) -> Result<i64, DbError> {
    let rows = db.query("SELECT number FROM journal_views WHERE id = 1", &[])?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// Draws a number for views that are to be made: none is drawn twice.
pub fn draw_views_number(db: &Database) -> Result<i64, DbError> {
    db.write(|tx| {
        tx.execute(
            "UPDATE journal_views SET drawn = drawn + 1 WHERE id = 1",
            &[],
        )?;
        tx.query_int("SELECT drawn FROM journal_views WHERE id = 1", &[])
    })
}

/// Lets all nodes serve the views of `number` in place of those of `before`; false where another did so first.
pub fn serve_views(db: &Database, before: i64, number: i64) -> Result<bool, DbError> {
    let sql = "UPDATE journal_views SET number = $1 WHERE id = 1 AND number = $2";
    Ok(db.execute(sql, &[number.into(), before.into()])? == 1)
}

/// A stream whose node was not heard of for this long may be given to a new node.
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
    /// Sequence behind its newest entry.
    pub(crate) next: u64,
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

    /// Makes `node` the holder of its stream: the one that it had, else one that is free, else a new one. Tells beside the
    /// lease a sequence that its end is not before.
    pub(crate) fn claim(&self, node: &str, now_ms: i64) -> Result<(Lease, u64), DbError> {
        let take_back = "UPDATE journal_stream SET holder = $1, epoch = epoch + 1, beat = beat + 1, heard_at = $2 \
             WHERE node = $1";
        let take_free = "UPDATE journal_stream SET node = $1, holder = $1, epoch = epoch + 1, beat = beat + 1, heard_at = $2 \
             WHERE holder = '' AND stream = (SELECT MIN(stream) FROM journal_stream \
             WHERE holder = '' AND (node = '' OR heard_at < $3))";
        let take_new = "INSERT INTO journal_stream (node, holder, epoch, beat, next, heard_at) \
                        VALUES ($1, $1, 1, 1, 1, $2)";
        self.db.write(|tx| {
            let quiet_since = (now_ms - REUSE_AFTER_MS).into();
            if tx.execute(take_back, &[node.into(), now_ms.into()])? == 0
                && tx.execute(take_free, &[node.into(), now_ms.into(), quiet_since])? == 0
            {
                tx.execute(take_new, &[node.into(), now_ms.into()])?;
            }
            let sql = "SELECT stream, epoch, next FROM journal_stream WHERE node = $1";
            let row = tx.query_first(sql, &[node.into()])?;
            let row = row.ok_or_else(|| DbError::Statement("no stream was taken".to_owned()))?;
            let lease = Lease {
                stream: stream_no(&row, 0)?,
                epoch: row.int(1)?,
            };
            Ok((lease, row.uint(2)?))
        })
    }

    /// Tells the other nodes that `holder` is alive, and how far `own`, the stream that it appends to, goes at least.
    pub(crate) fn beat(
        &self,
        holder: &str,
        (own, next): (StreamNo, u64),
        now_ms: i64,
    ) -> Result<(), DbError> {
        let sql = "UPDATE journal_stream SET beat = beat + 1, heard_at = $2, \
             next = CASE WHEN stream = $3 AND next < $4 THEN $4 ELSE next END WHERE holder = $1";
        let values = [
            holder.into(),
            now_ms.into(),
            own.into(),
            next.cast_signed().into(),
        ];
        self.db.execute(sql, &values).map(|_| ())
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

    /// Lets go of a stream that ends before `next`, where it is held by this lease. It stays its node's, unless that one
    /// ends: then any node may take it.
    pub(crate) fn release(&self, lease: Lease, next: u64, node_ends: bool) -> Result<(), DbError> {
        let sql = "UPDATE journal_stream SET holder = '', node = CASE WHEN $4 = 1 THEN '' ELSE node END, \
             next = CASE WHEN next < $3 THEN $3 ELSE next END WHERE stream = $1 AND epoch = $2";
        let values = [
            lease.stream.into(),
            lease.epoch.into(),
            next.cast_signed().into(),
            node_ends.into(),
        ];
        self.db.execute(sql, &values).map(|_| ())
    }

    /// Asks the holder of a stream to fold all before `wanted` soon.
    pub(crate) fn wish(&self, stream: StreamNo, wanted: u64) -> Result<(), DbError> {
        let sql = "INSERT INTO journal_wish (stream, wanted) VALUES ($1, $2) ON CONFLICT (stream) \
             DO UPDATE SET wanted = excluded.wanted WHERE excluded.wanted > journal_wish.wanted";
        let values = [stream.into(), wanted.cast_signed().into()];
        self.db.execute(sql, &values).map(|_| ())
    }

    /// Puts a stream that was copied from another store behind its last block.
    pub(crate) fn set_end(tx: &mut Tx<'_>, end: StreamEnd) -> Result<(), DbError> {
        let sql = "UPDATE journal_stream SET next = $2 WHERE stream = $1";
        let values = [end.stream.into(), end.next.cast_signed().into()];
        tx.execute(sql, &values).map(|_| ())
    }
}

/// The newest days that have blocks, two at most, the newest first: a stream ends behind its newest block there, or where it
/// has none where its holder said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewestDays(Vec<i64>);

impl NewestDays {
    pub(crate) fn look(tx: &mut Tx<'_>) -> Result<Self, DbError> {
        let rows = tx.query("SELECT day FROM journal_day ORDER BY day DESC LIMIT 2", &[])?;
        rows.iter()
            .map(|row| row.int(0))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The columns that tell where a stream ends, as [`Self::end`] reads them, beside its `next`: `s` is the table of
    /// streams, and `qualifier` stands before the names of the journal's tables.
    fn ends(&self, qualifier: &str) -> String {
        // Two whatever there are, so that what stands behind them has its place.
        let day = |place: usize| {
            format!(
                "(SELECT d.day FROM {qualifier}journal_day d ORDER BY d.day DESC LIMIT 1 OFFSET {place})"
            )
        };
        let end = |place: usize| match self.0.get(place) {
            Some(day) => format!(
                "(SELECT b.first + b.count FROM {qualifier}{} b WHERE b.stream = s.stream ORDER BY b.first DESC LIMIT 1)",
                table_name(*day)
            ),
            None => "0".to_owned(),
        };
        [day(0), day(1), end(0), end(1)].join(", ")
    }

    /// Where the stream of a row ends, whose first columns are its number, `next` and [`Self::ends`]; `None` where these
    /// are not the newest days any more.
    fn end(&self, row: &Row) -> Result<Option<StreamEnd>, DbError> {
        let days = [row.opt_int(2)?, row.opt_int(3)?];
        if !self.0.iter().copied().eq(days.into_iter().flatten()) {
            return Ok(None);
        }
        let behind = |column| Ok::<_, DbError>(row.opt_int(column)?.unwrap_or(0).cast_unsigned());
        Ok(Some(StreamEnd {
            next: row.uint(1)?.max(behind(4)?).max(behind(5)?),
            ..StreamEnd::empty(stream_no(row, 0)?)
        }))
    }

    /// A query for all streams, in the order of their numbers. [`Self::streams`] reads its rows.
    pub(crate) fn streams_sql(&self) -> String {
        let ends = self.ends("");
        format!(
            "SELECT s.stream, s.next, {ends}, s.epoch, s.node, s.holder, s.beat, w.wanted \
             FROM journal_stream s LEFT JOIN journal_wish w ON w.stream = s.stream ORDER BY s.stream"
        )
    }

    /// All streams; `None` where these are not the newest days any more.
    pub(crate) fn streams(&self, rows: Vec<Row>) -> Result<Option<Vec<StreamRow>>, DbError> {
        let rows = rows.into_iter();
        rows.map(|row| stream_row(row, self)).collect()
    }

    /// A query for a store of views in the journal's own database: which streams but `own` end behind what all of `views`
    /// have folded of them. [`Self::ahead`] reads its rows.
    pub(crate) fn ahead_sql(&self, qualifier: &str, own: StreamNo, views: &[&str]) -> String {
        let (ends, count) = (self.ends(qualifier), views.len());
        // Names of views are words of this program.
        let views = views.join("', '");
        format!(
            "SELECT s.stream, s.next, {ends}, (SELECT CASE WHEN COUNT(*) = {count} THEN MIN(p.next) ELSE 1 END \
             FROM view_position p WHERE p.stream = s.stream AND p.view IN ('{views}')) \
             FROM {qualifier}journal_stream s WHERE s.stream <> {own}"
        )
    }

    /// The ends of the streams that are not folded to it, and what they are folded to; `None` where these are not the newest
    /// days any more.
    pub(crate) fn ahead(&self, rows: &[Row]) -> Result<Option<Vec<(StreamEnd, u64)>>, DbError> {
        let mut ahead = Vec::new();
        for row in rows {
            let Some(end) = self.end(row)? else {
                return Ok(None);
            };
            let folded = row.uint(6)?;
            if folded < end.next {
                ahead.push((end, folded));
            }
        }
        Ok(Some(ahead))
    }
}

fn stream_row(mut row: Row, newest: &NewestDays) -> Result<Option<StreamRow>, DbError> {
    let Some(end) = newest.end(&row)? else {
        return Ok(None);
    };
    Ok(Some(StreamRow {
        lease: Lease {
            stream: end.stream,
            epoch: row.int(6)?,
        },
        next: end.next,
        node: row.take_text(7)?,
        holder: row.take_text(8)?,
        beat: row.int(9)?,
        wanted: row.opt_int(10)?.unwrap_or(0).cast_unsigned(),
    }))
}
