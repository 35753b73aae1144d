//! The kinds of reports: what each brings to the commands and to a server. A new kind is a file here and a line in
//! [`KINDS`].

mod comm;
mod dialogue;
mod ground;
mod playback;
mod push;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError, Tx};
use reportd_journal::View;
use reportd_platform::apps::AppError;
use reportd_platform::clock::Clock;
use reportd_platform::directory::{Directory, FailureLimit, Follower};
use reportd_platform::limiter::{Buckets, Limiter};
use reportd_platform::metrics::{Metrics, ProtocolMetrics};
use reportd_platform::rate_limit::Rate;
use reportd_platform::reseal::SealedColumn;
use reportd_platform::seal::KeySource;
use reportd_platform::settings::AppSetting;
use tokio::task::JoinHandle;
use utoipa::openapi::OpenApi;

pub(crate) use self::ground::{Ground, limiter};
use crate::data_folder::DataFolder;
use crate::settings::Settings;
use crate::status::KindCount;
use crate::stores::Stores;

/// All kinds of reports.
pub(crate) const KINDS: &[ReportKind] = &[
    comm::COMM,
    playback::PLAYBACK,
    push::PUSH,
    dialogue::DIALOGUE,
];

/// Makes tables in a store of views.
type MigrateViews = fn(&Database) -> Result<(), DbError>;

