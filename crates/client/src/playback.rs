//! The client of the playback reports, and the heartbeats of a player.

mod client;
mod login;
mod pages;
mod reply;
mod settings;

pub use client::PlaybackClient;
pub use login::PlaybackLogin;
pub use pages::HistoryPages;
pub use settings::PlaybackClientBuilder;
