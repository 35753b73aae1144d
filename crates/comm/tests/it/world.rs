//! The room with its stores, of either kind.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use reportd_comm::{
    APP_SETTINGS, Comm, CommMetrics, CommView, IntakeLimits, Registry, RejectionLimits, Rejections,
    api_routes, install_standard_operations, protocol_routes,
};
use reportd_db::Database;
use reportd_journal::{
    DayFiles, DayTables, FreshViews, Journal, JournalMetrics, Options, Pace, Projector,
};
use reportd_platform::access::{Role, create_key};
use reportd_platform::apps::{self, AppError, NewApp};
use reportd_platform::clock::{Clock, ManualClock};
use reportd_platform::credentials::{CredentialKind, Issued, Vault};
use reportd_platform::directory::{Directory, FailureLimit};
use reportd_platform::limiter::{Buckets, Limiter};
use reportd_platform::metrics::Metrics;
use reportd_platform::random::SeededRandom;
use reportd_platform::rate_limit::Rate;
use reportd_platform::seal::MasterKey;
use reportd_platform::secret::Secret;
use reportd_platform::web::{Api, BodyLimits};
use reportd_testbed::{Ground, StoreKind};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// 2026-11-21T12:00:00 in Shanghai.
pub(crate) const NOON_MS: i64 = 1_795_233_600_000;
pub(crate) const TODAY: &str = "2026-11-21";
pub(crate) const ACTIVE: i64 = 1_503_000_120_601;
pub(crate) const PASSIVE: i64 = 1_503_000_120_602;
pub(crate) const CENSUS: i64 = 1_502_007_320_601;
const TOKEN: &str = "token";

/// The room, running.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) views: Database,
    pub(crate) state: Database,
    pub(crate) metrics: Metrics,
    journal: Arc<Journal>,
    projector: Projector,
    directory: Arc<Directory>,
    router: Router,
    key: String,
    runtime: Runtime,
    ground: Arc<Ground>,
}

impl World {
    /// A new store with the app `bots`, at noon.
    pub(crate) fn new(kind: StoreKind) -> Self {
        Self::on(Ground::new(kind))
    }

    /// The same on a ground that is empty.
    pub(crate) fn on(ground: Ground) -> Self {
        let ground = Arc::new(ground);
        let state = open_state(&ground);
        let random = SeededRandom::new(1);
        let master = MasterKey::parse(&format!("hex:{}", "7".repeat(64))).unwrap();
        let key = state
            .try_write(|tx| {
                let token = Issued {
                    kind: CredentialKind::CommToken,
                    secret: Secret::new(TOKEN),
                };
                let new = NewApp {
                    id: "bots".to_owned(),
                    name: String::new(),
                    zone: "Asia/Shanghai".to_owned(),
                    given: vec![token],
                };
                apps::create(
                    tx,
                    &new,
                    &Vault {
                        master: &master,
                        random: &random,
                    },
                    NOON_MS,
                )?;
                install_standard_operations(tx, "bots")?;
                create_key(tx, "admin", Role::Admin, None, &random, NOON_MS)
            })
            .unwrap();
        Self::open(
            ground,
            Arc::new(ManualClock::at(NOON_MS)),
            key.reveal().to_owned(),
        )
    }

