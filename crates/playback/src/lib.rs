//! Playback reports (视频观看数据上报): from the beats of players to histories, resume points and figures.
//!
//! The way of a report, left to right: [`routes`] takes it, [`intake`] makes an entry of it ([`entry`]), the journal makes
//! it durable, [`view`] folds it, [`query`] reads what it adds up to, [`routes`] and [`api`] show it.

mod api;
mod catalogue;
mod compare;
mod entry;
mod erasure;
pub mod export;
mod figures;
mod gather;
mod generations;
mod import;
mod intake;
mod metrics;
mod now;
#[cfg(test)]
mod plans;
mod plays;
mod query;
mod reach;
mod read;
mod recent;
mod registry;
mod routes;
mod schema;
mod seen;
mod sessions;
mod settings;
mod view;
mod viewers;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reportd_journal::{FreshViews, Journal, Kind};
use reportd_platform::AppNo;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::limiter::Limiter;
use reportd_platform::random::Random;
use reportd_platform::rate_limit::Rate;
use reportd_platform::seal::KeySource;
use reportd_platform::web::{Api, BodyLimits};

pub use api::{api_openapi, api_routes};
pub use erasure::{ErasureFile, apply_erasures};
pub use export::RawBeat;
pub use import::{ImportError, Importer};
pub use metrics::PlaybackMetrics;
pub use now::NowRegister;
pub use registry::{Registry, SEALED_COLUMNS};
pub use routes::{protocol_openapi, protocol_routes};
pub use schema::{STATE_MIGRATIONS, VIEW_MIGRATIONS};
pub use sessions::{DEFAULT_SESSION_LIFE_MS, Issued, SessionError, create as create_session};
pub use view::PlaybackView;
pub use viewers::Viewers;

/// Entries of this room in the journal.
pub const KIND: Kind = Kind(3);

/// What this room works with.
#[derive(Clone)]
pub struct Playback {
    /// Apps and keys, and the store of the state.
    pub directory: Arc<Directory>,
    /// Settings, session keys and sessions, in memory.
    pub registry: Arc<Registry>,
    /// The numbers of viewers.
    pub viewers: Arc<Viewers>,
    /// Who is viewing now.
    pub now: Arc<NowRegister>,
    /// The erasures that were made, beside the store.
    pub erasures: Arc<ErasureFile>,
    /// Where beats go.
    pub journal: Arc<Journal>,
    /// What is read.
    pub views: FreshViews,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long it takes until all other nodes have heard of a change; nothing where there are none.
    pub others_hear_in: Duration,
    /// Draws sessions and numbers.
    pub random: Arc<dyn Random>,
    /// Opens and seals session keys.
    pub master_keys: KeySource,
    /// What this room counts.
    pub metrics: Arc<PlaybackMetrics>,
    /// Limits of requests.
    pub limits: PlaybackLimits,
    /// Requests by app, where they are limited.
    pub app_limiter: Arc<Limiter<AppNo>>,
    /// Requests by address, where they are limited.
    pub address_limiter: Arc<Limiter<IpAddr>>,
    /// What all API calls share.
    pub api: Api,
}

/// Limits of requests.
#[derive(Debug, Clone, Copy)]
pub struct PlaybackLimits {
    /// Of the body of a report.
    pub body: BodyLimits,
    /// Requests of an app's viewers; none where there is no limit.
    pub per_app: Option<Rate>,
    /// Requests from an address; none where there is no limit.
    pub per_address: Option<Rate>,
    /// How long a session lives that is issued without a life of its own, in ms.
    pub session_life_ms: i64,
}
