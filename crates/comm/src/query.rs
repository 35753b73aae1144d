//! Reads of the views: what a call costs depends on what it shows, never on how many reports are behind it.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use reportd_db::{DbError, Tx, Value};
use reportd_journal::{Block, Cursor, Journal, JournalError, LOCAL_STREAM, Scan, filter_key};
use reportd_platform::AppNo;
use reportd_platform::clock::DAY_MS;
use reportd_platform::zones::{day_text, hour_text};
use reportd_protocol::comm::{Field, Item};

use crate::counts::{field_number, series_id};
use crate::entry::Decoder;
use crate::intake::{filter_field, scan_key};

/// The width of a point of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Hour,
    Day,
}

impl Step {
    /// The steps of the days from `from` to `to`, both included.
    fn range(self, from: i64, to: i64) -> std::ops::RangeInclusive<i64> {
        match self {
            Self::Hour => from * 24..=to * 24 + 23,
            Self::Day => from..=to,
        }
    }

    /// The columns that hold the counts of a day by this step.
    fn columns(self) -> String {
        match self {
            Self::Hour => (0..24)
                .map(|hour| format!("h{hour}"))
                .collect::<Vec<_>>()
                .join(", "),
            Self::Day => "n".to_owned(),
        }
    }

    pub(crate) fn text(self, at: i64) -> String {
        match self {
            Self::Hour => hour_text(at),
            Self::Day => day_text(at),
        }
    }
}

/// What a series is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesQuery {
    pub(crate) app: AppNo,
    pub(crate) oper_id: i64,
    /// First and last day, both included.
    pub(crate) days: (i64, i64),
    pub(crate) step: Step,
    pub(crate) by: Option<Field>,
    pub(crate) top: i64,
}

/// One line of a series: the value it is for, its sum, and a count for every step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) key: Option<String>,
    pub(crate) total: i64,
    pub(crate) points: Vec<(i64, i64)>,
}

/// A series: the sum of all, the greatest lines, and the sum of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) total: i64,
    pub(crate) lines: Vec<Line>,
    pub(crate) others: i64,
}

pub(crate) fn series(tx: &mut Tx<'_>, query: &SeriesQuery) -> Result<Series, DbError> {
    let empty = |key| Line {
        key,
        total: 0,
        points: query
            .step
            .range(query.days.0, query.days.1)
            .map(|at| (at, 0))
            .collect(),
    };
    let Some(id) = series_id(
        tx,
        (query.app, query.oper_id, query.by.map_or(0, field_number)),
    )?
    else {
        let lines = if query.by.is_none() {
            vec![empty(None)]
        } else {
            Vec::new()
        };
        return Ok(Series {
            total: 0,
            lines,
            others: 0,
        });
    };
    let range = [id.into(), query.days.0.into(), query.days.1.into()];
    if query.by.is_none() {
        let mut line = empty(None);
        fill(tx, query, &range, &mut [&mut line], |_| Some(0))?;
        return Ok(Series {
            total: line.total,
            lines: vec![line],
            others: 0,
        });
    }
    let sql = "SELECT CAST(SUM(n) AS BIGINT) FROM comm_count WHERE series = $1 AND day >= $2 AND day <= $3";
    let total = tx.query_int(sql, &range)?;
    let mut lines: Vec<Line> = top_values(tx, query, &range)?
        .into_iter()
        .map(|value| empty(Some(value)))
        .collect();
    let place: HashMap<String, usize> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((line.key.clone()?, at)))
        .collect();
    fill(
        tx,
        query,
        &range,
        &mut lines.iter_mut().collect::<Vec<_>>(),
        |value| place.get(value).copied(),
    )?;
    let others = total - lines.iter().map(|line| line.total).sum::<i64>();
    Ok(Series {
        total,
        lines,
        others,
    })
}

