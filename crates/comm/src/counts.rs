//! What a batch adds to the counts, summed up in memory before a row is touched.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::comm::{Field, Item, Kind};
use sha2::{Digest, Sha256};

use crate::entry::{Decoder, Head, OperationForm};
use crate::schema::{CENSUS, COUNT, COUNT_ALL_HOURS};

/// App, operation, and the number of a field (see [`field_number`]).
pub(crate) type SeriesKey = (AppNo, i64, u8);

/// Rows that one statement is given: few enough to stay in the processor's cache.
const ROWS_AT_ONCE: usize = 256;

/// The ids of series, as the store numbers them.
#[derive(Debug, Default)]
pub(crate) struct SeriesIds {
    known: HashMap<SeriesKey, i64, RandomState>,
    /// Learnt in a transaction that is not committed yet.
    learnt: HashMap<SeriesKey, i64, RandomState>,
}

impl SeriesIds {
    /// A new transaction begins: what the last one learnt stands if it was committed.
    pub(crate) fn begin(&mut self) {
        self.learnt.clear();
    }

    /// The transaction was committed.
    pub(crate) fn committed(&mut self) {
        self.known.extend(self.learnt.drain());
    }

    /// Finds the id of a series, and makes one where it has none.
    fn learn(&mut self, tx: &mut Tx<'_>, key: SeriesKey) -> Result<(), DbError> {
        if self.known.contains_key(&key) || self.learnt.contains_key(&key) {
            return Ok(());
        }
        let (app, oper_id, field) = key;
        let values = [app.into(), oper_id.into(), u32::from(field).into()];
        let sql = "INSERT INTO comm_series (app, oper_id, field) VALUES ($1, $2, $3) \
                   ON CONFLICT (app, oper_id, field) DO NOTHING";
        tx.execute(sql, &values)?;
        self.learnt
            .insert(key, series_id(tx, key)?.ok_or_else(no_id)?);
        Ok(())
    }

    fn id(&self, key: SeriesKey) -> Result<i64, DbError> {
        self.known
            .get(&key)
            .or_else(|| self.learnt.get(&key))
            .copied()
            .ok_or_else(no_id)
    }
}

fn no_id() -> DbError {
    DbError::Statement("a series has no id".to_owned())
}

/// The id of a series, where it has counts.
pub(crate) fn series_id(
    tx: &mut Tx<'_>,
    (app, oper_id, field): SeriesKey,
) -> Result<Option<i64>, DbError> {
    let sql = "SELECT id FROM comm_series WHERE app = $1 AND oper_id = $2 AND field = $3";
    let row = tx.query_first(sql, &[app.into(), oper_id.into(), u32::from(field).into()])?;
    row.map(|row| row.int(0)).transpose()
}

/// The number of a field in a series: 0 is the total.
pub(crate) fn field_number(field: Field) -> u8 {
    u8::try_from(field.index() + 1).unwrap_or(u8::MAX)
}

/// A value of a dimension; numbers become text only when they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cell<'a> {
    Total,
    Number(i64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Total => Cow::Borrowed(""),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => key_text(text),
        }
    }
}

/// A value as it stands in a key. A long one is cut, with a hash of the whole behind it: keys of a database are limited,
/// and values that differ stay apart.
fn key_text(text: &str) -> Cow<'_, str> {
    const MOST_BYTES: usize = 256;
    const KEPT_BYTES: usize = 200;
    if text.len() <= MOST_BYTES {
        return Cow::Borrowed(text);
    }
    let hash: String = Sha256::digest(text.as_bytes())
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Cow::Owned(format!(
        "{}… {hash}",
        &text[..text.floor_char_boundary(KEPT_BYTES)]
    ))
}

/// A group in a census: its key, its order among the day's reports of it, and what it says.
struct CensusRow<'a> {
    app: AppNo,
    oper_id: i64,
    day: i64,
    gid: i64,
    ts_ms: i64,
    hash: &'a [u8],
    item: i64,
    subscriptions: i64,
}

/// What a batch adds to an hour of a value of a series. The order is that of keys.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sum<'a> {
    series: i64,
    day: i64,
    value: Cow<'a, str>,
    /// Local, 0 to 23.
    hour: usize,
    n: i64,
}

impl Sum<'_> {
    fn row(&self) -> (i64, i64, &str) {
        (self.series, self.day, &self.value)
    }
}

