//! The room with its stores, of either kind.

mod open;
mod requests;

use std::sync::Arc;

use axum::Router;
use reportd_db::Database;
use reportd_journal::{Block, Journal, Projector, Replay, Sought, Span};
use reportd_platform::access::{Role, create_key};
use reportd_platform::apps::{self, NewApp};
use reportd_platform::clock::{Clock, ManualClock};
use reportd_platform::credentials::Vault;
use reportd_platform::directory::Directory;
use reportd_platform::metrics::Metrics;
use reportd_platform::random::SeededRandom;
use reportd_platform::rate_limit::Rate;
use reportd_platform::seal::MasterKey;
use reportd_protocol::playback::SigningKey;
use reportd_testbed::{Ground, StoreKind};
use tokio::runtime::Runtime;

pub(crate) use self::requests::{Reply, Session, urlencoded};

/// 2026-11-21T12:00:00 in Shanghai.
pub(crate) const NOON_MS: i64 = 1_795_233_600_000;

/// The apps.
pub(crate) const ONE: &str = "app-One_1";
pub(crate) const TWO: &str = "two";

/// The keys of a world, by role.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) admin: String,
    pub(crate) ingest: String,
    pub(crate) viewer: String,
    pub(crate) lead: String,
}

/// What a test may want otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Failed authentications a minute.
    pub(crate) failures: u32,
    /// Requests a minute of an app.
    pub(crate) per_app: Option<Rate>,
    /// Requests a minute from an address.
    pub(crate) per_address: Option<Rate>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            failures: 1_000_000,
            per_app: None,
            per_address: None,
        }
    }
}

/// The room, running.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) state: Database,
    pub(crate) directory: Arc<Directory>,
    pub(crate) metrics: Metrics,
    pub(crate) keys: Keys,
    pub(crate) journal: Arc<Journal>,
    store: Arc<dyn reportd_journal::BlockStore>,
    projector: Projector,
    router: Router,
    runtime: Runtime,
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
        let state = open::state(&ground);
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
            lead: key("lead", Role::Lead),
        };
        let clock = Arc::new(ManualClock::at(NOON_MS));
        Self::open(ground, clock, keys, setup, "node")
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
        let (keys, setup) = (self.keys.clone(), self.setup);
        Some(Self::open(ground, clock, keys, setup, "peer"))
    }

    /// Hears of what other nodes have changed, as a server does four times a second.
    pub(crate) fn poll(&self) {
        self.directory.reload_if_changed().unwrap();
    }

    /// How many entries this node has written.
    pub(crate) fn entries(&self) -> u64 {
        self.journal.end()
    }

    /// All that this node has written, block by block.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let ends = self.journal.folded_ends(reportd_playback::KIND);
        let streams = ends.unwrap().into_keys();
        let sought = Sought {
            span: Span {
                first_day: 0,
                from_ts_ms: i64::MIN,
                to_ts_ms: i64::MAX,
            },
            keys: Vec::new(),
            before: streams.map(|stream| (stream, self.journal.end())).collect(),
        };
        let mut replay = Replay::begin(&*self.store, sought).unwrap();
        let mut blocks = Vec::new();
        while let Some(head) = replay.next_head().unwrap() {
            blocks.push(replay.load(&head).unwrap());
        }
        blocks
    }

    /// Renames a table of the state, so that the store fails.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        self.state.execute(&sql, &[]).unwrap();
    }

    /// Disables or enables an app, as the command does.
    pub(crate) fn set_disabled(&self, app: &str, disabled: bool) {
        self.state
            .try_write(|tx| apps::set_disabled(tx, app, disabled))
            .unwrap();
        self.poll();
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
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
pub(crate) fn create_app(state: &Database, id: &str) {
    let new = NewApp {
        id: id.to_owned(),
        name: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        given: Vec::new(),
    };
    let (master, random) = (
        master(),
        SeededRandom::new(id.bytes().map(u64::from).sum::<u64>() << 32),
    );
    let vault = Vault {
        master: &master,
        random: &random,
    };
    state
        .try_write(|tx| apps::create(tx, &new, &vault, NOON_MS))
        .unwrap();
}

pub(crate) fn master() -> MasterKey {
    MasterKey::parse(&format!("hex:{}", "7".repeat(64))).unwrap()
}

pub(crate) fn per_minute(per_minute: u32) -> Rate {
    Rate { per_minute }
}

/// A shared secret, and the key that signs by it.
pub(crate) const SHARED: &str = "a shared secret of more than 32 bytes";

pub(crate) fn shared_key() -> SigningKey {
    SigningKey::hs256(SHARED.as_bytes()).unwrap()
}

/// A pair of keys.
pub(crate) fn pair(seed: u8) -> SigningKey {
    SigningKey::ed25519(&[seed; 32]).unwrap()
}

impl World {
    /// Where erased numbers are kept beside the store.
    pub(crate) fn erasures_path(&self) -> std::path::PathBuf {
        self.ground.path().join("erasures")
    }

    /// The store of the views.
    pub(crate) fn views(&self) -> Database {
        open::views(&self.ground)
    }

    /// The file of erased numbers.
    pub(crate) fn erasures(&self) -> reportd_playback::ErasureFile {
        reportd_playback::ErasureFile::at(self.erasures_path())
    }
}
