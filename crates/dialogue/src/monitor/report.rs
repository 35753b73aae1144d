//! Reads the figures of an app over days: stored counts, and what has come since they were folded.

use std::collections::BTreeMap;
use std::sync::Arc;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::directory::Snapshot;

use super::Monitor;
use super::figure::{Counts, Figure};
use super::gather::{gather, marks};
use super::spread::Spread;

/// Most tickets that are counted as waiting.
const MOST_WAITING: i64 = 200_000;

/// How often a read gathers what is not folded yet: more waits only where no node has folded for long.
const MOST_GATHERED: usize = 20;

/// Most moderators that are shown.
pub(crate) const MOST_MODERATORS: usize = 200;

/// Which figures are asked for: of an app, from a day to a day, both included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Days {
    pub(crate) app: AppNo,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// What figures are read with.
pub(crate) struct Reading {
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) directory: Arc<Snapshot>,
    pub(crate) now_ms: i64,
}

/// Tickets of an app that nobody has judged.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// How many, [`MOST_WAITING`] at most.
    pub(crate) tickets: i64,
    /// When the oldest came, in ms.
    pub(crate) oldest_ms: Option<i64>,
}

/// The figures of some days.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) received: i64,
    pub(crate) rejected: i64,
    pub(crate) judged: i64,
    pub(crate) undone: i64,
    pub(crate) reopened: i64,
    pub(crate) delivered: i64,
    pub(crate) failed: i64,
}

/// The figures of an app.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) sums: Sums,
    pub(crate) rejected_by_cause: BTreeMap<i64, i64>,
    pub(crate) days: BTreeMap<i64, Sums>,
    pub(crate) waiting: Waiting,
    pub(crate) to_claim: Spread,
    pub(crate) to_verdict: Spread,
    pub(crate) to_delivery: Spread,
}

/// What a moderator did.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ModeratorFigures {
    pub(crate) claimed: i64,
    pub(crate) judged: i64,
    pub(crate) undone: i64,
    pub(crate) reopened: i64,
}

impl Sums {
    fn add(&mut self, figure: Figure, number: i64) {
        let sum = match figure {
            Figure::Received => &mut self.received,
            Figure::Rejected => &mut self.rejected,
            Figure::Judged => &mut self.judged,
            Figure::Undone => &mut self.undone,
            Figure::Reopened => &mut self.reopened,
            Figure::Delivered => &mut self.delivered,
            Figure::Failed => &mut self.failed,
            _ => return,
        };
        *sum += number;
    }
}

/// The figures of an app over days. What waits is as of now.
pub(crate) fn report(tx: &mut Tx<'_>, with: &Reading, days: Days) -> Result<Report, DbError> {
    let mut report = Report {
        waiting: waiting(tx, days.app)?,
        ..Report::default()
    };
    for ((_, day, figure, part), number) in counts(tx, with, days)? {
        report.sums.add(figure, number);
        let spread = match figure {
            Figure::ClaimLatency => &mut report.to_claim,
            Figure::VerdictLatency => &mut report.to_verdict,
            Figure::DeliveryLatency => &mut report.to_delivery,
            Figure::Rejected => {
                let cause = part.parse().unwrap_or(0);
                *report.rejected_by_cause.entry(cause).or_default() += number;
                report.days.entry(day).or_default().add(figure, number);
                continue;
            }
            _ => {
                report.days.entry(day).or_default().add(figure, number);
                continue;
            }
        };
        spread.add(part.parse().unwrap_or(0), number);
    }
    Ok(report)
}

/// What moderators of an app did on days: who judged most comes first.
pub(crate) fn moderators(
    tx: &mut Tx<'_>,
    with: &Reading,
    days: Days,
) -> Result<Vec<(String, ModeratorFigures)>, DbError> {
    let mut by_name: BTreeMap<String, ModeratorFigures> = BTreeMap::new();
    for ((_, _, figure, part), number) in counts(tx, with, days)? {
        let of = |figures: &mut ModeratorFigures| match figure {
            Figure::Claimed => figures.claimed += number,
            Figure::Judged => figures.judged += number,
            Figure::Undone => figures.undone += number,
            _ => figures.reopened += number,
        };
        if matches!(
            figure,
            Figure::Claimed | Figure::Judged | Figure::Undone | Figure::Reopened
        ) {
            of(by_name.entry(part).or_default());
        }
    }
    let mut all: Vec<_> = by_name.into_iter().collect();
    all.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.judged));
    all.truncate(MOST_MODERATORS);
    Ok(all)
}

fn counts(tx: &mut Tx<'_>, with: &Reading, days: Days) -> Result<Counts, DbError> {
    let mut counts = with.monitor.refusals.of(days.app, (days.first, days.last));
    let rows = tx.query(
        "SELECT day, figure, part, number FROM dialogue_count WHERE app = $1 AND day >= $2 AND day <= $3",
        &[days.app.into(), days.first.into(), days.last.into()],
    )?;
    for mut row in rows {
        if let Some(figure) = Figure::from_number(row.int(1)?) {
            let key = (days.app.into(), row.int(0)?, figure, row.take_text(2)?);
            *counts.entry(key).or_default() += row.int(3)?;
        }
    }
    let mut from = marks(tx)?;
    for _ in 0..MOST_GATHERED {
        let gathered = gather(tx, &with.directory, from, i64::MAX)?;
        for (key, number) in gathered.counts {
            if key.0 == i64::from(days.app) && (days.first..=days.last).contains(&key.1) {
                *counts.entry(key).or_default() += number;
            }
        }
        if !gathered.has_more {
            break;
        }
        from = gathered.marks;
    }
    Ok(counts)
}

/// Tickets of an app that nobody has judged.
pub(super) fn waiting(tx: &mut Tx<'_>, app: AppNo) -> Result<Waiting, DbError> {
    let mut waiting = Waiting::default();
    for state in 0..=1_i64 {
        // In order: else a plan that does not know the limit reads the whole table.
        let sql = "SELECT COUNT(*) FROM (SELECT received_at FROM dialogue_ticket WHERE app = $1 AND state = $2 \
                   ORDER BY received_at, id LIMIT $3) AS counted";
        waiting.tickets += tx.query_int(sql, &[app.into(), state.into(), MOST_WAITING.into()])?;
        let sql = "SELECT received_at FROM dialogue_ticket WHERE app = $1 AND state = $2 \
                   ORDER BY received_at, id LIMIT 1";
        let oldest = tx.query_first(sql, &[app.into(), state.into()])?;
        let oldest = oldest.map(|row| row.int(0)).transpose()?;
        waiting.oldest_ms = match (waiting.oldest_ms, oldest) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    waiting.tickets = waiting.tickets.min(MOST_WAITING);
    Ok(waiting)
}

/// Reads all that figures are read from.
#[cfg(test)]
pub(crate) fn read_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let days = Days {
        app: 1,
        first: 10,
        last: 40,
    };
    let with = Reading {
        monitor: Arc::new(Monitor::register(
            &reportd_platform::metrics::Metrics::default(),
        )),
        directory: Arc::default(),
        now_ms: 0,
    };
    assert_eq!(report(tx, &with, days)?.waiting.tickets, 2_000);
    moderators(tx, &with, days).map(drop)
}
