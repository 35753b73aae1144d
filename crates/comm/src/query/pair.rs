//! Two operations side by side: active and passive messages.

use std::collections::HashMap;

use reportd_db::{DbError, Tx};

use super::series::{Among, Series, SeriesQuery, series};

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
        return Ok(Pair {
            totals,
            rows: by_day(left, &first, &second),
        });
    }
    let mut keys: Vec<String> = first
        .lines
        .iter()
        .chain(&second.lines)
        .filter_map(|line| line.key.clone())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let (of_first, of_second) = (sums(tx, left, &keys)?, sums(tx, right, &keys)?);
    let sum = |sums: &HashMap<String, i64>, key: &String| sums.get(key).copied().unwrap_or(0);
    let row = |key: String| PairRow {
        counts: (sum(&of_first, &key), sum(&of_second, &key)),
        key,
    };
    let mut rows: Vec<PairRow> = keys.into_iter().map(row).collect();
    let both = |row: &PairRow| row.counts.0 + row.counts.1;
    rows.sort_by(|a, b| both(b).cmp(&both(a)).then_with(|| a.key.cmp(&b.key)));
    rows.truncate(usize::try_from(left.top).unwrap_or(0));
    Ok(Pair { totals, rows })
}

fn by_day(query: &SeriesQuery, first: &Series, second: &Series) -> Vec<PairRow> {
    let points = |series: &Series| {
        series
            .lines
            .first()
            .map(|line| line.points.clone())
            .unwrap_or_default()
    };
    let days = points(first).into_iter().zip(points(second));
    days.map(|((at, a), (_, b))| PairRow {
        key: query.step.text(at),
        counts: (a, b),
    })
    .collect()
}

/// The sums of `keys` over the days that are asked for.
fn sums(
    tx: &mut Tx<'_>,
    query: &SeriesQuery,
    keys: &[String],
) -> Result<HashMap<String, i64>, DbError> {
    let Some(id) = query.id(tx)? else {
        return Ok(HashMap::new());
    };
    let among = Among::new(keys);
    let sql = format!(
        "SELECT value, CAST(SUM(n) AS BIGINT) FROM comm_count \
         WHERE series = $1 AND day >= $2 AND day <= $3 AND value IN ({}) GROUP BY value",
        among.places(4)
    );
    let range = [id.into(), query.days.0.into(), query.days.1.into()];
    let values: Vec<_> = range.into_iter().chain(among.values()).collect();
    tx.query(&sql, &values)?
        .into_iter()
        .map(|mut row| Ok((row.take_text(0)?, row.int(1)?)))
        .collect()
}
