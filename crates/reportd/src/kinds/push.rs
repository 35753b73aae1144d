//! Push reports in the wiring.

use std::sync::Arc;

use reportd_journal::View;
use reportd_platform::directory::Follower;
use reportd_platform::metrics::{Metrics, ProtocolMetrics};
use reportd_platform::random::SystemRandom;
use reportd_platform::web::RoomSize;
use reportd_push::{FeedRoom, Push, PushLimits, PushMetrics, PushView, Registry};

use super::ground::{Ground, rate};
use super::{LoadedKind, OpenKind, ReportKind};

/// Most bytes of a request for a token.
const AUTH_BODY_BYTES: usize = 16 << 10;

/// Bytes of large bodies of a feed that come at once.
const COMING: RoomSize = RoomSize {
    bytes: 128 << 20,
    of_address_bytes: 16 << 20,
};

/// Bytes of large bodies of a feed, unpacked, that are worked on at once.
const IN_WORK: RoomSize = RoomSize {
    bytes: 64 << 20,
    of_address_bytes: 16 << 20,
};

/// Push reports.
pub(super) const PUSH: ReportKind = ReportKind {
    name: "push",
    state_migrations: reportd_push::STATE_MIGRATIONS,
    migrate_views: Some(reportd_push::migrate_views),
    sealed_columns: &[],
    app_settings: &[],
    furnish_app: |_, _| Ok(()),
    settle_state: |_, _| Ok(()),
    is_enabled: |settings| settings.push.enabled,
    protocol_openapi: reportd_push::protocol_openapi,
    api_openapi: reportd_push::api_openapi,
    load: |_, keys, metrics| {
        Arc::new(LoadedPush {
            registry: Arc::new(Registry::new(Arc::clone(keys))),
            metrics: Arc::new(PushMetrics::register(metrics)),
        })
    },
};

struct LoadedPush {
    registry: Arc<Registry>,
    metrics: Arc<PushMetrics>,
}

impl LoadedKind for LoadedPush {
    fn followers(&self) -> Vec<Arc<dyn Follower>> {
        vec![Arc::clone(&self.registry) as _]
    }

    fn views(&self) -> Vec<Box<dyn View>> {
        vec![Box::new(PushView::default())]
    }

    fn uncounted(&self) -> Arc<dyn LoadedKind> {
        Arc::new(Self {
            registry: Arc::clone(&self.registry),
            metrics: Arc::new(PushMetrics::register(&Metrics::default())),
        })
    }

    fn protocol_metrics(&self) -> &ProtocolMetrics {
        &self.metrics.feeds
    }

    fn open(&self, ground: &Ground<'_>) -> anyhow::Result<OpenKind> {
        let (running, settings) = (ground.running, &ground.settings.push);
        let push = Push {
            directory: Arc::clone(&running.directory),
            registry: Arc::clone(&self.registry),
            journal: Arc::clone(&running.journal),
            views: ground.fresh_views(reportd_push::KIND),
            clock: Arc::clone(&running.clock),
            random: Arc::new(SystemRandom),
            met_tokens: Arc::default(),
            token_key: Arc::default(),
            metrics: Arc::clone(&self.metrics),
            limits: PushLimits {
                auth_body: ground.body_limits(AUTH_BODY_BYTES),
                feed_body: ground.body_limits(settings.body_bytes),
                auth: rate(settings.auth_rate_limit),
                count: rate(settings.count_rate_limit),
                reports: rate(settings.report_rate_limit),
                feeds_per_address: rate(settings.address_rate_limit),
            },
            feed_room: Arc::new(FeedRoom::new(
                COMING.for_body(settings.body_bytes),
                IN_WORK.for_body(settings.body_bytes),
            )),
            call_limiter: Arc::new(ground.limiter("push call")),
            address_limiter: Arc::new(ground.limiter("push address")),
            api: ground.api(),
        };
        Ok(OpenKind {
            api: reportd_push::api_routes(push.clone()),
            protocol: reportd_push::protocol_routes(push),
            upkeep: Vec::new(),
            writers: Vec::new(),
        })
    }
}
