//! Push reports (推送报表): from the feeds of a gateway to the seven reports.
//!
//! The way of an event, left to right: [`routes`] takes the feed, [`intake`] makes an entry of it ([`entry`]), the journal
//! makes it durable, [`view`] folds it into marks and counters, [`query`] reads them, [`routes`] and [`api`] show them.

mod api;
mod compare;
mod deed;
mod entry;
pub mod export;
mod feed_room;
mod figures;
mod gather;
mod intake;
mod marks;
mod metrics;
mod numbers;
#[cfg(test)]
mod plans;
mod query;
mod raw_event;
mod registry;
mod routes;
mod schema;
mod seen;
mod settings;
mod tally;
mod tokens;
mod users;
mod view;
mod widen;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use reportd_journal::{FreshViews, Journal, Kind};
use reportd_platform::AppNo;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::limiter::Limiter;
use reportd_platform::random::Random;
use reportd_platform::rate_limit::Rate;
use reportd_platform::web::{Api, BodyLimits};

pub use api::{api_openapi, api_routes};
pub use feed_room::FeedRoom;
pub use metrics::PushMetrics;
pub use raw_event::RawEvent;
pub use registry::Registry;
pub use routes::{protocol_openapi, protocol_routes};
pub use schema::STATE_MIGRATIONS;
pub use tokens::{MetTokens, TokenKey};
pub use view::PushView;
pub use widen::migrate_views;

/// Entries of this room in the journal.
pub const KIND: Kind = Kind(2);

/// What this room works with.
#[derive(Clone)]
pub struct Push {
    /// Apps and keys, and the store of the state.
    pub directory: Arc<Directory>,
    /// Credentials and settings by app.
    pub registry: Arc<Registry>,
    /// Where events go.
    pub journal: Arc<Journal>,
    /// What is read.
    pub views: FreshViews,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Draws tokens.
    pub random: Arc<dyn Random>,
    /// Tokens that were looked up a moment ago.
    pub met_tokens: Arc<MetTokens>,
    /// Proves tokens.
    pub token_key: Arc<TokenKey>,
    /// What this room counts.
    pub metrics: Arc<PushMetrics>,
    /// Limits of requests.
    pub limits: PushLimits,
    /// Room for large requests of feeds.
    pub feed_room: Arc<FeedRoom>,
    /// Requests by app and call, where they are limited.
    pub call_limiter: Arc<Limiter<LimitedCall>>,
    /// Requests of feeds by address, where they are limited.
    pub address_limiter: Arc<Limiter<IpAddr>>,
    /// What all API calls share.
    pub api: Api,
}

/// Limits of requests.
#[derive(Debug, Clone, Copy)]
pub struct PushLimits {
    /// Of the body of `/auth`.
    pub auth_body: BodyLimits,
    /// Of the body of a feed: of what is sent, and of what comes out of it where it is packed.
    pub feed_body: BodyLimits,
    /// `/auth` by app; none where there is no limit. The spec's default is 100 a minute.
    pub auth: Option<Rate>,
    /// `/report/push/count` by app. The spec's default is 60 a minute.
    pub count: Option<Rate>,
    /// Each other report by app. Off by default.
    pub reports: Option<Rate>,
    /// Requests of feeds that an address may send.
    pub feeds_per_address: Option<Rate>,
}

/// What a rate limit under `/v2` counts: a call of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitedCall {
    /// Whose call.
    app: AppNo,
    /// Which call.
    call: &'static str,
}

impl fmt::Display for LimitedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.app, self.call)
    }
}