/// Adds the counts of the rows in `range` to their lines.
fn fill(
    tx: &mut Tx<'_>,
    query: &SeriesQuery,
    range: &[Value<'_>; 3],
    lines: &mut [&mut Line],
    place: impl Fn(&str) -> Option<usize>,
) -> Result<(), DbError> {
    let keys: Vec<String> = lines.iter().filter_map(|line| line.key.clone()).collect();
    let places: Vec<String> = (0..keys.len()).map(|at| format!("${}", at + 4)).collect();
    let only = if keys.is_empty() {
        String::new()
    } else {
        format!(" AND value IN ({})", places.join(", "))
    };
    let sql = format!(
        "SELECT day, value, {} FROM comm_count WHERE series = $1 AND day >= $2 AND day <= $3{only}",
        query.step.columns()
    );
    let values: Vec<_> = range
        .iter()
        .copied()
        .chain(keys.iter().map(Into::into))
        .collect();
    for mut row in tx.query(&sql, &values)? {
        let (day, value) = (row.int(0)?, row.take_text(1)?);
        let Some(line) = place(&value).and_then(|at| lines.get_mut(at)) else {
            continue;
        };
        let steps = query.step.range(day, day);
        for (column, at) in (2..).zip(steps) {
            let n = row.int(column)?;
            let first = line.points.first().map_or(at, |(first, _)| *first);
            if let Some((_, count)) = usize::try_from(at - first)
                .ok()
                .and_then(|index| line.points.get_mut(index))
            {
                *count += n;
                line.total += n;
            }
        }
    }
    Ok(())
}

/// The values with the greatest sums; ties in the order of the values.
fn top_values(
    tx: &mut Tx<'_>,
    query: &SeriesQuery,
    range: &[Value<'_>; 3],
) -> Result<Vec<String>, DbError> {
    let sql = "SELECT value FROM comm_count WHERE series = $1 AND day >= $2 AND day <= $3 \
               GROUP BY value ORDER BY SUM(n) DESC, value LIMIT $4";
    let values: Vec<_> = range.iter().copied().chain([query.top.into()]).collect();
    tx.query(sql, &values)?
        .into_iter()
        .map(|mut row| row.take_text(0))
        .collect()
}

/// The census of a day.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Census {
    /// (gid, subscriptions), by gid.
    pub(crate) list: Vec<(i64, i64)>,
    /// Groups that the day before did not have; none where it had no census.
    pub(crate) gained: Option<Vec<i64>>,
    /// Groups that only the day before had.
    pub(crate) lost: Option<Vec<i64>>,
}

pub(crate) fn census(
    tx: &mut Tx<'_>,
    app: AppNo,
    oper_id: i64,
    day: i64,
) -> Result<Census, DbError> {
    let mut of = |day: i64| -> Result<Vec<(i64, i64)>, DbError> {
        let sql = "SELECT gid, subscriptions FROM comm_census WHERE app = $1 AND oper_id = $2 AND day = $3 ORDER BY gid";
        let rows = tx.query(sql, &[app.into(), oper_id.into(), day.into()])?;
        rows.into_iter()
            .map(|row| Ok((row.int(0)?, row.int(1)?)))
            .collect()
    };
    let (list, before) = (of(day)?, of(day - 1)?);
    if before.is_empty() {
        return Ok(Census {
            list,
            gained: None,
            lost: None,
        });
    }
    let minus = |these: &[(i64, i64)], those: &[(i64, i64)]| {
        let those: HashSet<i64> = those.iter().map(|(gid, _)| *gid).collect();
        these
            .iter()
            .map(|(gid, _)| *gid)
            .filter(|gid| !those.contains(gid))
            .collect::<Vec<_>>()
    };
    Ok(Census {
        gained: Some(minus(&list, &before)),
        lost: Some(minus(&before, &list)),
        list,
    })
}

/// What raw reports are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportsQuery {
    pub(crate) app: AppNo,
    pub(crate) oper_id: Option<i64>,
    pub(crate) gid: Option<i64>,
    pub(crate) target_id: Option<String>,
    /// First and last day of `ts` in the app's zone, both included.
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Cursor>,
}

/// No zone is further from UTC than this.
const MOST_OFFSET_MS: i64 = 15 * 3_600_000;

impl ReportsQuery {
    fn scan(&self) -> Scan {
        let app = filter_key(self.app, filter_field::APP, b"");
        let oper_id = self
            .oper_id
            .map(|id| filter_key(self.app, filter_field::OPER_ID, &id.to_le_bytes()));
        let gid = self
            .gid
            .and_then(|gid| scan_key(self.app, Field::Gid, &gid.to_string()));
        let target_id = self
            .target_id
            .as_deref()
            .and_then(|id| scan_key(self.app, Field::TargetId, id));
        Scan {
            keys: [Some(app), oper_id, gid, target_id]
                .into_iter()
                .flatten()
                .collect(),
            from_ts_ms: self.from.map(|day| day * DAY_MS - MOST_OFFSET_MS),
            to_ts_ms: self.to.map(|day| (day + 1) * DAY_MS + MOST_OFFSET_MS),
            cursor: self.cursor,
        }
    }

    fn wants(&self, item: &Item<'_>) -> bool {
        self.oper_id.is_none_or(|id| item.oper_id == id)
            && self.gid.is_none_or(|gid| item.gid == Some(gid))
            && self
                .target_id
                .as_deref()
                .is_none_or(|id| item.target_id.as_deref() == Some(id))
    }

    fn wants_day(&self, day: i64) -> bool {
        self.from.is_none_or(|from| day >= from) && self.to.is_none_or(|to| day <= to)
    }
}

/// A raw report.
pub(crate) struct FoundReport<'a> {
    pub(crate) received_at_ms: i64,
    pub(crate) ts_ms: i64,
    pub(crate) item: Item<'a>,
}

