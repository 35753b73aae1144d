//! Dialogue reports in the wiring.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use reportd_db::{Database, DbError, Desk};
use reportd_dialogue::callback::{
    BreakerOptions, CallbackMetrics, Dispatcher, Options, Parts, SystemNetwork, Trust,
};
use reportd_dialogue::{
    Dialogue, DialogueLimits, DialogueMetrics, Monitor, Registry, Retention, StreamOptions, Streams,
};
use reportd_journal::View;
use reportd_platform::directory::Follower;
use reportd_platform::metrics::{Metrics, ProtocolMetrics};
use reportd_platform::random::SystemRandom;
use reportd_platform::settings::parse_duration_ms;
use reportd_platform::web::{BodyRoom, RoomSize};
use tokio::runtime::Handle;

use super::ground::{Ground, rate};
use super::{LoadedKind, OpenKind, ReportKind};
use crate::retention::kept_ms;
use crate::settings;

/// Bytes of large reports that come at once.
const COMING: RoomSize = RoomSize {
    bytes: 256 << 20,
    of_address_bytes: 16 << 20,
};
/// Bytes of large reports that are opened at once. Each takes several times as much memory meanwhile.
const IN_WORK: RoomSize = RoomSize {
    bytes: 32 << 20,
    of_address_bytes: 8 << 20,
};
/// Threads that write on a store that several nodes share; each has a connection.
const MOST_LANES: usize = 4;
/// Between two looks for claims that have ended.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks for what is so old that it goes, and between two rounds where there is more of it.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);
const RETENTION_PAUSE: Duration = Duration::from_millis(50);

/// Dialogue reports.
pub(super) const DIALOGUE: ReportKind = ReportKind {
    name: "dialogue",
    state_migrations: reportd_dialogue::MIGRATIONS,
    migrate_views: None,
    sealed_columns: &[],
    app_settings: &[],
    furnish_app: |_, _| Ok(()),
    settle_state: |_, _| Ok(()),
    is_enabled: |settings| settings.dialogue.enabled,
    protocol_openapi: reportd_dialogue::protocol_openapi,
    api_openapi: reportd_dialogue::api_openapi,
    load: |_, keys, metrics| {
        Arc::new(LoadedDialogue {
            registry: Arc::new(Registry::new(Arc::clone(keys))),
            metrics: Arc::new(DialogueMetrics::register(metrics)),
            callbacks: Arc::new(CallbackMetrics::register(metrics)),
            monitor: Arc::new(Monitor::register(metrics)),
            ends: OnceLock::new(),
        })
    },
};

struct LoadedDialogue {
    registry: Arc<Registry>,
    metrics: Arc<DialogueMetrics>,
    callbacks: Arc<CallbackMetrics>,
    monitor: Arc<Monitor>,
    /// What is to be ended, where it was opened.
    ends: OnceLock<Dialogue>,
}

impl LoadedKind for LoadedDialogue {
    fn followers(&self) -> Vec<Arc<dyn Follower>> {
        vec![Arc::clone(&self.registry) as _]
    }

    /// Nothing of it is in the journal.
    fn views(&self) -> Vec<Box<dyn View>> {
        Vec::new()
    }

    fn uncounted(&self) -> Arc<dyn LoadedKind> {
        let metrics = Metrics::default();
        Arc::new(Self {
            registry: Arc::clone(&self.registry),
            metrics: Arc::new(DialogueMetrics::register(&metrics)),
            callbacks: Arc::new(CallbackMetrics::register(&metrics)),
            monitor: Arc::new(Monitor::register(&metrics)),
            ends: OnceLock::new(),
        })
    }

    fn protocol_metrics(&self) -> &ProtocolMetrics {
        &self.metrics.reports
    }

