//! A console for tests: a store of its own, a stub of the API that the test gives, and people who are logged in.
//!
//! ```ignore
//! run(async {
//!     let world = World::new(Router::new().route("/api/apps/{app}/comm/series", get(|| async { r#"{"points":[]}"# })));
//!     let visitor = world.visitor(Role::Viewer).await;
//!     let (status, html) = visitor.get("/console/apps/bots/comm").await;
//! });
//! ```

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use reportd_db::Database;
use reportd_platform::access::Role;
use reportd_platform::apps::{self, NewApp};
use reportd_platform::clock::{Clock, ManualClock};
use reportd_platform::credentials::Vault;
use reportd_platform::directory::{Directory, FailureLimit};
use reportd_platform::limiter::{Buckets, Limiter};
use reportd_platform::people::{HashedPassword, Limits, create_person, password_of};
use reportd_platform::random::SeededRandom;
use reportd_platform::rate_limit::Rate;
use reportd_platform::seal::MasterKey;
use reportd_platform::secret::Secret;
use reportd_testbed::{Ground, StoreKind};
use tower::ServiceExt;

use crate::{Console, Parts, session};

/// The apps of a world.
pub(crate) const APPS: [&str; 2] = ["bots", "other"];
/// The password of all people.
pub(crate) const PASSWORD: &str = "correct horse";
/// When a world begins: 2026-11-21 in the middle of the day.
pub(crate) const NOW_MS: i64 = 1_795_233_600_000;
/// Attempts to log in that an account has in a minute.
pub(crate) const LOGINS_PER_MINUTE: u32 = 6;

/// A console on a store of its own.
pub(crate) struct World {
    pub(crate) console: Console,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) db: Database,
    router: Router,
    _ground: Ground,
}

impl World {
    /// A console over `api`, on an embedded store.
    pub(crate) fn new(api: Router) -> Self {
        Self::on(StoreKind::Embedded, api)
    }

    pub(crate) fn on(kind: StoreKind, api: Router) -> Self {
        let ground = Ground::new(kind);
        let db = ground.open("state");
        reportd_platform::MIGRATIONS.apply(&db).unwrap();
        crate::MIGRATIONS.apply(&db).unwrap();
        for id in APPS {
            create_app(&db, id);
        }
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let console = console(&db, api, &clock);
        Self {
            router: crate::routes(console.clone()),
            console,
            clock,
            db,
            _ground: ground,
        }
    }

    /// Makes a person of that role, whose name is the role's.
    pub(crate) fn create(&self, role: Role, app_ids: &[&str]) {
        self.create_named(role.name(), role, app_ids, false);
    }

    pub(crate) fn create_named(&self, name: &str, role: Role, app_ids: &[&str], must_change: bool) {
        self.create_person(name, (role, app_ids, &[]), must_change);
    }

    /// Makes a person who is limited to categories of apps.
    pub(crate) fn create_limited(
        &self,
        name: &str,
        role: Role,
        app_ids: &[&str],
        categories: &[&str],
    ) {
        self.create_person(name, (role, app_ids, categories), false);
    }

    fn create_person(
        &self,
        name: &str,
        (role, app_ids, categories): (Role, &[&str], &[&str]),
        must_change: bool,
    ) {
        static HASH: OnceLock<HashedPassword> = OnceLock::new();
        let hash = HASH.get_or_init(|| {
            HashedPassword::of(&Secret::new(PASSWORD), &SeededRandom::new(1)).unwrap()
        });
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let (app_ids, categories): (Vec<_>, Vec<_>) = (owned(app_ids), owned(categories));
        let limits = Limits {
            role,
            app_ids: &app_ids,
            categories: &categories,
        };
        self.db
            .try_write(|tx| create_person(tx, name, limits, hash, must_change, NOW_MS))
            .unwrap();
    }

    /// Who is logged in, in a role, with all apps.
    pub(crate) async fn visitor(&self, role: Role) -> Visitor {
        self.create(role, &[]);
        self.log_in(role.name()).await
    }

