//! What every kind of report stands on: apps and their credentials, API keys, people and roles, clock and randomness as
//! parameters, days and zones, rate limits, and the foundations of the web surface.

pub mod access;
pub mod apps;
pub mod changes;
pub mod clock;
pub mod credentials;
pub mod directory;
pub mod limiter;
pub mod metrics;
pub mod people;
pub mod random;
pub mod rate_limit;
pub mod reseal;
mod schema;
pub mod seal;
pub mod secret;
pub mod settings;
pub mod web;
pub mod zones;

pub use schema::MIGRATIONS;

/// Number of an app in every table and journal entry: small, given at creation, never used again.
pub type AppNo = u32;