    fn open(&self, ground: &Ground<'_>) -> anyhow::Result<OpenKind> {
        let (running, settings) = (ground.running, &ground.settings.dialogue);
        let kept = retention(&ground.settings.retention)?;
        let lanes = if ground.is_alone {
            1
        } else {
            MOST_LANES.min(ground.settings.postgres.connections / 2)
        };
        let desk = Arc::new(Desk::new(running.state.clone(), lanes)?);
        let parts = Parts {
            state: running.state.clone(),
            desk: Arc::clone(&desk),
            senders: Arc::clone(&self.registry) as _,
            network: Arc::new(SystemNetwork::default()),
            trust: Trust::System,
            clock: Arc::clone(&running.clock),
            random: Arc::new(SystemRandom),
            node: Arc::clone(&ground.node),
            is_alone: ground.is_alone,
            metrics: Arc::clone(&self.callbacks),
        };
        let dispatcher = Dispatcher::start(parts, callback_options(settings)?);
        let dispatcher = Handle::current().block_on(dispatcher)?;
        let dialogue = Dialogue {
            directory: Arc::clone(&running.directory),
            registry: Arc::clone(&self.registry),
            state: running.state.clone(),
            desk,
            dispatcher,
            clock: Arc::clone(&running.clock),
            random: Arc::new(SystemRandom),
            metrics: Arc::clone(&self.metrics),
            monitor: Arc::clone(&self.monitor),
            sights: Arc::default(),
            streams: Arc::new(Streams::new(StreamOptions::default())),
            limits: DialogueLimits {
                body: ground.body_limits(settings.body_bytes),
                reports_per_app: rate(settings.app_rate_limit),
                reports_per_address: rate(settings.address_rate_limit),
            },
            discards: ground.discards,
            app_limiter: Arc::new(ground.limiter("dialogue app")),
            address_limiter: Arc::new(ground.limiter("dialogue address")),
            body_room: Arc::new(BodyRoom::new(COMING, IN_WORK)),
            api: ground.api(),
        };
        self.ends
            .set(dialogue.clone())
            .map_err(|_| anyhow!("dialogue reports are open already"))?;
        let upkeep = vec![
            tokio::spawn(keep_up(dialogue.clone())),
            tokio::spawn(dialogue.clone().fold_monitor()),
            tokio::spawn(drop_old(dialogue.clone(), kept)),
        ];
        Ok(OpenKind {
            api: reportd_dialogue::api_routes(dialogue.clone()),
            protocol: reportd_dialogue::protocol_routes(dialogue),
            upkeep,
            writers: Vec::new(),
        })
    }

    fn standing(&self, state: &Database) -> Result<Vec<(&'static str, i64)>, DbError> {
        state.read(reportd_dialogue::query::standing)
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if let Some(dialogue) = self.ends.get() {
                dialogue.close().await;
            }
        })
    }
}

/// Ends claims that are over, and forgets events that everybody has seen.
async fn keep_up(dialogue: Dialogue) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        if let Err(error) = dialogue.upkeep().await {
            tracing::warn!(%error, "claims that are over were not ended");
        }
    }
}

/// Deletes what is older than it is kept, a round after another while there is more.
async fn drop_old(dialogue: Dialogue, kept: Retention) {
    loop {
        let mut has_more = false;
        match dialogue.drop_old(kept).await {
            Ok(dropped) => {
                has_more = dropped.has_more;
                if dropped.tickets > 0 || dropped.records > 0 {
                    let (tickets, records) = (dropped.tickets, dropped.records);
                    tracing::info!(
                        tickets,
                        records,
                        "old tickets and audit records were deleted"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(%error, "old tickets could not be deleted; it is tried again");
            }
        }
        let rest = if has_more {
            RETENTION_PAUSE
        } else {
            RETENTION_INTERVAL
        };
        tokio::time::sleep(rest).await;
    }
}

fn retention(settings: &settings::Retention) -> anyhow::Result<Retention> {
    Ok(Retention {
        tickets_ms: kept_ms("retention.tickets", &settings.tickets)?,
        audit_ms: kept_ms("retention.audit", &settings.audit)?,
    })
}

fn callback_options(settings: &settings::Dialogue) -> anyhow::Result<Options> {
    let wait = |text: &String| {
        let ms = parse_duration_ms(text).map_err(anyhow::Error::msg)?;
        Ok(Duration::from_millis(ms.unsigned_abs()))
    };
    let schedule = settings.callback_retries.iter().map(wait);
    let schedule = schedule.collect::<anyhow::Result<_>>();
    let timeout = Duration::from_millis(settings.callback_timeout_ms);
    let lease = Duration::from_millis(settings.callback_lease_ms);
    ensure!(
        lease >= 2 * timeout,
        "dialogue.callback_lease_ms: expected twice dialogue.callback_timeout_ms or more"
    );
    ensure!(
        settings.callback_host_concurrency > 0 && settings.callback_breaker_failures > 0,
        "dialogue.callback_host_concurrency, dialogue.callback_breaker_failures: expected 1 or more"
    );
    Ok(Options {
        schedule: schedule.context("dialogue.callback_retries")?,
        timeout,
        lease,
        per_host: settings.callback_host_concurrency,
        breaker: BreakerOptions {
            failures: settings.callback_breaker_failures,
            open: Duration::from_millis(settings.callback_breaker_ms),
        },
        ..Options::default()
    })
}
