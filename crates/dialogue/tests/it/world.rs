//! The room with its store, of either kind.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use reportd_db::{Database, Desk};
use reportd_dialogue::callback::{
    CallbackMetrics, Dispatcher, Network, Options, Parts, Pending, Trust,
};
use reportd_dialogue::query::Ticket;
use reportd_dialogue::tickets::{Actor, Judgement, TicketError, Wanted};
use reportd_dialogue::{
    Dialogue, DialogueLimits, DialogueMetrics, Monitor, Registry, StreamOptions, Streams,
    api_routes, protocol_routes,
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
use reportd_platform::web::{Api, BodyLimits, BodyRoom, RoomSize};
use reportd_protocol::dialogue::{
    AesMode, Cipher, CipherSettings, IvSetting, MAX_BODY_BYTES, PATH, content_text, report_form,
};
use reportd_testbed::{Ground, StoreKind};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Room for large reports: of an address one of the largest.
const ROOM: RoomSize = RoomSize {
    bytes: 4 * MAX_BODY_BYTES,
    of_address_bytes: MAX_BODY_BYTES,
};

/// 2026-11-21T12:00:00 in Shanghai.
pub(crate) const NOON_MS: i64 = 1_795_233_600_000;

/// Each room that is opened draws other bytes.
static DRAWS: AtomicU64 = AtomicU64::new(1);

/// The apps: their ids and AES keys.
pub(crate) const ONE: App = App {
    id: "app-One_1",
    key: "0123456789abcdef",
};
pub(crate) const TWO: App = App {
    id: "two",
    key: "fedcba9876543210",
};

/// An app as its clients know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App {
    pub(crate) id: &'static str,
    pub(crate) key: &'static str,
}

impl App {
    /// The cipher of the app's clients, as apps have it by default.
    pub(crate) fn cipher(self) -> Cipher {
        cipher(
            self.key.as_bytes(),
            AesMode::Aes128Cbc,
            IvSetting::Prepended,
        )
    }
}

pub(crate) fn cipher(key: &[u8], mode: AesMode, iv: IvSetting) -> Cipher {
    let settings = CipherSettings {
        mode,
        iv,
        key,
        php_key: false,
        zero_padding: false,
    };
    Cipher::new(&settings).unwrap()
}

/// A report of a dialogue of two users, with this id.
pub(crate) fn report(report_id: &str) -> Value {
    json!({
        "uniqid": "u-1", "report_id": report_id, "category": "chat", "redirect": "https://receiver.example/cb",
        "timestamp": NOON_MS / 1000,
        "users": {"id_1": {"name": "A"}, "id_2": {"name": "B"}},
        "infos": [{"id": "1", "type": "text", "content": "hi", "time": 1_795_233_000}],
    })
}

/// The report with another value of a field.
pub(crate) fn with(mut report: Value, field: &str, value: Value) -> Value {
    report[field] = value;
    report
}

/// A moderator of that name.
pub(crate) fn moderator(name: &str) -> Actor {
    Actor {
        name: name.to_owned(),
        key: "moderators".to_owned(),
        apps: None,
        categories: None,
        is_lead: false,
    }
}

/// A lead of that name.
pub(crate) fn lead(name: &str) -> Actor {
    Actor {
        is_lead: true,
        ..moderator(name)
    }
}

/// A verdict on a dialogue and some of its users.
pub(crate) fn judgement(dialogue: &str, users: &[(&str, &str)]) -> Judgement {
    let users = users.iter();
    Judgement {
        dialogue_result: dialogue.to_owned(),
        user_result: users
            .map(|&(user, label)| (user.to_owned(), label.to_owned()))
            .collect(),
        ..Judgement::default()
    }
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

    /// The `ec` of a reply of the protocol.
    pub(crate) fn ec(&self) -> i64 {
        self.json()["ec"].as_i64().unwrap_or(-1)
    }

    /// The `em` of a reply of the protocol.
    pub(crate) fn em(&self) -> String {
        self.json()["em"].as_str().unwrap_or_default().to_owned()
    }

    /// The ticket of a report that was taken.
    pub(crate) fn ticket(&self) -> i64 {
        assert_eq!((self.status, self.ec()), (200, 0), "{}", self.text);
        let id = &self.json()["data"]["ticket_id"];
        id.as_str().unwrap().parse().unwrap()
    }
}

