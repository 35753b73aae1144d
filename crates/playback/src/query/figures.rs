//! Figures of videos: over some days, by day, and how far play sessions got.

use std::collections::{BTreeSet, HashMap};

use reportd_db::{DbError, Query, Tx, Value};
use reportd_platform::AppNo;

use super::rows::{list, unknown};
use crate::reach::Reach;
use crate::schema::LENGTH_TOLD;

/// First and last day, both included.
type Days = (i64, i64);

/// By what videos are put in order, the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Plays,
    Viewers,
    Watched,
}

/// What a video has over some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct VideoFigures {
    pub(crate) aid: i64,
    pub(crate) plays: i64,
    /// Distinct over all the days.
    pub(crate) viewers: i64,
    pub(crate) watched_s: i64,
}

/// The videos with the greatest figures, some of them skipped; ties in the order of their ids.
pub(crate) fn top_videos(
    tx: &mut Tx<'_>,
    app: AppNo,
    days: Days,
    sort: Sort,
    (skipped, limit): (i64, i64),
) -> Result<Vec<VideoFigures>, DbError> {
    let (table, sum, also) = match sort {
        Sort::Plays => ("playback_day", "SUM(plays)", ""),
        Sort::Watched => ("playback_day", "SUM(watched_s)", ""),
        Sort::Viewers => ("playback_viewers", "SUM(n)", "AND previous < $2 "),
    };
    let sql = format!(
        "SELECT aid FROM {table} WHERE app = $1 AND day >= $2 AND day <= $3 {also}\
         GROUP BY aid HAVING {sum} > 0 ORDER BY {sum} DESC, aid LIMIT $4 OFFSET $5"
    );
    let values = [
        app.into(),
        days.0.into(),
        days.1.into(),
        limit.into(),
        skipped.into(),
    ];
    let rows = tx.query(&sql, &values)?;
    let aids: Vec<i64> = rows
        .iter()
        .map(|row| row.int(0))
        .collect::<Result<_, _>>()?;
    figures_of(tx, app, days, &aids)
}

/// The figures of some videos, in the order given.
fn figures_of(
    tx: &mut Tx<'_>,
    app: AppNo,
    days: Days,
    aids: &[i64],
) -> Result<Vec<VideoFigures>, DbError> {
    if aids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: HashMap<i64, VideoFigures> = HashMap::new();
    let (places, of_aids) = list(aids, 3);
    let mut values: Vec<Value<'_>> = vec![app.into(), days.0.into(), days.1.into()];
    values.extend(of_aids);
    let sums = format!(
        "SELECT aid, CAST(SUM(plays) AS BIGINT), CAST(SUM(watched_s) AS BIGINT) FROM playback_day \
         WHERE app = $1 AND day >= $2 AND day <= $3 AND aid IN ({places}) GROUP BY aid"
    );
    for row in tx.query(&sums, &values)? {
        let figures = found.entry(row.int(0)?).or_default();
        (figures.plays, figures.watched_s) = (row.int(1)?, row.int(2)?);
    }
    let distinct = format!(
        "SELECT aid, CAST(SUM(n) AS BIGINT) FROM playback_viewers \
         WHERE app = $1 AND day >= $2 AND day <= $3 AND previous < $2 AND aid IN ({places}) GROUP BY aid"
    );
    for row in tx.query(&distinct, &values)? {
        found.entry(row.int(0)?).or_default().viewers = row.int(1)?;
    }
    let of_aid = |&aid: &i64| VideoFigures {
        aid,
        ..found.get(&aid).copied().unwrap_or_default()
    };
    Ok(aids.iter().map(of_aid).collect())
}

/// What a video has on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DayFigures {
    pub(crate) day: i64,
    pub(crate) plays: i64,
    pub(crate) viewers: i64,
    pub(crate) watched_s: i64,
}

