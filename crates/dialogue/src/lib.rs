//! Dialogue reports (多人对话举报): encrypted abuse reports of a conversation become tickets, moderators judge them, and
//! the verdicts go back to who reported, for certain.
//!
//! The way of a report, left to right: [`routes`] takes and opens it, [`intake`] puts it into a ticket, [`tickets`] are
//! claimed and judged, [`callback`] delivers the verdict; [`query`] reads, [`api`] shows. There is no journal here: each
//! step is a transaction on the state store.

mod api;
mod audit;
pub mod callback;
mod events;
mod groups;
mod intake;
mod metrics;
mod monitor;
#[cfg(test)]
mod plans;
pub mod query;
mod registry;
mod retention;
mod routes;
mod schema;
mod settings;
mod sights;
mod streams;
pub mod tickets;

use std::net::IpAddr;
use std::sync::Arc;

use reportd_db::{Database, Desk};
use reportd_platform::AppNo;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::limiter::Limiter;
use reportd_platform::random::Random;
use reportd_platform::rate_limit::Rate;
use reportd_platform::web::{Api, BodyLimits, BodyRoom};

use callback::Dispatcher;

pub use api::{api_openapi, api_routes};
pub use audit::{AuditListing, MOST_RECORDS, Record};
pub use metrics::DialogueMetrics;
pub use monitor::Monitor;
pub use registry::{DialogueApp, Registry};
pub use retention::{Dropped, Retention};
pub use routes::{protocol_openapi, protocol_routes};
pub use schema::MIGRATIONS;
pub use settings::{Label, Settings};
pub use sights::Sights;
pub use streams::{StreamOptions, Streams};

/// What this room works with.
#[derive(Clone)]
pub struct Dialogue {
    /// Apps and keys.
    pub directory: Arc<Directory>,
    /// Credentials and settings by app.
    pub registry: Arc<Registry>,
    /// The store of tickets.
    pub state: Database,
    /// Where all changes of tickets are written.
    pub desk: Arc<Desk>,
    /// Sends callbacks.
    pub dispatcher: Arc<Dispatcher>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and initialisation vectors.
    pub random: Arc<dyn Random>,
    /// What this room counts.
    pub metrics: Arc<DialogueMetrics>,
    /// What each app has received, judged and delivered.
    pub monitor: Arc<Monitor>,
    /// Who has seen tickets while nothing could be written.
    pub sights: Arc<Sights>,
    /// Streams of events.
    pub streams: Arc<Streams>,
    /// Limits of requests.
    pub limits: DialogueLimits,
    /// Reports are acknowledged and thrown away: to measure what storing costs.
    pub discards: bool,
    /// Reports by app, where they are limited.
    pub app_limiter: Arc<Limiter<AppNo>>,
    /// Reports by address, where they are limited.
    pub address_limiter: Arc<Limiter<IpAddr>>,
    /// Room for large reports.
    pub body_room: Arc<BodyRoom>,
    /// What all API calls share.
    pub api: Api,
}

impl Dialogue {
    /// Ends what the room does by itself, once no request comes any more and nobody calls [`Self::upkeep`]: callbacks that
    /// run come to their end, figures are folded once more, and what waits at the desk is written.
    pub async fn close(&self) {
        self.dispatcher.close().await;
        self.fold_last().await;
        if let Err(error) = self.note_sights().await {
            tracing::error!(%error, "who has seen tickets was not noted");
        }
        let desk = Arc::clone(&self.desk);
        // A thread of the desk that stopped has told so.
        let _ = tokio::task::spawn_blocking(move || desk.close()).await;
    }
}

/// Limits of requests.
#[derive(Debug, Clone, Copy)]
pub struct DialogueLimits {
    /// Of the body of a report; never more than the protocol's 2 MiB.
    pub body: BodyLimits,
    /// Reports by app. Off by default.
    pub reports_per_app: Option<Rate>,
    /// Reports by address. Off by default.
    pub reports_per_address: Option<Rate>,
}
