//! Playback reports (视频观看数据上报): from the beats of players to histories, resume points and figures.
//!
//! The way of a report, left to right: [`routes`] takes it, [`intake`] makes an entry of it ([`entry`]), the journal makes
//! it durable, [`view`] folds it, [`query`] reads what it adds up to, [`routes`] and [`api`] show it.

mod api;
mod catalogue;
mod compare;
mod entry;
mod export;
mod figures;
mod gather;
mod intake;
mod metrics;
mod now;
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

use reportd_journal::Kind;

/// Entries of this room in the journal.
pub const KIND: Kind = Kind(3);
