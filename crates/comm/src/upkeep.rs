//! What keeps the views small: identities are dropped when their window is over, and wide dimensions are noticed.

use std::collections::HashMap;

use reportd_db::{Database, DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::clock::{DAY_MS, MINUTE_MS};

use crate::registry::CommApp;
use crate::rejections::kept_identities;

/// Identities that one prune looks at: a prune must not hold the fold up.
const PRUNE_AT_ONCE: i64 = 50_000;
/// How often the values of dimensions are counted.
const LOOK_INTERVAL_MS: i64 = 10 * MINUTE_MS;
/// Values a day from which on a dimension shows in the metric.
const MANY_VALUES: i64 = 100_000;

/// The upkeep of the views of this room.
pub(crate) struct Upkeep {
    /// The state store, where rejected requests are.
    state: Database,
    /// Up to which ts the identities of an app were looked at in this round.
    pruned_to_ms: HashMap<AppNo, i64>,
    looked_at_ms: Option<i64>,
}

impl Upkeep {
    pub(crate) fn new(state: Database) -> Self {
        Self {
            state,
            pruned_to_ms: HashMap::new(),
            looked_at_ms: None,
        }
    }

    /// Drops identities of `app` whose window is over, a share at a time. All entries that arrived before `horizon_ms`
    /// are folded, so none that is still to come can be a repeat of theirs.
    pub(crate) fn prune_identities(
        &mut self,
        tx: &mut Tx<'_>,
        app: &CommApp,
        horizon_ms: i64,
    ) -> Result<(), DbError> {
        let no = app.app.no;
        let before_ms = horizon_ms - app.settings.keep_until_ms(0);
        let from = self.pruned_to_ms.get(&no).copied().unwrap_or(i64::MIN);
        let nth = "SELECT ts FROM comm_identity WHERE app = $1 AND ts >= $2 AND ts < $3 ORDER BY ts LIMIT 1 OFFSET $4";
        let mut nth_ts = |n: i64| -> Result<Option<i64>, DbError> {
            let range = [no.into(), from.into(), before_ms.into(), n.into()];
            tx.query_first(nth, &range)?
                .map(|row| row.int(0))
                .transpose()
        };
        let Some(first) = nth_ts(0)? else {
            // The next round begins at the start again: what was kept for longer is looked at once more then.
            self.pruned_to_ms.remove(&no);
            return Ok(());
        };
        // A share that lies in one millisecond is taken whole, so that the next one begins behind it.
        let end = nth_ts(PRUNE_AT_ONCE)?.map_or(before_ms, |end| end.max(first.saturating_add(1)));
        let kept = self
            .state
            .read(|state| kept_identities(state, no, first, end))?;
        for (ts_ms, hash, until_ms) in kept {
            let sql = "UPDATE comm_identity SET keep_until = $1 \
                       WHERE app = $2 AND ts = $3 AND hash = $4 AND keep_until < $1";
            tx.execute(
                sql,
                &[until_ms.into(), no.into(), ts_ms.into(), hash[..].into()],
            )?;
        }
        let sql =
            "DELETE FROM comm_identity WHERE app = $1 AND ts >= $2 AND ts < $3 AND keep_until < $4";
        tx.execute(
            sql,
            &[no.into(), first.into(), end.into(), horizon_ms.into()],
        )?;
        self.pruned_to_ms.insert(no, end);
        Ok(())
    }

    /// How many dimensions have many values today; `None` where it is not yet time to look again.
    pub(crate) fn wide_dimensions(
        &mut self,
        tx: &mut Tx<'_>,
        horizon_ms: i64,
    ) -> Result<Option<i64>, DbError> {
        if self
            .looked_at_ms
            .is_some_and(|at_ms| horizon_ms - at_ms < LOOK_INTERVAL_MS)
        {
            return Ok(None);
        }
        self.looked_at_ms = Some(horizon_ms);
        let utc_day = horizon_ms.div_euclid(DAY_MS);
        let mut wide = 0;
        for row in tx.query("SELECT id FROM comm_series WHERE field <> 0", &[])? {
            let id = row.int(0)?;
            // One of these is today in the app's zone.
            for day in utc_day - 1..=utc_day + 1 {
                let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM comm_count WHERE series = $1 AND day = $2 LIMIT $3) AS many";
                if tx.query_int(sql, &[id.into(), day.into(), (MANY_VALUES + 1).into()])?
                    > MANY_VALUES
                {
                    wide += 1;
                    break;
                }
            }
        }
        Ok(Some(wide))
    }
}
