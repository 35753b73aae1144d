//! Rows that are not folded yet, as counts.

use reportd_db::{DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_platform::clock::DAY_MS;
use reportd_platform::directory::Snapshot;

use super::figure::{CountKey, Counts, Figure, count};
use super::spread::bucket;

/// Rows of a table that are taken at once.
const MOST_ROWS: i64 = 5_000;

/// Up to where rows are folded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The last report.
    pub(crate) report: i64,
    /// The last record of the audit trail.
    pub(crate) audit: i64,
    /// The time, in ms, up to which deliveries had ended.
    pub(crate) delivery: i64,
}

/// What was found behind the marks.
pub(super) struct Gathered {
    /// It, counted.
    pub(super) counts: Counts,
    /// Up to where it goes.
    pub(super) marks: Marks,
    /// There may be more behind it.
    pub(super) has_more: bool,
}

/// The marks as they stand.
pub(crate) fn marks(tx: &mut Tx<'_>) -> Result<Marks, DbError> {
    let sql = "SELECT report, audit, delivery FROM dialogue_count_mark WHERE id = 1";
    let Some(row) = tx.query_first(sql, &[])? else {
        return Ok(Marks::default());
    };
    Ok(Marks {
        report: row.int(0)?,
        audit: row.int(1)?,
        delivery: row.int(2)?,
    })
}

/// Gathers rows behind `marks` up to the first one that is later than `until_ms`. Rows are numbered when they are written and
/// seen when they are committed: those of the last seconds may still have a gap before them that a transaction is about to
/// fill.
pub(super) fn gather(
    tx: &mut Tx<'_>,
    directory: &Snapshot,
    marks: Marks,
    until_ms: i64,
) -> Result<Gathered, DbError> {
    let mut gathering = Gathering {
        directory,
        until_ms,
        found: Gathered {
            counts: Counts::new(),
            marks,
            has_more: false,
        },
    };
    let (reports, records) = (reports_sql(), records_sql());
    let after_report = [marks.report.into(), MOST_ROWS.into(), until_ms.into()];
    let after_record = [marks.audit.into(), MOST_ROWS.into(), until_ms.into()];
    let ended = [marks.delivery.into(), MOST_ROWS.into(), until_ms.into()];
    let told = tx.query_each(&[
        (&reports, &after_report),
        (&records, &after_record),
        (DELIVERIES, &ended),
    ])?;
    let mut told = told.into_iter();
    let mut next = || told.next().unwrap_or_default();
    gathering.reports(next())?;
    gathering.records(next())?;
    gathering.deliveries(next())?;
    Ok(gathering.found)
}

fn reports_sql() -> String {
    let settled = settled("dialogue_report", "received_at");
    format!(
        "SELECT a.id, a.received_at, a.app FROM dialogue_report a WHERE {settled} ORDER BY a.id LIMIT $2"
    )
}

/// Records, and whether a record is the first of its kind of its ticket: one before which there is neither such a record nor a
/// verdict, since records go when they are old. A ticket that is claimed and released again and again costs no more a record
/// than any other: the first record of its kind is found at once.
fn records_sql() -> String {
    let settled = settled("dialogue_audit", "at");
    format!(
        "SELECT a.id, a.at, a.app, a.action, a.actor, t.received_at, CASE WHEN \
         EXISTS (SELECT 1 FROM dialogue_verdict v WHERE v.ticket = a.ticket AND v.judged_at < a.at) OR \
         EXISTS (SELECT 1 FROM dialogue_audit b WHERE b.ticket = a.ticket AND b.id < a.id AND b.action = a.action) \
         THEN 0 ELSE 1 END \
         FROM dialogue_audit a LEFT JOIN dialogue_ticket t ON t.id = a.ticket WHERE {settled} ORDER BY a.id LIMIT $2"
    )
}

/// Deliveries that ended behind $1 and up to $3, $2 of them.
const DELIVERIES: &str = "SELECT done_at, app, state, created_at FROM dialogue_delivery WHERE done_at > $1 AND done_at <= $3 \
     ORDER BY done_at LIMIT $2";

struct Gathering<'a> {
    directory: &'a Snapshot,
    until_ms: i64,
    found: Gathered,
}