    fn open(ground: Arc<Ground>, clock: Arc<ManualClock>, key: String) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (state, views) = (open_state(&ground), open_views(&ground));
        let time: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let metrics = Metrics::default();
        let journal = open_journal(&ground, Arc::clone(&time), &metrics);
        let registry = Arc::new(Registry::default());
        let many = Rate {
            per_minute: 1_000_000,
        };
        let followers = vec![Arc::clone(&registry) as _];
        let failures = FailureLimit {
            rate: many,
            limiter: limiter("failure", &time),
        };
        let directory = Arc::new(
            Directory::open(state.clone(), Arc::clone(&time), failures, followers).unwrap(),
        );
        let comm_metrics = Arc::new(CommMetrics::register(&metrics));
        let view = CommView::new(
            Arc::clone(&registry),
            state.clone(),
            Arc::clone(&comm_metrics),
        );
        let projector = project(&journal, &views, view);
        let (rejections, _) = runtime.block_on(async {
            let limits = RejectionLimits::default();
            Rejections::start(
                state.clone(),
                limits,
                Arc::clone(&time),
                Arc::clone(&comm_metrics),
            )
        });
        let comm = Comm {
            directory: Arc::clone(&directory),
            registry,
            journal: Arc::clone(&journal),
            views: FreshViews::new(&journal, &views, reportd_comm::KIND),
            rejections: Arc::new(rejections),
            clock: Arc::clone(&time),
            metrics: comm_metrics,
            limits: IntakeLimits {
                body: BODY,
                per_address: None,
            },
            app_limiter: Arc::new(limiter("comm app", &time)),
            address_limiter: Arc::new(limiter("comm address", &time)),
            api: Api {
                directory: Arc::clone(&directory),
                body_limits: BODY,
            },
        };
        let router = protocol_routes(comm.clone()).merge(api_routes(comm));
        Self {
            clock,
            views,
            state,
            metrics,
            journal,
            projector,
            directory,
            router,
            key,
            runtime,
            ground,
        }
    }

    /// Stops the room and starts it again on the same stores.
    pub(crate) fn restart(self) -> Self {
        let (ground, clock) = (Arc::clone(&self.ground), Arc::clone(&self.clock));
        let key = self.key.clone();
        drop(self);
        Self::open(ground, clock, key)
    }

    fn call(&self, request: Request<Body>) -> (u16, Value) {
        let (reply, body) = self.call_whole(request);
        (reply.status.as_u16(), body)
    }

    fn call_whole(&self, request: Request<Body>) -> (Parts, Value) {
        self.runtime.block_on(async {
            let reply = self.router.clone().oneshot(request).await.unwrap();
            let (head, body) = reply.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            (head, serde_json::from_slice(&body).unwrap_or(Value::Null))
        })
    }

    /// Reports; returns `ret`.
    pub(crate) fn report(&self, body: &str) -> i64 {
        let request = Request::post("/api/v1/CommReport")
            .header("authorization", TOKEN)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.call(request).1["ret"].as_i64().unwrap()
    }

    /// Calls the API of the app, at a path behind `comm/`.
    pub(crate) fn api(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        self.call(self.api_request(method, path, body))
    }

    fn api_request(&self, method: Method, path: &str, body: &str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(format!("/api/apps/bots/comm/{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    /// GETs what must be there, with all that was acknowledged: a read that could not wait so long, on a busy machine,
    /// says so and is asked again.
    pub(crate) fn get(&self, path: &str) -> Value {
        for _ in 0..10 {
            let (head, body) = self.call_whole(self.api_request(Method::GET, path, ""));
            assert_eq!(head.status, 200, "{path}: {body}");
            if !head.headers.contains_key("reportd-lag-ms") {
                return body;
            }
        }
        panic!("{path}: no read was fresh");
    }

    /// Sum of an operation's series over a week around the present.
    pub(crate) fn counted(&self, oper_id: i64) -> i64 {
        let day = self.clock.now_ms().div_euclid(86_400_000);
        let text = reportd_platform::zones::day_text;
        self.get(&format!(
            "series?oper_id={oper_id}&from={}&to={}",
            text(day - 20),
            text(day + 2)
        ))["total"]
            .as_i64()
            .unwrap()
    }

    /// Changes settings of the app, as `reportd app set` does.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let changes = [(name.to_owned(), value.to_owned())];
        let now_ms = self.clock.now_ms();
        self.state
            .try_write(|tx| apps::set(tx, "bots", &changes, APP_SETTINGS, now_ms))
            .unwrap();
        self.directory.reload_if_changed().unwrap();
    }

    /// Tries to change the app's zone.
    pub(crate) fn set_zone(&self, zone: &str) -> Result<(), AppError> {
        let changes = [("zone".to_owned(), zone.to_owned())];
        self.state
            .try_write(|tx| apps::set(tx, "bots", &changes, APP_SETTINGS, NOON_MS))
    }

    /// Waits until `condition` holds.
    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if condition(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("in vain: {what}");
    }
}

fn limiter<K: std::hash::Hash + Eq + Clone + std::fmt::Display>(
    name: &'static str,
    clock: &Arc<dyn Clock>,
) -> Limiter<K> {
    Limiter::new(name, 10, &Buckets::Memory, Arc::clone(clock))
}

impl Drop for World {
    fn drop(&mut self) {
        // As a server does that is stopped. A test that has failed has said why.
        if !std::thread::panicking() {
            self.journal.close().unwrap();
            self.projector.stop();
            self.journal.leave().unwrap();
        }
    }
}

fn open_state(ground: &Ground) -> Database {
    let state = ground.open("reportd");
    reportd_platform::MIGRATIONS.apply(&state).unwrap();
    reportd_comm::STATE_MIGRATIONS.apply(&state).unwrap();
    state
}

fn project(journal: &Arc<Journal>, views: &Database, view: CommView) -> Projector {
    let pace = Pace {
        least_pause: Duration::from_millis(1),
        ..Pace::default()
    };
    Projector::start(
        Arc::clone(journal),
        views.clone(),
        vec![Box::new(view)],
        pace,
    )
    .unwrap()
}

const BODY: BodyLimits = BodyLimits {
    max_bytes: 256 << 10,
    timeout: Duration::from_secs(5),
};

fn open_journal(ground: &Ground, clock: Arc<dyn Clock>, metrics: &Metrics) -> Arc<Journal> {
    let options = Options {
        linger: Duration::ZERO,
        // The clock jumps by days, and the node must not take that for its own silence.
        lease: Duration::from_secs(3_650 * 86_400),
        ..Options::default()
    };
    let metrics = JournalMetrics::register(metrics);
    let opened = match ground.url() {
        Some(_) => {
            let db = ground.open("reportd");
            let tables = DayTables::open(&db, Arc::clone(&clock), "node").unwrap();
            Journal::open_shared(Arc::new(tables), clock, options, metrics)
        }
        None => {
            let files = DayFiles::open(&ground.path().join("journal")).unwrap();
            Journal::open(Arc::new(files), clock, options, metrics)
        }
    };
    opened.unwrap()
}

fn open_views(ground: &Ground) -> Database {
    let views = ground.open("reportd_views_1");
    reportd_journal::MIGRATIONS.apply(&views).unwrap();
    reportd_comm::VIEW_MIGRATIONS.apply(&views).unwrap();
    views
}

/// A message request at `ts` seconds.
pub(crate) fn message(ts: i64, nonce: &str, oper_id: i64, gid: i64, uploader: &str) -> String {
    format!(
        r#"{{"ts":{ts},"nonce":"{nonce}","data_list":[{{"oper_id":{oper_id},"gid":{gid},"target_id":"c{gid}","to_uid":5,"scope":"channel","ext1":"youtube","ext2":"{uploader}"}}]}}"#
    )
}

/// A census request at `ts` seconds: (group, subscriptions).
pub(crate) fn census(ts: i64, nonce: &str, groups: &[(i64, i64)]) -> String {
    let items: Vec<String> = groups
        .iter()
        .map(|(gid, count)| format!(r#"{{"oper_id":{CENSUS},"gid":{gid},"ext1":"{count}"}}"#))
        .collect();
    format!(
        r#"{{"ts":{ts},"nonce":"{nonce}","data_list":[{}]}}"#,
        items.join(",")
    )
}
