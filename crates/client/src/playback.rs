//! The client of the playback reports, and the heartbeats of a player.

mod client;
mod heartbeat_settings;
mod heartbeats;
mod login;
mod pages;
mod reply;
mod settings;
mod sitting;

pub use client::PlaybackClient;
pub use heartbeat_settings::HeartbeatsBuilder;
pub use heartbeats::Heartbeats;
pub use login::PlaybackLogin;
pub use pages::HistoryPages;
pub(crate) use reply::decode_done;
pub use settings::PlaybackClientBuilder;
