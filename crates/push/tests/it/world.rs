//! The room with its stores, of either kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use reportd_db::Database;
use reportd_journal::{
    DayFiles, DayTables, FreshViews, Journal, JournalMetrics, Options, Pace, Projector,
};
use reportd_platform::access::{Role, create_key};
use reportd_platform::apps::{self, NewApp};
use reportd_platform::clock::{Clock, ManualClock};
use reportd_platform::credentials::{self, CredentialKind, Issued, Vault};
use reportd_platform::directory::{Directory, FailureLimit};
use reportd_platform::limiter::{Buckets, Limiter};
use reportd_platform::metrics::Metrics;
use reportd_platform::random::{Random, SeededRandom};
use reportd_platform::rate_limit::Rate;
use reportd_platform::seal::MasterKey;
use reportd_platform::secret::Secret;
use reportd_platform::web::{Api, BodyLimits, RoomSize};
use reportd_protocol::push::auth_request;
use reportd_push::{
    FeedRoom, Push, PushLimits, PushMetrics, PushView, Registry, api_routes, protocol_routes,
};
use reportd_testbed::{Ground, StoreKind};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// 2026-11-21T12:00:00 in Shanghai.
pub(crate) const NOON_MS: i64 = 1_795_233_600_000;

/// Each room that is opened draws tokens of its own.
static DRAWS: AtomicU64 = AtomicU64::new(1);

/// The apps: their ids, app keys and master secrets.
pub(crate) const ONE: App = App {
    id: "app-One_1",
    appkey: "key-of-one",
    master_secret: "secret-of-one",
};
pub(crate) const TWO: App = App {
    id: "two",
    appkey: "key-of-two",
    master_secret: "secret-of-two",
};

/// An app as its clients know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App {
    pub(crate) id: &'static str,
    pub(crate) appkey: &'static str,
    pub(crate) master_secret: &'static str,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The code of a reply under `/v2`.
    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap_or(-1)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// The keys of a world, by role.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) admin: String,
    pub(crate) ingest: String,
    pub(crate) viewer: String,
}

/// The room, running.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) state: Database,
    pub(crate) directory: Arc<Directory>,
    pub(crate) metrics: Metrics,
    pub(crate) keys: Keys,
    journal: Arc<Journal>,
    projector: Projector,
    pub(crate) router: Router,
    pub(crate) runtime: Runtime,
    ground: Arc<Ground>,
    setup: Setup,
}

/// What a test may want otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Failed authentications a minute.
    pub(crate) failures: u32,
    /// Requests of feeds a minute from an address.
    pub(crate) feeds_per_address: Option<Rate>,
    /// Reports other than count, a minute.
    pub(crate) reports: Option<Rate>,
    /// Bytes of large requests of a feed at once, those that come and those that are worked on.
    pub(crate) feed_room_bytes: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            failures: 1_000_000,
            feeds_per_address: None,
            reports: None,
            feed_room_bytes: 16 << 20,
        }
    }
}

impl World {
    /// A new store with both apps, at noon.
    pub(crate) fn new(kind: StoreKind) -> Self {
        Self::with(kind, Setup::default())
    }

    pub(crate) fn with(kind: StoreKind, setup: Setup) -> Self {
        let ground = Arc::new(Ground::new(kind));
        let state = open_state(&ground);
        create_app(&state, ONE);
        create_app(&state, TWO);
        let key = |name: &str, role| {
            let random = SeededRandom::new(u64::from(name.as_bytes()[0]));
            let made = state.try_write(|tx| create_key(tx, name, role, None, &random, NOON_MS));
            made.unwrap().reveal().to_owned()
        };
        let keys = Keys {
            admin: key("admin", Role::Admin),
            ingest: key("ingest", Role::Ingest),
            viewer: key("viewer", Role::Viewer),
        };
        let clock = Arc::new(ManualClock::at(NOON_MS));
        Self::open(ground, clock, keys, setup, "node")
    }