/// What a test may want otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Failed authentications a minute.
    pub(crate) failures: u32,
    /// Reports a minute of an app.
    pub(crate) per_app: Option<u32>,
    /// Reports a minute of an address.
    pub(crate) per_address: Option<u32>,
    /// How streams of events are kept.
    pub(crate) streams: StreamOptions,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            failures: 1_000_000,
            per_app: None,
            per_address: None,
            streams: StreamOptions {
                most: 8,
                ..StreamOptions::default()
            },
        }
    }
}

/// The room, running.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dialogue: Dialogue,
    pub(crate) admin: String,
    pub(crate) router: Router,
    pub(crate) runtime: Runtime,
    ground: Arc<Ground>,
    setup: Setup,
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
        let random = SeededRandom::new(1);
        let admin =
            state.try_write(|tx| create_key(tx, "admin", Role::Admin, None, &random, NOON_MS));
        let admin = admin.unwrap().reveal().to_owned();
        let clock = Arc::new(ManualClock::at(NOON_MS));
        Self::open(ground, clock, admin, setup, "node")
    }

    fn open(
        ground: Arc<Ground>,
        clock: Arc<ManualClock>,
        admin: String,
        setup: Setup,
        node: &str,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let state = open_state(&ground);
        let dialogue = open_room(&ground, &runtime, state, &clock, setup, node);
        let router = protocol_routes(dialogue.clone()).merge(api_routes(dialogue.clone()));
        Self {
            clock,
            dialogue,
            admin,
            router,
            runtime,
            ground,
            setup,
        }
    }

    /// Another node on the same store; none where there can be but one.
    pub(crate) fn peer(&self) -> Option<Self> {
        self.ground.url()?;
        let (ground, clock) = (Arc::clone(&self.ground), Arc::clone(&self.clock));
        let admin = self.admin.clone();
        Some(Self::open(ground, clock, admin, self.setup, "peer"))
    }

    /// Runs what is async.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
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
        self.run(answer(self.router.clone(), request))
    }

    /// Posts a body to the protocol's path, as a form.
    pub(crate) fn post(&self, body: impl Into<Body>) -> Reply {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.send(&Method::POST, PATH, &form, body)
    }

    /// Files a report of an app.
    pub(crate) fn file(&self, app: App, report: &Value) -> Reply {
        self.post(form(app, report))
    }

    /// Calls the API with the admin's key.
    pub(crate) fn api(&self, method: &Method, path: &str, body: &Value) -> Reply {
        let key = format!("Bearer {}", self.admin);
        let headers = [("authorization", key.as_str())];
        self.send(method, path, &headers, body.to_string())
    }

    /// Changes the settings of an app.
    pub(crate) fn put_settings(&self, app: App, settings: &Value) {
        let path = format!("/api/apps/{}/dialogue/settings", app.id);
        let reply = self.api(&Method::PUT, &path, settings);
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    pub(crate) fn claim(&self, who: &Actor, ticket: i64) -> Result<Ticket, TicketError> {
        self.run(self.dialogue.claim(who.clone(), ticket))
    }

    pub(crate) fn next(&self, who: &Actor) -> Option<Ticket> {
        let next = self.dialogue.claim_next(who.clone(), Wanted::default());
        self.run(next).unwrap()
    }

    pub(crate) fn judge(
        &self,
        who: &Actor,
        ticket: i64,
        judgement: Judgement,
    ) -> Result<Ticket, TicketError> {
        self.run(self.dialogue.judge(who.clone(), ticket, judgement))
    }

    /// A number that the store holds.
    pub(crate) fn int(&self, sql: &str) -> i64 {
        self.dialogue
            .state
            .read(|tx| tx.query_int(sql, &[]))
            .unwrap()
    }

    /// Renames a table, so that the store fails.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        self.dialogue.state.execute(&sql, &[]).unwrap();
    }

    /// Replaces a credential of an app, as `reportd app rotate` does.
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
        let state = &self.dialogue.state;
        state
            .try_write(|tx| {
                credentials::rotate(tx, app.id, &[kind], &given, grace_ms, &vault, now_ms)
            })
            .unwrap();
    }

    /// Changes settings of an app, as `reportd app set` does.
    pub(crate) fn set(&self, app: App, name: &str, value: &str) {
        let known = [credentials::AES_MODE, credentials::AES_IV];
        let change = [(name.to_owned(), value.to_owned())];
        let state = &self.dialogue.state;
        state
            .try_write(|tx| apps::set(tx, app.id, &change, &known, self.clock.now_ms()))
            .unwrap();
        self.dialogue.directory.reload_if_changed().unwrap();
    }

    /// Disables or enables an app, as the command does.
    pub(crate) fn set_disabled(&self, app: App, disabled: bool) {
        let state = &self.dialogue.state;
        state
            .try_write(|tx| apps::set_disabled(tx, app.id, disabled))
            .unwrap();
        self.dialogue.directory.reload_if_changed().unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // As a server does that is stopped. A test that has failed has said why.
        if !std::thread::panicking() {
            self.runtime.block_on(self.dialogue.close());
        }
    }
}

