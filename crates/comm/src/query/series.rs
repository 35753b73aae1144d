//! Series of counts: by hour or day, in all or by the values of a field.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use reportd_db::{DbError, Row, Tx, Value};
use reportd_platform::AppNo;
use reportd_platform::zones::{day_text, hour_text};
use reportd_protocol::comm::Field;

use crate::counts::{field_number, series_id};

/// The width of a point of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Hour,
    Day,
}

impl Step {
    /// The steps of the days from `from` to `to`, both included.
    fn range(self, from: i64, to: i64) -> RangeInclusive<i64> {
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

impl SeriesQuery {
    /// The series in the store: of the field that it is by, or the total.
    pub(super) fn id(&self, tx: &mut Tx<'_>) -> Result<Option<i64>, DbError> {
        series_id(
            tx,
            (self.app, self.oper_id, self.by.map_or(0, field_number)),
        )
    }

    fn empty(&self, key: Option<String>) -> Line {
        let points = self
            .step
            .range(self.days.0, self.days.1)
            .map(|at| (at, 0))
            .collect();
        Line {
            key,
            total: 0,
            points,
        }
    }
}

/// Reads a series. Its total is of all reports of the operation; with a field, those of no value and of values that are
/// not among the greatest are the others.
pub(crate) fn series(tx: &mut Tx<'_>, query: &SeriesQuery) -> Result<Series, DbError> {
    let all = SeriesQuery {
        by: None,
        step: Step::Day,
        ..*query
    };
    let total = match all.id(tx)? {
        Some(id) => {
            let sql = "SELECT CAST(SUM(n) AS BIGINT) FROM comm_count WHERE series = $1 AND day >= $2 AND day <= $3";
            tx.query_int(sql, &[id.into(), query.days.0.into(), query.days.1.into()])?
        }
        None => 0,
    };
    let mut lines = Vec::new();
    if let Some(id) = query.id(tx)? {
        let keys = if query.by.is_some() {
            top_values(tx, query, id)?
        } else {
            vec![String::new()]
        };
        let line = |key: &String| query.empty(query.by.is_some().then(|| key.clone()));
        lines = keys.iter().map(line).collect();
        let place: HashMap<&str, usize> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| (key.as_str(), at))
            .collect();
        for mut row in rows_of(tx, query, id, &keys)? {
            let value = row.take_text(1)?;
            if let Some(line) = place.get(value.as_str()).and_then(|&at| lines.get_mut(at)) {
                add_points(line, query, &row)?;
            }
        }
    } else if query.by.is_none() {
        lines.push(query.empty(None));
    }
    let others = total - lines.iter().map(|line| line.total).sum::<i64>();
    Ok(Series {
        total,
        lines,
        others,
    })
}

/// Adds the counts of a row: a day, a value, and the day's counts by the step.
fn add_points(line: &mut Line, query: &SeriesQuery, row: &Row) -> Result<(), DbError> {
    let day = row.int(0)?;
    let offset =
        query.step.range(day, day).start() - query.step.range(query.days.0, query.days.0).start();
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let steps = query.step.range(day, day).count();
    for (column, (_, count)) in (2..2 + steps).zip(line.points.iter_mut().skip(offset)) {
        let n = row.int(column)?;
        *count += n;
        line.total += n;
    }
    Ok(())
}

/// Day, value and counts of the rows of `keys`.
fn rows_of(
    tx: &mut Tx<'_>,
    query: &SeriesQuery,
    id: i64,
    keys: &[String],
) -> Result<Vec<Row>, DbError> {
    let among = Among::new(keys);
    let sql = format!(
        "SELECT day, value, {} FROM comm_count WHERE series = $1 AND day >= $2 AND day <= $3 AND value IN ({})",
        query.step.columns(),
        among.places(4)
    );
    let range = [id.into(), query.days.0.into(), query.days.1.into()];
    let values: Vec<_> = range.into_iter().chain(among.values()).collect();
    tx.query(&sql, &values)
}

/// A list of values in a statement. Its length is a power of two, so that there are few different statements.
pub(super) struct Among<'a> {
    values: Vec<&'a str>,
}

impl<'a> Among<'a> {
    pub(super) fn new(values: &'a [String]) -> Self {
        let last = values.last().map_or("", String::as_str);
        let padding = values.len().max(1).next_power_of_two() - values.len();
        let values = values
            .iter()
            .map(String::as_str)
            .chain(std::iter::repeat_n(last, padding))
            .collect();
        Self { values }
    }

    /// The placeholders, from `$first` on.
    pub(super) fn places(&self, first: usize) -> String {
        let places: Vec<String> = (first..first + self.values.len())
            .map(|at| format!("${at}"))
            .collect();
        places.join(", ")
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Value<'a>> {
        self.values.iter().map(|value| (*value).into())
    }
}

/// The values with the greatest sums; ties in the order of the values.
fn top_values(tx: &mut Tx<'_>, query: &SeriesQuery, id: i64) -> Result<Vec<String>, DbError> {
    let sql = "SELECT value FROM comm_count WHERE series = $1 AND day >= $2 AND day <= $3 \
               GROUP BY value ORDER BY SUM(n) DESC, value LIMIT $4";
    let values = [
        id.into(),
        query.days.0.into(),
        query.days.1.into(),
        query.top.into(),
    ];
    tx.query(sql, &values)?
        .into_iter()
        .map(|mut row| row.take_text(0))
        .collect()
}
