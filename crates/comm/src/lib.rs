//! Bot event reports (通用数据上报): from the wire to the read API.
//!
//! The way of a report, left to right: [`routes`] takes the request, [`intake`] decides on it and writes the entry
//! ([`entry`]), the journal makes it durable, [`view`] folds it into counts, [`query`] reads them, [`api`] shows them.

mod api;
mod compare;
mod counts;
mod entry;
pub mod export;
mod intake;
mod metrics;
mod query;
mod raw_report;
mod registry;
mod rejections;
mod routes;
mod schema;
mod settings;
mod upkeep;
mod view;

use std::net::IpAddr;
use std::sync::Arc;

use reportd_journal::{FreshViews, Journal, Kind};
use reportd_platform::AppNo;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::limiter::Limiter;
use reportd_platform::rate_limit::Rate;
use reportd_platform::web::{Api, BodyLimits};

pub use api::{api_openapi, api_routes};
pub use metrics::CommMetrics;
pub use raw_report::RawReport;
pub use registry::{Registry, install_standard_operations};
pub use rejections::{RejectionLimits, Rejections};
pub use routes::{protocol_openapi, protocol_routes};
pub use schema::{STATE_MIGRATIONS, VIEW_MIGRATIONS};
pub use settings::APP_SETTINGS;
pub use view::CommView;

/// Entries of this room in the journal.
pub const KIND: Kind = Kind(1);

/// What this room works with.
#[derive(Clone)]
pub struct Comm {
    /// Apps, tokens and keys, and the store of the state.
    pub directory: Arc<Directory>,
    /// Operations and settings by app.
    pub registry: Arc<Registry>,
    /// Where reports go.
    pub journal: Arc<Journal>,
    /// What is read.
    pub views: FreshViews,
    /// Rejected requests.
    pub rejections: Arc<Rejections>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What this room counts.
    pub metrics: Arc<CommMetrics>,
    /// Limits of the requests of bots.
    pub limits: IntakeLimits,
    /// Requests by app, where the app limits them.
    pub app_limiter: Arc<Limiter<AppNo>>,
    /// Requests by address, where they are limited.
    pub address_limiter: Arc<Limiter<IpAddr>>,
    /// What all API calls share.
    pub api: Api,
}

/// Limits of the requests of bots.
#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    /// Of a body.
    pub body: BodyLimits,
    /// Requests that an address may send; none where there is no limit.
    pub per_address: Option<Rate>,
}