    fn open(
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
        let (state, views) = (open_state(&ground), open_views(&ground));
        let time: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let metrics = Metrics::default();
        let journal = open_journal(&ground, Arc::clone(&time), &metrics, node);
        let registry = Arc::new(Registry::new(Arc::new(|| Ok(Some(master())))));
        let failures = FailureLimit {
            rate: per_minute(setup.failures),
            limiter: limiter("failure", &time),
        };
        let followers = vec![Arc::clone(&registry) as _];
        let directory = Directory::open(state.clone(), Arc::clone(&time), failures, followers);
        let directory = Arc::new(directory.unwrap());
        let projector = project(&journal, &views);
        let push = Push {
            directory: Arc::clone(&directory),
            registry,
            journal: Arc::clone(&journal),
            views: FreshViews::new(&journal, &views, reportd_push::KIND),
            clock: Arc::clone(&time),
            random: Arc::new(SeededRandom::new(DRAWS.fetch_add(1, Ordering::Relaxed)))
                as Arc<dyn Random>,
            met_tokens: Arc::default(),
            token_key: Arc::default(),
            metrics: Arc::new(PushMetrics::register(&metrics)),
            limits: limits(setup),
            feed_room: Arc::new(feed_room(setup.feed_room_bytes)),
            call_limiter: Arc::new(limiter("push call", &time)),
            address_limiter: Arc::new(limiter("push address", &time)),
            api: Api {
                directory: Arc::clone(&directory),
                body_limits: body(1 << 20),
            },
        };
        let router = protocol_routes(push.clone()).merge(api_routes(push));
        Self {
            clock,
            state,
            directory,
            metrics,
            keys,
            journal,
            projector,
            router,
            runtime,
            ground,
            setup,
        }
    }

    /// Stops the room and starts it again on the same stores.
    pub(crate) fn restart(self) -> Self {
        let (ground, clock) = (Arc::clone(&self.ground), Arc::clone(&self.clock));
        let (keys, setup) = (self.keys.clone(), self.setup);
        drop(self);
        Self::open(ground, clock, keys, setup, "node")
    }

    /// Another node on the same stores; none where there can be but one.
    pub(crate) fn peer(&self) -> Option<Self> {
        self.ground.url()?;
        let (ground, clock) = (Arc::clone(&self.ground), Arc::clone(&self.clock));
        Some(Self::open(
            ground,
            clock,
            self.keys.clone(),
            self.setup,
            "peer",
        ))
    }

    /// GETs a report that must be there, with all that was acknowledged: a read that could not wait so long, on a busy
    /// machine, says so and is asked again.
    pub(crate) fn fresh_report(&self, app: App, token: &str, path: &str) -> String {
        for _ in 0..10 {
            let reply = self.report(app, token, path);
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
            if reply.header("reportd-lag-ms").is_empty() {
                return reply.text;
            }
        }
        panic!("{path}: no read was fresh");
    }

    /// The `data` of a report that must be there, with all that was acknowledged.
    pub(crate) fn data(&self, app: App, path: &str) -> Value {
        let text = self.fresh_report(app, &self.token(app), path);
        let reply: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(reply["code"], 0, "{path}: {text}");
        reply["data"].clone()
    }