/// The days of a video, each of the range.
pub(crate) fn video_days(
    tx: &mut Tx<'_>,
    app: AppNo,
    aid: i64,
    days: Days,
) -> Result<Vec<DayFigures>, DbError> {
    let mut all: Vec<DayFigures> = (days.0..=days.1)
        .map(|day| DayFigures {
            day,
            ..DayFigures::default()
        })
        .collect();
    let place = |day: i64| usize::try_from(day - days.0).unwrap_or(usize::MAX);
    let values = [app.into(), aid.into(), days.0.into(), days.1.into()];
    let sql = "SELECT day, plays, watched_s FROM playback_day WHERE app = $1 AND aid = $2 AND day >= $3 AND day <= $4";
    for row in tx.query(sql, &values)? {
        if let Some(of_day) = all.get_mut(place(row.int(0)?)) {
            (of_day.plays, of_day.watched_s) = (row.int(1)?, row.int(2)?);
        }
    }
    let sql = "SELECT day, CAST(SUM(n) AS BIGINT) FROM playback_viewers \
               WHERE app = $1 AND aid = $2 AND day >= $3 AND day <= $4 GROUP BY day";
    for row in tx.query(sql, &values)? {
        if let Some(of_day) = all.get_mut(place(row.int(0)?)) {
            of_day.viewers = row.int(1)?;
        }
    }
    Ok(all)
}

/// The distinct viewers of a video over some days: those who watched on one of them, and on none of the range before it.
pub(crate) fn video_viewers(
    tx: &mut Tx<'_>,
    app: AppNo,
    aid: i64,
    days: Days,
) -> Result<i64, DbError> {
    let sql = "SELECT CAST(SUM(n) AS BIGINT) FROM playback_viewers \
               WHERE app = $1 AND aid = $2 AND day >= $3 AND day <= $4 AND previous < $3";
    tx.query_int(sql, &[app.into(), aid.into(), days.0.into(), days.1.into()])
}

/// How far the play sessions of a part got that began on a day.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) aid: i64,
    pub(crate) cid: i64,
    pub(crate) day: i64,
    /// The newest duration that a beat told.
    pub(crate) told_s: Option<u32>,
    pub(crate) reach: Reach,
}

/// Parts of a video that figures look at, the most played of all days first: who makes up more makes no read dearer.
pub(crate) const MOST_PARTS: i64 = 200;

/// How far the play sessions of some videos got on some days, a row a chunk: of the most played parts of each.
pub(crate) fn reached(
    tx: &mut Tx<'_>,
    app: AppNo,
    aids: &[i64],
    days: Days,
) -> Result<Vec<Reached>, DbError> {
    // So written, SQLite begins with the parts.
    let sql = "SELECT r.cid, r.day, r.state FROM \
               (SELECT cid FROM playback_part WHERE app = $1 AND aid = $2 AND plays > 0 \
               ORDER BY plays DESC, cid LIMIT $3) p \
               CROSS JOIN playback_reach r WHERE r.app = $1 AND r.aid = $2 AND r.cid = p.cid \
               AND r.day >= $4 AND r.day <= $5";
    let values = aids.iter().map(|&aid| {
        let (first, last) = days;
        [
            app.into(),
            aid.into(),
            MOST_PARTS.into(),
            first.into(),
            last.into(),
        ]
    });
    let values: Vec<[Value<'_>; 5]> = values.collect();
    let queries: Vec<Query<'_>> = values.iter().map(|values| (sql, &values[..])).collect();
    let mut all = Vec::new();
    for (&aid, rows) in aids.iter().zip(tx.query_each(&queries)?) {
        for mut row in rows {
            all.push(Reached {
                aid,
                cid: row.int(0)?,
                day: row.int(1)?,
                told_s: None,
                reach: Reach::decode(&row.take_bytes(2)?).ok_or_else(|| unknown("reach"))?,
            });
        }
    }
    let parts: BTreeSet<(i64, i64)> = all.iter().map(|row| (row.aid, row.cid)).collect();
    let parts: Vec<_> = parts.into_iter().collect();
    let told = told_lengths(tx, app, &parts)?;
    let told: HashMap<_, _> = parts.into_iter().zip(told).collect();
    for row in &mut all {
        row.told_s = told.get(&(row.aid, row.cid)).copied().flatten();
    }
    Ok(all)
}

/// The newest durations that beats told, in the order given.
pub(super) fn told_lengths(
    tx: &mut Tx<'_>,
    app: AppNo,
    parts: &[(i64, i64)],
) -> Result<Vec<Option<u32>>, DbError> {
    let keys: Vec<[Value<'_>; 3]> = parts
        .iter()
        .map(|&(aid, cid)| [app.into(), aid.into(), cid.into()])
        .collect();
    let rows = tx.find(&LENGTH_TOLD, &keys)?.into_iter();
    rows.map(|row| {
        let told_s = row.map(|row| row.uint(0)).transpose()?;
        Ok(told_s.and_then(|told_s| u32::try_from(told_s).ok()))
    })
    .collect()
}
