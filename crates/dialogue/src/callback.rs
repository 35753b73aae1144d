//! Callbacks: verdicts go to the address that the report named, for certain.
//!
//! [`outbox::enqueue`] writes deliveries in the verdict's transaction. A [`Dispatcher`] on every node leases those that
//! are due and sends them; one that was leased by the verdict itself is handed over in memory and leaves at once. What an
//! attempt gave is written behind it ([`attempts`]). Where a process dies between the two, the delivery is sent again when
//! its lease ends: at least once, with one `webhook-id`.
//!
//! Invariant: a receiver that is slow or dead delays no other. Every host has its own queue, its own bound of attempts at
//! a time, and a [`breaker`] that ends the attempts where they are in vain.
//!
//! Invariant: no connection to an address that is not public, unless the app allows it. [`guard`] says which are; the
//! address that was checked is the one connected to. Redirects are never followed.

pub(crate) mod attempts;
mod breaker;
mod connection;
mod dispatcher;
mod exchange;
pub mod guard;
mod hosts;
mod leases;
mod metrics;
pub mod outbox;
pub mod replay;
mod resolver;
pub mod schedule;
mod send;
#[cfg(test)]
pub(crate) mod statements;
mod tls;

pub use breaker::BreakerOptions;
pub use dispatcher::{Dispatcher, Options, Parts};
pub use metrics::CallbackMetrics;
pub use outbox::{HandOver, Lease, NewDelivery};
pub use resolver::{Network, Pending, SystemNetwork};
pub use send::{Sender, Senders, SigningSecret};
pub use tls::Trust;
