//! Days of an app: its funnel, what was lost, and how much of the quotas is used.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_protocol::push::{Channel, Funnel, Loss, Quota};

use super::rows::{COUNTERS, ask, brand, by_number, channel, loss, total, unknown};

/// The funnels of days; a day on which nothing happened is left out. Without actions.
pub(crate) fn day_funnels(
    tx: &mut Tx<'_>,
    app: AppNo,
    days: RangeInclusive<i64>,
    by_brand: bool,
) -> Result<HashMap<i64, Funnel>, DbError> {
    let bound = [app.into(), (*days.start()).into(), (*days.end()).into()];
    let channels = format!(
        "SELECT day, channel, {COUNTERS} FROM push_day_count WHERE app = $1 AND day >= $2 AND day <= $3 AND brand = 0"
    );
    let brands = format!(
        "SELECT c.day, w.word, {COUNTERS} FROM push_day_count c JOIN push_word w ON w.id = c.brand \
         WHERE c.app = $1 AND c.day >= $2 AND c.day <= $3 AND c.brand > 0"
    );
    let by_brand = by_brand.then_some((brands.as_str(), &bound[..]));
    let [channels, brands] = ask(tx, [Some((&channels, &bound)), by_brand])?;
    let mut funnels = HashMap::<i64, Funnel>::new();
    for row in channels {
        let funnel = funnels.entry(row.int(0)?).or_default();
        let counters = total(&row, 2)?;
        match channel(&row, 1)? {
            None => funnel.total = counters,
            Some(channel) => funnel.channels.push((channel, counters.figures)),
        }
    }
    for (day, brands) in by_number(brands, |row| brand(row, 1))? {
        funnels.entry(day).or_default().brands = brands;
    }
    Ok(funnels)
}

/// The funnel of a day; empty where nothing happened. Without actions.
pub(crate) fn day_funnel(
    tx: &mut Tx<'_>,
    app: AppNo,
    day: i64,
    by_brand: bool,
) -> Result<Funnel, DbError> {
    let mut funnels = day_funnels(tx, app, day..=day, by_brand)?;
    Ok(funnels.remove(&day).unwrap_or_default())
}

/// What was lost on a day.
pub(crate) fn day_losses(tx: &mut Tx<'_>, app: AppNo, day: i64) -> Result<Vec<Loss>, DbError> {
    let sql = "SELECT phase, channel, reason, n FROM push_day_loss WHERE app = $1 AND day = $2 ORDER BY phase, channel, reason";
    let rows = tx.query(sql, &[app.into(), day.into()])?;
    rows.iter().map(|row| loss(row, 0)).collect()
}

/// The use of a quota on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaCount {
    pub(crate) channel: Channel,
    pub(crate) quota: Quota,
    /// Distinct `sent` (task, cid).
    pub(crate) sent: i64,
    /// Distinct `received` (task, cid).
    pub(crate) received: i64,
}

/// The use of all quotas on a day; those without use are left out.
pub(crate) fn quota_counts(
    tx: &mut Tx<'_>,
    app: AppNo,
    day: i64,
) -> Result<Vec<QuotaCount>, DbError> {
    let sql =
        "SELECT channel, quota, sent, received FROM push_quota_count WHERE app = $1 AND day = $2";
    let rows = tx.query(sql, &[app.into(), day.into()])?;
    let count = |row: &reportd_db::Row| {
        let quota = usize::try_from(row.int(1)?).ok();
        let quota = quota.and_then(|place| Quota::ALL.get(place).copied());
        Ok(QuotaCount {
            channel: channel(row, 0)?.ok_or_else(|| unknown("channel"))?,
            quota: quota.ok_or_else(|| unknown("quota"))?,
            sent: row.int(2)?,
            received: row.int(3)?,
        })
    };
    rows.iter().map(count).collect()
}
