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
mod compared;
mod csv;
mod fault;
mod format;
mod frame;
mod headers;
mod json;
mod links;
mod login;
mod moderation;
mod overview;
mod pairs;
mod playback;
mod push;
mod range;
mod said;
mod schema;
mod session;
mod settings;
mod table;
#[cfg(test)]
mod testing;
mod texts;
mod told_once;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::limiter::Buckets;
use reportd_platform::people::PeopleError;
use reportd_platform::random::Random;

use crate::fault::Fault;
use crate::login::Logins;
pub use crate::schema::MIGRATIONS;
use crate::session::Sessions;
pub use crate::session::end_sessions;
use crate::visit::Visit;

/// What the console is made of.
pub struct Parts {
    /// Apps and people, and the store of the state.
    pub directory: Arc<Directory>,
    /// The JSON API, which is called in the process.
    pub api: Router,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Draws the secrets of sessions.
    pub random: Arc<dyn Random>,
    /// Where attempts to log in are counted.
    pub buckets: Buckets,
    /// How many attempts to log in an account may have in a minute.
    pub logins_per_minute: u32,
    /// Cookies go by TLS alone, whatever a proxy tells.
    pub secure_cookies: bool,
}

/// What the console works with.
#[derive(Clone)]
pub struct Console {
    directory: Arc<Directory>,
    api: Router,
    clock: Arc<dyn Clock>,
    sessions: Arc<Sessions>,
    logins: Arc<Logins>,
}

impl Console {
    /// A console over its parts.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn new(parts: Parts) -> Result<Self, PeopleError> {
        let limits = (parts.logins_per_minute, parts.secure_cookies);
        let logins = Logins::new(parts.random, &parts.buckets, &parts.clock, limits)?;
        Ok(Self {
            directory: parts.directory,
            api: parts.api,
            clock: parts.clock,
            sessions: Arc::default(),
            logins: Arc::new(logins),
        })
    }
}

async fn nothing(_: Visit) -> Fault {
    Fault::not_found(|t| t.no_page)
}

/// The address of a form, asked for as if it were a page.
async fn only_a_form(_: Visit) -> Fault {
    Fault::text(StatusCode::METHOD_NOT_ALLOWED, |t| t.only_a_form, &[])
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
        .merge(json::routes())
        .route("/console/{*rest}", any(nothing))
        .method_not_allowed_fallback(only_a_form)
        .layer(from_fn_with_state(console.clone(), fault::show))
        .merge(login::routes())
        .merge(assets::routes())
        .layer(from_fn(headers::add))
        .with_state(console)
}
