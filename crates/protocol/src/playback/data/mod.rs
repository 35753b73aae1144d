//! The `data` of the read endpoints: written by a server, read by a client.
//!
//! A server writes every documented key, and never null: typed clients break on what is absent. A
//! client takes what is absent, or null, as empty: other servers leave out and write null.

mod entry;
mod history;
mod player;

use serde::{Deserialize, Deserializer};

pub use entry::{EntryFacts, Listed};
pub use history::{
    HistoryItem, HistoryPage, HistoryTab, HistoryTarget, ListItem, Owner, PageCursor,
};
pub use player::{OnlineSwitch, OnlineTotal, PlayerData, last_play_time_ms};

/// Null is as good as absent.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