    /// Who is logged in, in a role, with some apps.
    pub(crate) async fn visitor_of(&self, role: Role, app_ids: &[&str]) -> Visitor {
        self.create(role, app_ids);
        self.log_in(role.name()).await
    }

    /// Begins a session of a person that is there, without asking for the password.
    pub(crate) async fn log_in(&self, name: &str) -> Visitor {
        let found = self.db.read(|tx| password_of(tx, name)).unwrap().unwrap();
        self.console.directory.refresh().await.unwrap();
        let begun = session::begin(&self.console, name, found.1).await;
        let visitor = self.with_secret(begun.unwrap().reveal());
        Visitor {
            name: name.to_owned(),
            ..visitor
        }
    }

    /// Who has the secret of a session.
    pub(crate) fn with_secret(&self, secret: &str) -> Visitor {
        Visitor {
            secret: secret.to_owned(),
            ..self.stranger()
        }
    }

    /// Who is not logged in.
    pub(crate) fn stranger(&self) -> Visitor {
        Visitor {
            router: self.router.clone(),
            secret: String::new(),
            name: String::new(),
            language: "en",
        }
    }
}

fn create_app(db: &Database, id: &str) {
    let master = MasterKey::parse(&format!("hex:{}", "0".repeat(64))).unwrap();
    let vault = Vault {
        master: &master,
        random: &SeededRandom::new(id.len() as u64),
    };
    let app = NewApp {
        id: id.to_owned(),
        name: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        given: Vec::new(),
    };
    db.try_write(|tx| apps::create(tx, &app, &vault, NOW_MS))
        .unwrap();
}

fn console(db: &Database, api: Router, clock: &Arc<ManualClock>) -> Console {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let failures = FailureLimit {
        rate: Rate { per_minute: 6 },
        limiter: Limiter::new("failure", 8, &Buckets::Memory, Arc::clone(&clock)),
    };
    let directory = Directory::open(db.clone(), Arc::clone(&clock), failures, Vec::new());
    Console::new(Parts {
        directory: Arc::new(directory.unwrap()),
        api,
        clock,
        random: Arc::new(SeededRandom::new(7)),
        buckets: Buckets::Memory,
        logins_per_minute: LOGINS_PER_MINUTE,
        secure_cookies: false,
    })
    .unwrap()
}

/// A browser, logged in or not.
#[derive(Clone)]
pub(crate) struct Visitor {
    router: Router,
    /// Of the session; empty where there is none.
    secret: String,
    /// Of the person, where it is known.
    name: String,
    language: &'static str,
}

impl Visitor {
    /// The same, who reads Chinese.
    pub(crate) fn in_chinese(mut self) -> Self {
        self.language = "zh-CN";
        self
    }

    /// What forms of the session send back.
    pub(crate) fn csrf(&self) -> String {
        session::csrf_of(&self.secret, &self.name)
    }

    /// A page.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        text(self.ask(Method::GET, path, &[], "").await).await
    }

    /// Sends a form, with the csrf token of the session.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
        text(self.post_with(path, &[], form).await).await
    }

    /// Sends a form, with the csrf token of the session and these headers.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Response<Body> {
        let csrf = ("csrf", self.csrf());
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form).extend_pairs([csrf]);
        self.ask(Method::POST, path, headers, &body.finish()).await
    }

    /// Sends a request as it is.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Body> {
        let cookie = format!("{}={}", session::SESSION, self.secret);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT_LANGUAGE, self.language)
            .header(header::HOST, "here:8300")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

/// A status, and a page or where a reply leads to.
pub(crate) async fn text(response: Response<Body>) -> (StatusCode, String) {
    let (parts, body) = response.into_parts();
    if let Some(address) = parts.headers.get(header::LOCATION) {
        return (parts.status, address.to_str().unwrap().to_owned());
    }
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(body.to_vec()).unwrap())
}