    /// Changes the settings of an app.
    pub(crate) fn put_settings(&self, app: App, settings: &Value) {
        let path = format!("/api/apps/{}/push/settings", app.id);
        let key = format!("Bearer {}", self.keys.admin);
        let headers = [("authorization", key.as_str())];
        let reply = self.send(&Method::PUT, &path, &headers, settings.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// Sends events of an app; returns how many were accepted.
    pub(crate) fn events(&self, app: App, events: &str) -> u64 {
        let key = format!("Bearer {}", self.keys.ingest);
        let reply = self.feed(app, "events", &[("authorization", &key)], events.to_owned());
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["accepted"].as_u64().unwrap()
    }

    /// Sends a request.
    pub(crate) fn send(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        self.runtime.block_on(async {
            let reply = self.router.clone().oneshot(request).await.unwrap();
            let (head, body) = reply.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Reply {
                status: head.status.as_u16(),
                headers: head.headers,
                text: String::from_utf8(body.to_vec()).unwrap(),
            }
        })
    }

    /// Asks for a token.
    pub(crate) fn auth(&self, app: App) -> Reply {
        let body = auth_request(app.appkey, app.master_secret, self.clock.now_ms());
        self.send(&Method::POST, &format!("/v2/{}/auth", app.id), &[], body)
    }

    /// A token of an app.
    pub(crate) fn token(&self, app: App) -> String {
        let reply = self.auth(app);
        assert_eq!((reply.status, reply.code()), (200, 0), "{}", reply.text);
        reply.json()["data"]["token"].as_str().unwrap().to_owned()
    }

    /// GETs a report of an app, at a path behind its id.
    pub(crate) fn report(&self, app: App, token: &str, path: &str) -> Reply {
        let path = format!("/v2/{}/report/{path}", app.id);
        self.send(&Method::GET, &path, &[("token", token)], "")
    }

    /// POSTs to a feed of an app.
    pub(crate) fn feed(
        &self,
        app: App,
        feed: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let path = format!("/api/apps/{}/push/{feed}", app.id);
        self.send(&Method::POST, &path, headers, body)
    }

    /// Calls the API of an app with a key, at a path behind `push/`.
    pub(crate) fn api(&self, key: &str, method: &Method, path: &str, body: &str) -> Reply {
        let path = format!("/api/apps/{}/push/{path}", ONE.id);
        let key = format!("Bearer {key}");
        self.send(method, &path, &[("authorization", &key)], body.to_owned())
    }

    /// Renames a table of the state, so that the store fails.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        self.state.execute(&sql, &[]).unwrap();
    }

    /// Replaces credentials of an app, as `reportd app rotate` does.
    pub(crate) fn rotate(&self, app: App, kind: CredentialKind, given: &str, grace_ms: i64) {
        let given = [Issued {
            kind,
            secret: Secret::new(given),
        }];
        let (master, random) = (master(), SeededRandom::new(9));
        let vault = Vault {
            master: &master,
            random: &random,
        };
        let now_ms = self.clock.now_ms();
        self.state
            .try_write(|tx| {
                credentials::rotate(tx, app.id, &[kind], &given, grace_ms, &vault, now_ms)
            })
            .unwrap();
    }

    /// Disables or enables an app, as the command does.
    pub(crate) fn set_disabled(&self, app: App, disabled: bool) {
        self.state
            .try_write(|tx| apps::set_disabled(tx, app.id, disabled))
            .unwrap();
        self.directory.reload_if_changed().unwrap();
    }
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

/// Creates an app in Shanghai.
pub(crate) fn create_app(state: &Database, app: App) {
    create_app_in(state, app, "Asia/Shanghai");
}

/// Creates an app in a zone.
pub(crate) fn create_app_in(state: &Database, app: App, zone: &str) {
    let given = |kind, text: &str| Issued {
        kind,
        secret: Secret::new(text),
    };
    let new = NewApp {
        id: app.id.to_owned(),
        name: String::new(),
        zone: zone.to_owned(),
        given: vec![
            given(CredentialKind::Appkey, app.appkey),
            given(CredentialKind::MasterSecret, app.master_secret),
        ],
    };
    let (master, random) = (
        master(),
        SeededRandom::new(DRAWS.fetch_add(1, Ordering::Relaxed)),
    );
    let vault = Vault {
        master: &master,
        random: &random,
    };
    state
        .try_write(|tx| apps::create(tx, &new, &vault, NOON_MS))
        .unwrap();
}

fn master() -> MasterKey {
    MasterKey::parse(&format!("hex:{}", "7".repeat(64))).unwrap()
}

pub(crate) fn per_minute(per_minute: u32) -> Rate {
    Rate { per_minute }
}

fn body(max_bytes: usize) -> BodyLimits {
    BodyLimits {
        max_bytes,
        timeout: Duration::from_secs(5),
    }
}

/// Of an address a half of the room, and no less than the largest body.
fn feed_room(bytes: usize) -> FeedRoom {
    let size = RoomSize {
        bytes,
        of_address_bytes: bytes / 2,
    };
    FeedRoom::new(size, size)
}

fn limits(setup: Setup) -> PushLimits {
    PushLimits {
        auth_body: body(16 << 10),
        feed_body: body(8 << 20),
        auth: Some(per_minute(100)),
        count: Some(per_minute(60)),
        reports: setup.reports,
        feeds_per_address: setup.feeds_per_address,
    }
}

fn limiter<K: std::hash::Hash + Eq + Clone + std::fmt::Display>(
    name: &'static str,
    clock: &Arc<dyn Clock>,
) -> Limiter<K> {
    Limiter::new(name, 10_000, &Buckets::Memory, Arc::clone(clock))
}

fn open_state(ground: &Ground) -> Database {
    let state = ground.open("reportd");
    reportd_platform::MIGRATIONS.apply(&state).unwrap();
    reportd_push::STATE_MIGRATIONS.apply(&state).unwrap();
    state
}

fn open_views(ground: &Ground) -> Database {
    let views = ground.open("reportd_views_1");
    reportd_journal::MIGRATIONS.apply(&views).unwrap();
    reportd_push::migrate_views(&views).unwrap();
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
        vec![Box::new(PushView::default())],
        pace,
    )
    .unwrap()
}

fn open_journal(
    ground: &Ground,
    clock: Arc<dyn Clock>,
    metrics: &Metrics,
    node: &str,
) -> Arc<Journal> {
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
            let tables = DayTables::open(&db, Arc::clone(&clock), node).unwrap();
            Journal::open_shared(Arc::new(tables), clock, options, metrics)
        }
        None => {
            let files = DayFiles::open(&ground.path().join("journal")).unwrap();
            Journal::open(Arc::new(files), clock, options, metrics)
        }
    };
    opened.unwrap()
}
