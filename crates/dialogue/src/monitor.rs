//! Figures per app (接入监控): what came, what was refused, what waits, what was judged and delivered, and how long each
//! step took.
//!
//! Nothing of it is counted while a report is filed or a ticket judged: a row that all of them add to would make them
//! wait for each other. A [`fold`] that runs once a second, on whichever node comes first, [`gather`]s the rows that
//! have come since and adds them up by app and day ([`tables`]), so that a [`mod@report`] reads counts of days, and of rows
//! only those of the last seconds. What is folded also moves the metrics of the node that folded it. Only refusals leave
//! no row: each node adds its own up in memory and writes them with the next fold ([`refusals`]).

mod figure;
mod fold;
mod gather;
mod metrics;
mod refusals;
mod report;
mod spread;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use reportd_db::DbError;
use reportd_platform::AppNo;
use reportd_platform::metrics::Metrics;
use reportd_protocol::dialogue::Code;

pub(crate) use gather::{Marks, marks};
#[cfg(test)]
pub(crate) use report::read_all;
pub(crate) use report::{Days, ModeratorFigures, Reading, Report, Sums, moderators, report};
pub(crate) use spread::Spread;
pub(crate) use tables::TABLES;

use crate::Dialogue;
use metrics::MonitorMetrics;
use refusals::Refusals;

/// How often rows are folded.
const FOLD_INTERVAL: Duration = Duration::from_secs(1);
/// How long the last fold may take.
const LAST_FOLD: Duration = Duration::from_secs(2);
/// Folds between two looks at what waits.
const FOLDS_PER_LOOK: u32 = 15;

/// What is counted on this node and not stored yet, and the metrics.
pub struct Monitor {
    refusals: Refusals,
    metrics: MonitorMetrics,
}

impl Monitor {
    /// Registers the metrics.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            refusals: Refusals::default(),
            metrics: MonitorMetrics::register(metrics),
        }
    }

    /// Counts a report of a known app that was refused on one of the app's days.
    pub(crate) fn rejected(&self, app: AppNo, day: i64, code: Code) {
        self.refusals.add(app, day, code);
    }
}

impl Dialogue {
    /// Folds rows once a second, until it is aborted. A fold that fails is told, and the next one goes on.
    pub async fn fold_monitor(self) {
        let mut ticks = tokio::time::interval(FOLD_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for count in 0_u32.. {
            ticks.tick().await;
            let folded = self.fold_figures().await;
            let looked = match count % FOLDS_PER_LOOK {
                0 => self.look_at_waiting().await,
                _ => Ok(()),
            };
            if let Err(error) = folded.and(looked) {
                tracing::debug!(%error, "figures of dialogue reports could not be folded");
            }
        }
    }

    /// Folds what has come since the last fold, of any node.
    ///
    /// # Errors
    /// Those of the store; the next fold goes on where the last one ended.
    pub async fn fold_figures(&self) -> Result<(), DbError> {
        while fold::fold(self).await? {}
        Ok(())
    }

    /// The last fold, of a node that is about to end: what only it has counted would be lost.
    pub(crate) async fn fold_last(&self) {
        let folded = tokio::time::timeout(LAST_FOLD, self.fold_figures()).await;
        let error = match folded {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        tracing::warn!(%error, "counts of refused dialogue reports were not written");
    }

    async fn look_at_waiting(&self) -> Result<(), DbError> {
        let now_ms = self.clock.now_ms();
        let directory = self.directory.snapshot();
        let apps: Vec<_> = directory.apps().cloned().collect();
        let monitor = Arc::clone(&self.monitor);
        let waiting = self.state.read_async::<_, DbError>(move |tx| {
            apps.into_iter()
                .map(|app| Ok((report::waiting(tx, app.no)?, app)))
                .collect::<Result<Vec<_>, DbError>>()
        });
        for (waiting, app) in waiting.await? {
            monitor.metrics.set_waiting(&app.id, &waiting, now_ms);
        }
        Ok(())
    }
}
