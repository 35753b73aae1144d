//! Push reports (推送报表): from the feeds of a gateway to the seven reports.
//!
//! The way of an event, left to right: [`routes`] takes the feed, [`intake`] makes an entry of it ([`entry`]), the journal
//! makes it durable, [`view`] folds it into marks and counters, [`query`] reads them, [`routes`] and [`api`] show them.

mod compare;
mod entry;
mod gather;
mod intake;
mod marks;
mod numbers;
mod query;
mod schema;
mod tally;
mod users;
mod view;

use std::net::IpAddr;
use std::sync::Arc;

use reportd_db::Database;
use reportd_journal::{Journal, Kind};
use reportd_platform::AppNo;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::limiter::Limiter;
use reportd_platform::random::Random;
use reportd_platform::rate_limit::Rate;
use reportd_platform::web::{Api, BodyLimits};

pub use schema::{STATE_MIGRATIONS, VIEW_MIGRATIONS};
pub use view::PushView;

/// Entries of this room in the journal.
pub const KIND: Kind = Kind(2);

/// What this room works with.
#[derive(Clone)]
pub struct Push {
    /// Apps and keys, and the store of the state.
    pub directory: Arc<Directory>,
    /// Where events go.
    pub journal: Arc<Journal>,
    /// The store of the views.
    pub views: Database,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Draws tokens.
    pub random: Arc<dyn Random>,
    /// What all API calls share.
    pub api: Api,
}