/// Shows raw reports to `visit`, newest first, and returns where to go on. Blocks the thread.
pub(crate) fn reports(
    journal: &Journal,
    views: &reportd_db::Database,
    query: &ReportsQuery,
    mut visit: impl FnMut(FoundReport<'_>),
) -> Result<Option<Cursor>, JournalError> {
    let mut shown = 0;
    let mut failed = None;
    let next = journal.scan(&query.scan(), |block| match repeats_in(views, block) {
        Ok(repeats) => visit_block(block, &repeats, query, &mut shown, &mut visit),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(Cursor {
                sequence: 0,
                item: 0,
            })
        }
    });
    failed.map_or(next, |error| Err(error.into()))
}

fn repeats_in(views: &reportd_db::Database, block: &Block) -> Result<HashSet<u64>, DbError> {
    let sql =
        "SELECT sequence FROM comm_repeat WHERE stream = $1 AND sequence >= $2 AND sequence < $3";
    let range = [
        LOCAL_STREAM.into(),
        block.first.cast_signed().into(),
        block.end().cast_signed().into(),
    ];
    views.read(|tx| {
        tx.query(sql, &range)?
            .into_iter()
            .map(|row| row.uint(0))
            .collect()
    })
}

fn visit_block(
    block: &Block,
    repeats: &HashSet<u64>,
    query: &ReportsQuery,
    shown: &mut usize,
    visit: &mut impl FnMut(FoundReport<'_>),
) -> ControlFlow<Cursor> {
    let entries: Vec<_> = block
        .entries()
        .filter(|entry| {
            entry.kind == crate::KIND
                && entry.app == query.app
                && !repeats.contains(&entry.sequence)
        })
        .collect();
    for entry in entries.into_iter().rev() {
        let left = match query.cursor {
            Some(cursor) if entry.sequence > cursor.sequence => continue,
            Some(cursor) if entry.sequence == cursor.sequence => cursor.item,
            _ => u64::MAX,
        };
        let Some(decoder) = Decoder::new(entry.payload) else {
            continue;
        };
        if !query.wants_day(decoder.head.day()) {
            continue;
        }
        let mut items = Vec::new();
        // A block that was unpacked passed its checksum: its entries read whole.
        let _ = decoder.items(|_, item| items.push(item));
        for (index, item) in items
            .into_iter()
            .enumerate()
            .rev()
            .map(|(index, item)| (index as u64, item))
        {
            if index >= left || !query.wants(&item) {
                continue;
            }
            if *shown == query.limit {
                return ControlFlow::Break(Cursor {
                    sequence: entry.sequence,
                    item: index + 1,
                });
            }
            *shown += 1;
            visit(FoundReport {
                received_at_ms: entry.received_at_ms,
                ts_ms: decoder.head.ts_ms,
                item,
            });
        }
    }
    ControlFlow::Continue(())
}

/// Two operations side by side.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) totals: (i64, i64),
    pub(crate) rows: Vec<PairRow>,
}

/// A day, or a value of a dimension.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PairRow {
    pub(crate) key: String,
    pub(crate) counts: (i64, i64),
}

/// Two series side by side: by day, or by the values that are among the greatest of either.
pub(crate) fn pair(
    tx: &mut Tx<'_>,
    left: &SeriesQuery,
    right: &SeriesQuery,
) -> Result<Pair, DbError> {
    let (first, second) = (series(tx, left)?, series(tx, right)?);
    let totals = (first.total, second.total);
    if left.by.is_none() {
        let points = |series: &Series| {
            series
                .lines
                .first()
                .map(|line| line.points.clone())
                .unwrap_or_default()
        };
        let rows = points(&first)
            .into_iter()
            .zip(points(&second))
            .map(|((at, a), (_, b))| PairRow {
                key: left.step.text(at),
                counts: (a, b),
            })
            .collect();
        return Ok(Pair { totals, rows });
    }
    let keys: HashSet<&String> = first
        .lines
        .iter()
        .chain(&second.lines)
        .filter_map(|line| line.key.as_ref())
        .collect();
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        let counts = (sum_of(tx, left, key)?, sum_of(tx, right, key)?);
        rows.push(PairRow {
            key: key.clone(),
            counts,
        });
    }
    rows.sort_by(|a, b| {
        (b.counts.0 + b.counts.1)
            .cmp(&(a.counts.0 + a.counts.1))
            .then_with(|| a.key.cmp(&b.key))
    });
    rows.truncate(usize::try_from(left.top).unwrap_or(0));
    Ok(Pair { totals, rows })
}

fn sum_of(tx: &mut Tx<'_>, query: &SeriesQuery, value: &str) -> Result<i64, DbError> {
    let Some(id) = series_id(
        tx,
        (query.app, query.oper_id, query.by.map_or(0, field_number)),
    )?
    else {
        return Ok(0);
    };
    let sql = "SELECT CAST(SUM(n) AS BIGINT) FROM comm_count \
               WHERE series = $1 AND day >= $2 AND day <= $3 AND value = $4";
    tx.query_int(
        sql,
        &[
            id.into(),
            query.days.0.into(),
            query.days.1.into(),
            value.into(),
        ],
    )
}
