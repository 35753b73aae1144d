//! The console: pages for people, in English and Chinese, rendered on the server.
//!
//! A page asks the JSON API for what it shows and does ([`api`]), as the person who is logged in: the console has no way
//! to a figure or a ticket that a program does not have too, and what a role may do is decided in one place. [`visit`] is
//! who asks and in which language, [`frame`] what stands around every page, and each section of the menu is a room of its
//! own: [`overview`], [`comm`], [`push`], [`playback`], [`moderation`], [`settings`].

mod api;
mod assets;
mod chart;
mod comm;
mod csv;
mod fault;
mod format;
mod frame;
mod login;
mod moderation;
mod overview;
mod playback;
mod push;
mod range;
mod schema;
mod session;
mod settings;
mod table;
mod texts;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;

pub use schema::MIGRATIONS;

/// What the console works with.
#[derive(Clone)]
pub struct Console {
    /// Apps and people, and the store of the state.
    pub directory: Arc<Directory>,
    /// The JSON API, which is called in the process.
    pub api: Router,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes of the console, all below `/console`.
pub fn routes(console: Console) -> Router {
    Router::new()
        .merge(overview::routes())
        .merge(comm::routes())
        .merge(push::routes())
        .merge(playback::routes())
        .merge(moderation::routes())
        .merge(settings::routes())
        .layer(from_fn_with_state(console.clone(), fault::show))
        .merge(login::routes())
        .merge(assets::routes())
        .with_state(console)
}