/// Writes a part of the rows, each with its sums by hour. Nearly always all are of one hour: then that hour's column is
/// written alone; else all hours of a row at once, since a statement for each hour would touch the row as often.
fn write_part(tx: &mut Tx<'_>, part: &[&[Sum<'_>]]) -> Result<(), DbError> {
    let mut hours = part.iter().flat_map(|row| row.iter().map(|sum| sum.hour));
    let Some(first) = hours.next() else {
        return Ok(());
    };
    if hours.all(|hour| hour == first) {
        let sums = part.iter().filter_map(|row| row.first());
        let mut rows: Vec<[Value<'_>; 5]> = sums
            .map(|sum| {
                let (series, day, value) = sum.row();
                [
                    series.into(),
                    day.into(),
                    value.into(),
                    sum.n.into(),
                    sum.n.into(),
                ]
            })
            .collect();
        return tx.upsert(&COUNT[first], &mut rows);
    }
    let mut rows: Vec<_> = part.iter().filter_map(|row| all_hours(row)).collect();
    tx.upsert(&COUNT_ALL_HOURS, &mut rows)
}

/// A row with all its hours.
fn all_hours<'r>(sums: &'r [Sum<'_>]) -> Option<[Value<'r>; 28]> {
    let (series, day, value) = sums.first()?.row();
    let mut row = [Value::Int(0); 28];
    row[..3].copy_from_slice(&[series.into(), day.into(), value.into()]);
    row[3] = sums.iter().map(|sum| sum.n).sum::<i64>().into();
    for sum in sums {
        row[4 + sum.hour] = sum.n.into();
    }
    Some(row)
}

/// What a batch adds.
#[derive(Default)]
pub(crate) struct Counts<'a> {
    /// (series, local hour, value) → reports.
    hours: HashMap<(SeriesKey, i64, Cell<'a>), i64, RandomState>,
    census: Vec<CensusRow<'a>>,
}

impl<'a> Counts<'a> {
    /// Adds the reports of an entry; `None` where its bytes end too soon.
    pub(crate) fn add(&mut self, app: AppNo, entry: &Decoder<'a>) -> Option<()> {
        let hour = entry.head.local_hour();
        let mut index = 0;
        entry.items(|form, item| {
            self.count(app, form, hour, &item);
            if form.kind == Kind::Snapshot {
                self.census
                    .extend(census_row(app, form, &entry.head, &item, index));
            }
            index += 1;
        })
    }

    fn count(&mut self, app: AppNo, form: &OperationForm, hour: i64, item: &Item<'a>) {
        let mut add = |field: u8, cell| {
            *self
                .hours
                .entry(((app, form.oper_id, field), hour, cell))
                .or_default() += 1;
        };
        add(0, Cell::Total);
        let mut left = form.dimensions;
        while left != 0 {
            let index = left.trailing_zeros();
            left &= left - 1;
            let Some(&field) = Field::ALL.get(index as usize) else {
                continue;
            };
            if let Some(cell) = cell(item, field) {
                add(field_number(field), cell);
            }
        }
    }

    /// Writes the sums.
    pub(crate) fn write(self, tx: &mut Tx<'_>, ids: &mut SeriesIds) -> Result<(), DbError> {
        // In the order of keys throughout: writers on two nodes must never wait for each other in a circle.
        let mut series: Vec<SeriesKey> = self.hours.keys().map(|(series, _, _)| *series).collect();
        series.sort_unstable();
        series.dedup();
        for key in series {
            ids.learn(tx, key)?;
        }
        let mut sums = Vec::with_capacity(self.hours.len());
        for ((series, hour, cell), n) in self.hours {
            sums.push(Sum {
                series: ids.id(series)?,
                day: hour.div_euclid(24),
                value: cell.text(),
                hour: usize::try_from(hour.rem_euclid(24)).unwrap_or(0),
                n,
            });
        }
        sums.sort_unstable();
        let rows: Vec<&[Sum<'_>]> = sums.chunk_by(|a, b| a.row() == b.row()).collect();
        for part in rows.chunks(ROWS_AT_ONCE) {
            write_part(tx, part)?;
        }
        let mut census: Vec<_> = self.census.iter().map(CensusRow::values).collect();
        tx.upsert(&CENSUS, &mut census)
    }
}

impl<'a> CensusRow<'a> {
    fn values(&self) -> [Value<'a>; 8] {
        [
            self.app.into(),
            self.oper_id.into(),
            self.day.into(),
            self.gid.into(),
            self.ts_ms.into(),
            self.hash.into(),
            self.item.into(),
            self.subscriptions.into(),
        ]
    }
}

/// The census row of an item of a snapshot; a snapshot's items were checked to have a group and a number when they were
/// accepted.
fn census_row<'a>(
    app: AppNo,
    form: &OperationForm,
    head: &Head<'a>,
    item: &Item<'_>,
    index: i64,
) -> Option<CensusRow<'a>> {
    Some(CensusRow {
        app,
        oper_id: form.oper_id,
        day: head.day(),
        gid: item.gid?,
        ts_ms: head.ts_ms,
        hash: head.hash,
        item: index,
        subscriptions: item.ext[0].as_deref()?.parse().ok()?,
    })
}

fn cell<'a>(item: &Item<'a>, field: Field) -> Option<Cell<'a>> {
    // Items that were read from an entry borrow from it.
    let borrowed = |text: &Option<Cow<'a, str>>| match text {
        Some(Cow::Borrowed(text)) => Some(Cell::Text(text)),
        _ => None,
    };
    match field {
        Field::Gid => item.gid.map(Cell::Number),
        Field::TargetId => borrowed(&item.target_id),
        Field::ToUid => borrowed(&item.to_uid),
        Field::Scope => Some(Cell::Text(item.scope.name())),
        _ => borrowed(&item.ext[field.ext_index()?]),
    }
}
