//! Playback reports in the wiring.

use std::sync::Arc;
use std::time::Duration;

use reportd_journal::View;
use reportd_platform::directory::{Follower, POLL_INTERVAL};
use reportd_platform::metrics::{Metrics, ProtocolMetrics};
use reportd_platform::random::SystemRandom;
use reportd_platform::seal::KeySource;
use reportd_playback::{
    ErasureFile, NowRegister, Playback, PlaybackLimits, PlaybackMetrics, PlaybackView, Registry,
    SEALED_COLUMNS, Viewers, apply_erasures,
};

use super::ground::{Ground, rate};
use super::{LoadedKind, OpenKind, ReportKind};
use crate::data_folder::DataFolder;

/// Playback reports.
pub(super) const PLAYBACK: ReportKind = ReportKind {
    name: "playback",
    state_migrations: reportd_playback::STATE_MIGRATIONS,
    migrate_views: Some(|views| reportd_playback::VIEW_MIGRATIONS.apply(views)),
    sealed_columns: SEALED_COLUMNS,
    app_settings: &[],
    furnish_app: |_, _| Ok(()),
    settle_state: |state, folder| {
        let made = apply_erasures(state, &ErasureFile::at(folder.erasures()))?;
        if made > 0 {
            tracing::warn!(
                viewers = made,
                "erasures that the state did not know were made again"
            );
        }
        Ok(())
    },
    is_enabled: |settings| settings.playback.enabled,
    protocol_openapi: reportd_playback::protocol_openapi,
    api_openapi: reportd_playback::api_openapi,
    load: |_, keys, metrics| {
        Arc::new(LoadedPlayback {
            registry: Arc::new(Registry::new(Arc::clone(keys))),
            keys: Arc::clone(keys),
            metrics: Arc::new(PlaybackMetrics::register(metrics)),
        })
    },
};

struct LoadedPlayback {
    registry: Arc<Registry>,
    keys: KeySource,
    metrics: Arc<PlaybackMetrics>,
}

impl LoadedKind for LoadedPlayback {
    fn followers(&self) -> Vec<Arc<dyn Follower>> {
        vec![Arc::clone(&self.registry) as _]
    }

    fn views(&self) -> Vec<Box<dyn View>> {
        vec![Box::new(PlaybackView::default())]
    }

    fn uncounted(&self) -> Arc<dyn LoadedKind> {
        Arc::new(Self {
            registry: Arc::clone(&self.registry),
            keys: Arc::clone(&self.keys),
            metrics: Arc::new(PlaybackMetrics::register(&Metrics::default())),
        })
    }

    fn protocol_metrics(&self) -> &ProtocolMetrics {
        &self.metrics.calls
    }

    fn open(&self, ground: &Ground<'_>) -> anyhow::Result<OpenKind> {
        let (running, settings) = (ground.running, &ground.settings.playback);
        let random = Arc::new(SystemRandom);
        let (state, views) = (running.state.clone(), running.served.db.clone());
        let registry = || Arc::clone(&self.registry);
        let viewers = Viewers::new(state.clone(), random.clone(), registry());
        let clock = Arc::clone(&running.clock);
        let erasures = DataFolder::at(&ground.settings.data).erasures();
        let playback = Playback {
            directory: Arc::clone(&running.directory),
            registry: registry(),
            viewers: Arc::new(viewers),
            now: Arc::new(NowRegister::new(state, views, clock, registry())),
            erasures: Arc::new(ErasureFile::at(erasures)),
            journal: Arc::clone(&running.journal),
            views: ground.fresh_views(reportd_playback::KIND),
            clock: Arc::clone(&running.clock),
            others_hear_in: if ground.is_alone {
                Duration::ZERO
            } else {
                // Each looks once in an interval, and a look takes its time.
                2 * POLL_INTERVAL
            },
            random,
            master_keys: Arc::clone(&self.keys),
            metrics: Arc::clone(&self.metrics),
            limits: PlaybackLimits {
                body: ground.body_limits(settings.body_bytes),
                per_app: rate(settings.app_rate_limit),
                per_address: rate(settings.address_rate_limit),
                session_life_ms: settings.session_life_ms()?,
            },
            app_limiter: Arc::new(ground.limiter("playback app")),
            address_limiter: Arc::new(ground.limiter("playback address")),
            api: ground.api(),
        };
        let upkeep = vec![
            tokio::spawn(Arc::clone(&playback.now).keep_level()),
            tokio::spawn(playback.clone().settle_erasures()),
        ];
        Ok(OpenKind {
            api: reportd_playback::api_routes(playback.clone()),
            protocol: reportd_playback::protocol_routes(playback),
            upkeep,
            writers: Vec::new(),
        })
    }
}