/// A kind of reports, as it is known without a store.
pub(crate) struct ReportKind {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its tables in the state store.
    pub(crate) state_migrations: Migrations,
    /// Makes its tables in a store of views, and brings those of an older store along; where it folds anything.
    pub(crate) migrate_views: Option<MigrateViews>,
    /// Its sealed secrets.
    pub(crate) sealed_columns: &'static [SealedColumn],
    /// The settings that an app can have of it.
    pub(crate) app_settings: &'static [AppSetting],
    /// Gives an app that was just created what every app begins with, by the app's id.
    pub(crate) furnish_app: fn(&mut Tx<'_>, &str) -> Result<(), AppError>,
    /// Brings the state up to what is kept in the data folder, which a restore leaves as it is.
    pub(crate) settle_state: fn(&Database, &DataFolder) -> Result<(), DbError>,
    /// Whether its protocol is spoken. Its API is there in any case, and what is in the journal is folded.
    pub(crate) is_enabled: fn(&Settings) -> bool,
    /// What its protocol adds to the OpenAPI document.
    pub(crate) protocol_openapi: fn() -> OpenApi,
    /// What its API adds to the OpenAPI document.
    pub(crate) api_openapi: fn() -> OpenApi,
    /// Takes it into memory, over the state store. What it follows is loaded by the directory.
    pub(crate) load: fn(&Database, &KeySource, &Metrics) -> Arc<dyn LoadedKind>,
}

/// Brings the state up to what is kept in the data folder.
pub(crate) fn settle_state(state: &Database, folder: &DataFolder) -> Result<(), DbError> {
    KINDS
        .iter()
        .try_for_each(|kind| (kind.settle_state)(state, folder))
}

/// A kind of reports in memory, for a command or a server.
pub(crate) trait LoadedKind: Send + Sync {
    /// What changes with apps and their settings.
    fn followers(&self) -> Vec<Arc<dyn Follower>>;
    /// Its views, made anew: each fold has views of its own, since a view remembers what it met in its store.
    fn views(&self) -> Vec<Box<dyn View>>;
    /// The same kind, whose folds count in no metric.
    fn uncounted(&self) -> Arc<dyn LoadedKind>;
    /// What its protocol counts.
    fn protocol_metrics(&self) -> &ProtocolMetrics;
    /// Opens it to clients.
    fn open(&self, ground: &Ground<'_>) -> anyhow::Result<OpenKind>;
    /// What waits in the state store for somebody, by what to call it.
    fn standing(&self, _state: &Database) -> Result<Vec<(&'static str, i64)>, DbError> {
        Ok(Vec::new())
    }
    /// Ends what it does by itself, once no request comes any more.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// A kind of reports that is open to clients.
pub(crate) struct OpenKind {
    /// Routes of its API.
    pub(crate) api: Router,
    /// Routes of its protocol; they are left out where it is not enabled.
    pub(crate) protocol: Router,
    /// What it does now and then beside requests, until it is aborted.
    pub(crate) upkeep: Vec<JoinHandle<()>>,
    /// What writes what the routes have left to be written; it ends by itself when they are gone.
    pub(crate) writers: Vec<JoinHandle<()>>,
}

/// All kinds of reports, in memory.
#[derive(Clone)]
pub(crate) struct LoadedKinds(Vec<Arc<dyn LoadedKind>>);

impl LoadedKinds {
    /// Takes all kinds into memory; a directory that is opened with the followers loads what follows it.
    pub(crate) fn load(state: &Database, keys: &KeySource, metrics: &Metrics) -> Self {
        Self(
            KINDS
                .iter()
                .map(|kind| (kind.load)(state, keys, metrics))
                .collect(),
        )
    }

    /// All kinds for a command, by the settings that the store holds now.
    pub(crate) fn at_rest(stores: &Stores, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let state = stores.state()?;
        let kinds = Self::load(&state, &stores.folder.key_source(), &Metrics::default());
        let failures = FailureLimit {
            rate: Rate { per_minute: 1 },
            limiter: Limiter::new("failure", 1, &Buckets::Memory, Arc::clone(clock)),
        };
        // What follows is loaded with the apps that it belongs to.
        Directory::open(state, Arc::clone(clock), failures, kinds.followers())?;
        Ok(kinds)
    }

    /// What changes with apps and their settings.
    pub(crate) fn followers(&self) -> Vec<Arc<dyn Follower>> {
        self.0.iter().flat_map(|kind| kind.followers()).collect()
    }

    /// The views of all kinds, made anew for a fold.
    pub(crate) fn views(&self) -> Vec<Box<dyn View>> {
        self.0.iter().flat_map(|kind| kind.views()).collect()
    }

    /// The same kinds, whose folds count in no metric.
    pub(crate) fn uncounted(&self) -> Self {
        Self(self.0.iter().map(|kind| kind.uncounted()).collect())
    }

    /// What each has counted since the start.
    pub(crate) fn counted(&self) -> Vec<KindCount> {
        let count = |(kind, loaded): (&ReportKind, &Arc<dyn LoadedKind>)| {
            let metrics = loaded.protocol_metrics();
            KindCount {
                kind: kind.name,
                requests: metrics.requests.get(),
                reports: metrics.reports.get(),
            }
        };
        KINDS.iter().zip(&self.0).map(count).collect()
    }

    /// What waits in the state store for somebody, by what to call it.
    pub(crate) fn standing(&self, state: &Database) -> Result<BTreeMap<String, i64>, DbError> {
        let mut all = BTreeMap::new();
        for kind in &self.0 {
            let figures = kind.standing(state)?.into_iter();
            all.extend(figures.map(|(name, count)| (name.to_owned(), count)));
        }
        Ok(all)
    }

    /// Ends what they do by themselves, once no request comes any more.
    pub(crate) async fn close(&self) {
        for kind in &self.0 {
            kind.close().await;
        }
    }

    /// Opens all kinds to clients: as one.
    pub(crate) fn open(&self, ground: &Ground<'_>) -> anyhow::Result<OpenKinds> {
        self.open_some(ground, |_| true)
    }

    /// Opens some of the kinds to clients: as one.
    pub(crate) fn open_some(
        &self,
        ground: &Ground<'_>,
        is_opened: impl Fn(&ReportKind) -> bool,
    ) -> anyhow::Result<OpenKinds> {
        let mut all = OpenKinds::default();
        let known = KINDS.iter().zip(&self.0);
        for (kind, loaded) in known.filter(|(kind, _)| is_opened(kind)) {
            let open = loaded.open(ground)?;
            all.api = all.api.merge(open.api);
            if (kind.is_enabled)(ground.settings) {
                all.protocols = all.protocols.merge(open.protocol);
            }
            all.upkeep.extend(open.upkeep);
            all.writers.extend(open.writers);
        }
        Ok(all)
    }
}

/// All kinds of reports, open to clients.
#[derive(Default)]
pub(crate) struct OpenKinds {
    /// Routes of all APIs.
    pub(crate) api: Router,
    /// Routes of the protocols that are enabled.
    pub(crate) protocols: Router,
    /// What they do now and then beside requests, until it is aborted.
    pub(crate) upkeep: Vec<JoinHandle<()>>,
    /// What ends by itself when the routes are gone, and all that they have left is written.
    pub(crate) writers: Vec<JoinHandle<()>>,
}
