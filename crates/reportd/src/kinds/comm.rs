//! Bot event reports in the wiring.

use std::sync::Arc;

use anyhow::anyhow;
use reportd_comm::{
    Comm, CommMetrics, CommView, IntakeLimits, Registry, RejectionLimits, Rejections,
};
use reportd_db::Database;
use reportd_journal::View;
use reportd_platform::directory::Follower;
use reportd_platform::metrics::{Metrics, ProtocolMetrics};
use reportd_platform::settings::parse_duration_ms;

use super::ground::{Ground, rate};
use super::{LoadedKind, OpenKind, ReportKind};
use crate::settings::Settings;

/// Bot event reports.
pub(super) const COMM: ReportKind = ReportKind {
    name: "comm",
    state_migrations: reportd_comm::STATE_MIGRATIONS,
    migrate_views: Some(|views| reportd_comm::VIEW_MIGRATIONS.apply(views)),
    sealed_columns: &[],
    app_settings: reportd_comm::APP_SETTINGS,
    furnish_app: reportd_comm::install_standard_operations,
    settle_state: |_, _| Ok(()),
    is_enabled: |settings| settings.comm.enabled,
    protocol_openapi: reportd_comm::protocol_openapi,
    api_openapi: reportd_comm::api_openapi,
    load: |state, _, metrics| {
        Arc::new(LoadedComm {
            registry: Arc::default(),
            state: state.clone(),
            metrics: Arc::new(CommMetrics::register(metrics)),
        })
    },
};

struct LoadedComm {
    registry: Arc<Registry>,
    state: Database,
    metrics: Arc<CommMetrics>,
}

impl LoadedKind for LoadedComm {
    fn followers(&self) -> Vec<Arc<dyn Follower>> {
        vec![Arc::clone(&self.registry) as _]
    }

    fn views(&self) -> Vec<Box<dyn View>> {
        vec![Box::new(CommView::new(
            Arc::clone(&self.registry),
            self.state.clone(),
            Arc::clone(&self.metrics),
        ))]
    }

    fn uncounted(&self) -> Arc<dyn LoadedKind> {
        Arc::new(Self {
            registry: Arc::clone(&self.registry),
            state: self.state.clone(),
            metrics: Arc::new(CommMetrics::register(&Metrics::default())),
        })
    }

    fn protocol_metrics(&self) -> &ProtocolMetrics {
        &self.metrics.protocol
    }

    fn open(&self, ground: &Ground<'_>) -> anyhow::Result<OpenKind> {
        let running = ground.running;
        let (rejections, rejections_writer) = Rejections::start(
            self.state.clone(),
            rejection_limits(ground.settings)?,
            Arc::clone(&running.clock),
            Arc::clone(&self.metrics),
        );
        let settings = &ground.settings.comm;
        let comm = Comm {
            directory: Arc::clone(&running.directory),
            registry: Arc::clone(&self.registry),
            journal: Arc::clone(&running.journal),
            views: ground.fresh_views(reportd_comm::KIND),
            rejections: Arc::new(rejections),
            clock: Arc::clone(&running.clock),
            metrics: Arc::clone(&self.metrics),
            limits: IntakeLimits {
                body: ground.body_limits(settings.body_bytes),
                per_address: rate(settings.address_rate_limit),
            },
            app_limiter: Arc::new(ground.limiter("comm app")),
            address_limiter: Arc::new(ground.limiter("comm address")),
            api: ground.api(),
        };
        Ok(OpenKind {
            api: reportd_comm::api_routes(comm.clone()),
            protocol: reportd_comm::protocol_routes(comm),
            upkeep: Vec::new(),
            // The routes hold the queue of rejected requests.
            writers: vec![rejections_writer],
        })
    }
}

fn rejection_limits(settings: &Settings) -> anyhow::Result<RejectionLimits> {
    let defaults = RejectionLimits::default();
    let kept_ms = parse_duration_ms(&settings.retention.rejections)
        .ok()
        .filter(|&ms| ms <= defaults.kept_ms)
        .ok_or_else(|| anyhow!("retention.rejections: expected a length of time of at most 7d"))?;
    Ok(RejectionLimits {
        kept_ms,
        ..defaults
    })
}