impl Gathering<'_> {
    fn reports(&mut self, rows: Vec<Row>) -> Result<(), DbError> {
        let is_full = is_full(&rows);
        for row in rows {
            let (id, at_ms, app) = (row.int(0)?, row.int(1)?, row.int(2)?);
            self.found.marks.report = id;
            self.count(app, at_ms, Figure::Received, "");
        }
        self.found.has_more |= is_full;
        Ok(())
    }

    /// What moderators did, and how long the first claim and the first verdict of a ticket took.
    fn records(&mut self, rows: Vec<Row>) -> Result<(), DbError> {
        let is_full = is_full(&rows);
        for mut row in rows {
            let (id, at_ms, app) = (row.int(0)?, row.int(1)?, row.int(2)?);
            self.found.marks.audit = id;
            let (figure, latency) = match &*row.take_text(3)? {
                "claimed" => (Figure::Claimed, Some(Figure::ClaimLatency)),
                "judged" => (Figure::Judged, Some(Figure::VerdictLatency)),
                "undone" => (Figure::Undone, None),
                "reopened" => (Figure::Reopened, None),
                _ => continue,
            };
            self.count(app, at_ms, figure, &row.take_text(4)?);
            let is_first = row.int(6)? == 1;
            if let (Some(latency), Some(received_ms), true) = (latency, row.opt_int(5)?, is_first) {
                self.took(app, at_ms, latency, at_ms - received_ms);
            }
        }
        self.found.has_more |= is_full;
        Ok(())
    }

    fn deliveries(&mut self, mut rows: Vec<Row>) -> Result<(), DbError> {
        let Some(last) = rows.last() else {
            return Ok(());
        };
        let mut to_ms = self.until_ms;
        if is_full(&rows) {
            // The last millisecond may go on behind the last row: it comes with the next ones.
            let last_ms = last.int(0)?;
            rows.retain(|row| row.int(0).is_ok_and(|at_ms| at_ms < last_ms));
            to_ms = last_ms - 1;
            self.found.has_more = true;
        }
        for row in rows {
            let (at_ms, app, created_ms) = (row.int(0)?, row.int(1)?, row.int(3)?);
            match row.int(2)? {
                1 => {
                    self.count(app, at_ms, Figure::Delivered, "");
                    self.took(app, at_ms, Figure::DeliveryLatency, at_ms - created_ms);
                }
                2 => self.count(app, at_ms, Figure::Failed, ""),
                _ => {}
            }
        }
        self.found.marks.delivery = to_ms;
        Ok(())
    }

    fn took(&mut self, app: i64, at_ms: i64, figure: Figure, took_ms: i64) {
        self.count(app, at_ms, figure, &bucket(took_ms).to_string());
    }

    fn count(&mut self, app: i64, at_ms: i64, figure: Figure, part: &str) {
        let key = self.key(app, at_ms, figure, part);
        count(&mut self.found.counts, key);
    }

    fn key(&self, app: i64, at_ms: i64, figure: Figure, part: &str) -> CountKey {
        let day = day_of(self.directory, app, at_ms);
        (app, day, figure, part.to_owned())
    }
}

/// The day of a time, in the app's zone.
pub(super) fn day_of(directory: &Snapshot, app: i64, at_ms: i64) -> i64 {
    let known = AppNo::try_from(app).ok();
    let known = known.and_then(|no| directory.app_of_no(no));
    known.map_or(at_ms.div_euclid(DAY_MS), |app| app.zone.day(at_ms))
}

/// That a row, `a`, stands behind the mark $1 and, of the $2 that do, before the first one that is later than $3: the others
/// are not read at every fold until they have settled.
fn settled(table: &str, time: &str) -> String {
    format!(
        "a.id > $1 AND a.id < COALESCE((SELECT MIN(n.id) FROM (SELECT id, {time} FROM {table} WHERE id > $1 ORDER BY id LIMIT $2) n \
         WHERE n.{time} > $3), 9223372036854775807)"
    )
}

fn is_full(rows: &[Row]) -> bool {
    i64::try_from(rows.len()).is_ok_and(|count| count >= MOST_ROWS)
}