/// Sends a request to a router.
pub(crate) async fn answer(router: Router, request: Request<Body>) -> Reply {
    let reply = router.oneshot(request).await.unwrap();
    let (head, body) = reply.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// The form that files a report of an app.
pub(crate) fn form(app: App, report: &Value) -> String {
    sealed(app.id, &app.cipher(), report.to_string().as_bytes())
}

/// A form with this text, encrypted so.
pub(crate) fn sealed(app_id: &str, cipher: &Cipher, text: &[u8]) -> String {
    let draw = DRAWS.fetch_add(1, Ordering::Relaxed);
    let iv = u128::from(draw).to_be_bytes();
    report_form(app_id, &content_text(text, cipher, iv))
}

/// A network on which nobody is: callbacks fail at once, and none leaves the machine.
struct Nowhere;

impl Network for Nowhere {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Pending<'a, Vec<SocketAddr>> {
        Box::pin(async { Err(io::Error::other("there is no network")) })
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, tokio::net::TcpStream> {
        Box::pin(async { Err(io::Error::other("there is no network")) })
    }
}

fn open_room(
    ground: &Ground,
    runtime: &Runtime,
    state: Database,
    clock: &Arc<ManualClock>,
    setup: Setup,
    node: &str,
) -> Dialogue {
    let time: Arc<dyn Clock> = Arc::clone(clock) as _;
    let metrics = Metrics::default();
    let registry = Arc::new(Registry::new(Arc::new(|| Ok(Some(master())))));
    let failures = FailureLimit {
        rate: per_minute(setup.failures),
        limiter: limiter("failure", &time),
    };
    let followers = vec![Arc::clone(&registry) as _];
    let directory = Directory::open(state.clone(), Arc::clone(&time), failures, followers);
    let directory = Arc::new(directory.unwrap());
    let lanes = if ground.url().is_some() { 4 } else { 1 };
    let desk = Arc::new(Desk::new(state.clone(), lanes).unwrap());
    let draws = DRAWS.fetch_add(1, Ordering::Relaxed);
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(draws));
    let parts = Parts {
        state: state.clone(),
        desk: Arc::clone(&desk),
        senders: Arc::clone(&registry) as _,
        network: Arc::new(Nowhere),
        trust: Trust::System,
        clock: Arc::clone(&time),
        random: Arc::clone(&random),
        node: node.into(),
        is_alone: ground.url().is_none(),
        metrics: Arc::new(CallbackMetrics::default()),
    };
    let dispatcher = runtime.block_on(Dispatcher::start(parts, Options::default()));
    Dialogue {
        directory: Arc::clone(&directory),
        registry,
        state,
        desk,
        dispatcher: dispatcher.unwrap(),
        clock: Arc::clone(&time),
        random,
        metrics: Arc::new(DialogueMetrics::register(&metrics)),
        monitor: Arc::new(Monitor::register(&metrics)),
        sights: Arc::default(),
        streams: Arc::new(Streams::new(setup.streams)),
        limits: DialogueLimits {
            body: body(MAX_BODY_BYTES),
            reports_per_app: setup.per_app.map(per_minute),
            reports_per_address: setup.per_address.map(per_minute),
        },
        discards: false,
        app_limiter: Arc::new(limiter("dialogue app", &time)),
        address_limiter: Arc::new(limiter("dialogue address", &time)),
        body_room: Arc::new(BodyRoom::new(ROOM, ROOM)),
        api: Api {
            directory,
            body_limits: body(1 << 20),
        },
    }
}

fn create_app(state: &Database, app: App) {
    let new = NewApp {
        id: app.id.to_owned(),
        name: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        given: vec![Issued {
            kind: CredentialKind::AesKey,
            secret: Secret::new(app.key),
        }],
    };
    let draws = DRAWS.fetch_add(1, Ordering::Relaxed);
    let (master, random) = (master(), SeededRandom::new(draws));
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

fn per_minute(per_minute: u32) -> Rate {
    Rate { per_minute }
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

fn open_state(ground: &Ground) -> Database {
    let state = ground.open("reportd");
    reportd_platform::MIGRATIONS.apply(&state).unwrap();
    reportd_dialogue::MIGRATIONS.apply(&state).unwrap();
    state
}
