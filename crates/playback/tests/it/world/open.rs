//! Opening the room on its stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reportd_db::Database;
use reportd_journal::{
    BlockStore, DayFiles, DayTables, FreshViews, Journal, JournalMetrics, Options, Pace, Projector,
};
use reportd_platform::clock::{Clock, ManualClock};
use reportd_platform::directory::{Directory, FailureLimit};
use reportd_platform::limiter::{Buckets, Limiter};
use reportd_platform::metrics::Metrics;
use reportd_platform::random::{Random, SeededRandom};
use reportd_platform::seal::KeySource;
use reportd_platform::web::{Api, BodyLimits};
use reportd_playback::{
    DEFAULT_SESSION_LIFE_MS, ErasureFile, NowRegister, Playback, PlaybackLimits, PlaybackMetrics,
    PlaybackView, Registry, Viewers, api_routes, protocol_routes,
};
use reportd_testbed::Ground;

use super::{Keys, Setup, World, master, per_minute};

/// Each room that is opened draws secrets of its own.
static DRAWS: AtomicU64 = AtomicU64::new(1);

impl World {
    pub(super) fn open(
        ground: Arc<Ground>,
        clock: Arc<ManualClock>,
        keys: Keys,
        setup: Setup,
        node: &str,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (state, views) = (self::state(&ground), self::views(&ground));
        let time: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let metrics = Metrics::default();
        let (journal, store) = journal(&ground, Arc::clone(&time), &metrics, node);
        let master_keys: KeySource = Arc::new(|| Ok(Some(master())));
        let registry = Arc::new(Registry::new(Arc::clone(&master_keys)));
        let failures = FailureLimit {
            rate: per_minute(setup.failures),
            limiter: limiter("failure", &time),
        };
        let followers = vec![Arc::clone(&registry) as _];
        let directory = Directory::open(state.clone(), Arc::clone(&time), failures, followers);
        let directory = Arc::new(directory.unwrap());
        let projector = project(&journal, &views);
        let random: Arc<dyn Random> =
            Arc::new(SeededRandom::new(DRAWS.fetch_add(1, Ordering::Relaxed)));
        let viewers = Viewers::new(state.clone(), Arc::clone(&random), Arc::clone(&registry));
        let now = NowRegister::new(
            state.clone(),
            views.clone(),
            Arc::clone(&time),
            Arc::clone(&registry),
        );
        let playback = Playback {
            directory: Arc::clone(&directory),
            registry,
            viewers: Arc::new(viewers),
            now: Arc::new(now),
            erasures: Arc::new(ErasureFile::at(ground.path().join("erasures"))),
            journal: Arc::clone(&journal),
            views: FreshViews::new(&journal, &views, reportd_playback::KIND),
            clock: Arc::clone(&time),
            // Tests say themselves when a node looks.
            others_hear_in: Duration::ZERO,
            random,
            master_keys,
            metrics: Arc::new(PlaybackMetrics::register(&metrics)),
            limits: PlaybackLimits {
                body: body(64 << 10),
                per_app: setup.per_app,
                per_address: setup.per_address,
                session_life_ms: DEFAULT_SESSION_LIFE_MS,
            },
            app_limiter: Arc::new(limiter("playback app", &time)),
            address_limiter: Arc::new(limiter("playback address", &time)),
            api: Api {
                directory: Arc::clone(&directory),
                body_limits: body(1 << 20),
            },
        };
        let router = protocol_routes(playback.clone()).merge(api_routes(playback));
        Self {
            clock,
            state,
            directory,
            metrics,
            keys,
            journal,
            store,
            projector,
            router,
            runtime,
            ground,
            setup,
        }
    }
}

fn body(max_bytes: usize) -> BodyLimits {
    BodyLimits {
        max_bytes,
        timeout: Duration::from_secs(5),
    }
}

fn limiter<K: std::hash::Hash + Eq + Clone + std::fmt::Display>(
    name: &'static str,
    clock: &Arc<dyn Clock>,
) -> Limiter<K> {
    Limiter::new(name, 10_000, &Buckets::Memory, Arc::clone(clock))
}

pub(super) fn state(ground: &Ground) -> Database {
    let state = ground.open("reportd");
    reportd_platform::MIGRATIONS.apply(&state).unwrap();
    reportd_playback::STATE_MIGRATIONS.apply(&state).unwrap();
    state
}

pub(super) fn views(ground: &Ground) -> Database {
    let views = ground.open("reportd_views_1");
    reportd_journal::MIGRATIONS.apply(&views).unwrap();
    reportd_playback::VIEW_MIGRATIONS.apply(&views).unwrap();
    views
}

fn project(journal: &Arc<Journal>, views: &Database) -> Projector {
    let pace = Pace {
        least_pause: Duration::from_millis(1),
        ..Pace::default()
    };
    Projector::start(
        Arc::clone(journal),
        views.clone(),
        vec![Box::new(PlaybackView::default())],
        pace,
    )
    .unwrap()
}

fn journal(
    ground: &Ground,
    clock: Arc<dyn Clock>,
    metrics: &Metrics,
    node: &str,
) -> (Arc<Journal>, Arc<dyn BlockStore>) {
    let options = Options {
        linger: Duration::ZERO,
        // The clock jumps by days, and the node must not take that for its own silence.
        lease: Duration::from_secs(3_650 * 86_400),
        ..Options::default()
    };
    let metrics = JournalMetrics::register(metrics);
    if ground.url().is_some() {
        let db = ground.open("reportd");
        let tables = Arc::new(DayTables::open(&db, Arc::clone(&clock), node).unwrap());
        let opened = Journal::open_shared(Arc::clone(&tables), clock, options, metrics);
        return (opened.unwrap(), tables);
    }
    let files = Arc::new(DayFiles::open(&ground.path().join("journal")).unwrap());
    let opened = Journal::open(Arc::clone(&files) as _, clock, options, metrics);
    (opened.unwrap(), files)
}
