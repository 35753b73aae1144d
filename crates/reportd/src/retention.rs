//! How long what is over is kept, and dropping old days of the journal: `retention.reports`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use reportd_journal::{Base, DroppedDay, Refold};
use reportd_platform::clock::DAY_MS;
use reportd_platform::settings::parse_duration_ms;
use reportd_platform::zones::day_text;

use crate::running::Running;

/// The text of a retention that never ends.
const FOREVER: &str = "forever";
/// How often is looked for days that are old enough.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// How long a setting says that something is kept, in ms; `None` for ever.
///
/// # Errors
/// Where it is neither for ever nor a length of time of a day or more.
pub(crate) fn kept_ms(name: &str, text: &str) -> anyhow::Result<Option<i64>> {
    if text == FOREVER {
        return Ok(None);
    }
    let kept_ms = parse_duration_ms(text).ok().filter(|&ms| ms >= DAY_MS);
    kept_ms
        .map(Some)
        .ok_or_else(|| anyhow!("{name}: expected «{FOREVER}» or a length of time of at least 1d"))
}

/// Drops days that end before `kept_ms` ago, for as long as the server runs; of several nodes the one that leads does.
pub(crate) async fn drop_old_days(running: Arc<Running>, kept_ms: i64) {
    loop {
        let at = Arc::clone(&running);
        let dropped = tokio::task::spawn_blocking(move || drop_due_days(&at, kept_ms)).await;
        if let Err(error) = dropped.map_err(anyhow::Error::from).flatten() {
            tracing::warn!(
                error = format!("{error:#}"),
                "old days of the journal could not be dropped; it is tried again"
            );
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn drop_due_days(running: &Running, kept_ms: i64) -> anyhow::Result<()> {
    let first_kept = (running.clock.now_ms() - kept_ms).div_euclid(DAY_MS);
    let days = running.journal.store().days()?;
    if !running.journal.leads() || days.first().is_none_or(|&day| day >= first_kept) {
        return Ok(());
    }
    let served = &running.served;
    let base = served.base()?;
    let store = Arc::clone(running.journal.store());
    let clock = Arc::clone(&running.clock);
    let refold = Refold::new(store, clock, base, served.uncounted_views());
    let mut sealed = Base::new(refold);
    let mut goes_on = || !served.is_closed();
    while let Some(DroppedDay { day, .. }) =
        sealed.drop_oldest(first_kept, &served.db, &mut goes_on)?
    {
        tracing::info!(
            day = day_text(day),
            "a day of the journal was sealed and dropped"
        );
    }
    Ok(())
}
