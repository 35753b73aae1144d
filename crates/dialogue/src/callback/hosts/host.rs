//! One host: what waits for it and runs, and what its attempts told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Bounds, Health};
use crate::callback::breaker::Breaker;
use crate::callback::connection::Connection;
use crate::callback::outbox::Leased;

/// Connections that nothing came over for this long are closed.
const IDLE: Duration = Duration::from_secs(20);
/// Hosts that nothing was sent to for this long are forgotten, with what their breaker knew.
const FORGET: Duration = Duration::from_secs(600);
/// Look-ups of one name at a time: a resolver that does not answer holds a thread for each.
const LOOK_UPS: usize = 2;

#[derive(Default)]
pub(super) struct Host {
    pub(super) queue: VecDeque<Leased>,
    pub(super) running: usize,
    pub(super) breaker: Breaker,
    idle: Vec<Connection>,
    look_ups: Option<Arc<Semaphore>>,
    pub(super) used_at: Duration,
    /// It has taken deliveries, and its breaker did not open since. One that has not gets no more attempts at a time than
    /// open the breaker, and all such hosts together, and those of one app, a part of the places: many receivers that hang
    /// must not take all.
    pub(super) is_proven: bool,
    pub(super) place: Place,
    /// The store holds more for it than was leased.
    pub(super) has_more: bool,
}

/// Where a host waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// Nowhere: it has nothing to send, or as many attempts run as may.
    #[default]
    Out,
    /// In the line of hosts that can be served.
    InLine,
    /// Beside the line, until there is a place for a trial.
    Beside,
}

/// What the end of an attempt changes.
#[derive(Default)]
pub(in crate::callback) struct Ended {
    /// The host's breaker opens.
    pub(in crate::callback) opens_breaker: bool,
    /// What waited for the host until then.
    pub(in crate::callback) given_back: Vec<Leased>,
    /// The store is to be asked for more.
    pub(in crate::callback) wants_more: bool,
}

impl Host {
    /// How many more deliveries of it can be taken from the store, where `most` and `in_all` bound them.
    pub(super) fn room(&self, most: usize, in_all: usize, now: Duration) -> usize {
        let room = match self.breaker.room(usize::MAX, now) {
            usize::MAX => most.saturating_sub(self.queue.len()),
            probes => probes.saturating_sub(self.queue.len() + self.running),
        };
        room.min(in_all)
    }

    /// One more attempt may run now.
    pub(super) fn can_begin(&self, bounds: &Bounds, now: Duration) -> bool {
        let most = match self.is_proven {
            true => bounds.per_host,
            false => bounds.per_host.min(bounds.breaker.failures),
        };
        self.running < self.breaker.room(most, now)
    }

    pub(super) fn begin(&mut self, now: Duration) {
        self.running += 1;
        self.used_at = now;
        self.breaker.begin();
    }

    /// An attempt of this delivery has ended.
    pub(super) fn end(
        &mut self,
        delivery: i64,
        health: Health,
        (now, bounds): (Duration, &Bounds),
    ) -> Ended {
        self.running -= 1;
        self.used_at = now;
        let was_probing = self.breaker.room(2, now) == 1;
        let opens = match health {
            Health::Well => {
                self.is_proven = true;
                self.breaker.succeeded();
                false
            }
            // As a probe it will do; in a row of failures it is none, and no end of them.
            Health::Alive if was_probing => {
                self.breaker.succeeded();
                false
            }
            Health::Alive | Health::Unknown => false,
            Health::Failed => self.breaker.failed(delivery, now, &bounds.breaker),
        };
        let mut given_back = Vec::new();
        if opens {
            self.is_proven = false;
            given_back.extend(self.queue.drain(..));
            self.idle.clear();
        }
        let is_low = self.queue.len() < bounds.per_host;
        let wants_more = (self.has_more && is_low)
            || (was_probing && matches!(health, Health::Well | Health::Alive));
        if wants_more {
            self.has_more = false;
        }
        Ended {
            opens_breaker: opens,
            given_back,
            wants_more,
        }
    }

    /// Takes out what waits of verdicts of a ticket that came before this one.
    pub(super) fn take_replaced(&mut self, ticket: i64, verdict: i64) -> VecDeque<Leased> {
        let is_replaced = |one: &Leased| one.ticket == ticket && one.verdict < verdict;
        if !self.queue.iter().any(is_replaced) {
            return VecDeque::new();
        }
        let (replaced, kept) = self.queue.drain(..).partition(is_replaced);
        self.queue = kept;
        replaced
    }

    /// A connection that is open, of this kind.
    pub(super) fn take_idle(&mut self, fits: impl Fn(&Connection) -> bool) -> Option<Connection> {
        let place = self.idle.iter().rposition(fits)?;
        Some(self.idle.swap_remove(place))
    }

    /// Keeps a connection for the next attempt, where fewer than `most` are kept.
    pub(super) fn put_idle(&mut self, mut connection: Connection, most: usize, now: Duration) {
        if self.idle.len() < most {
            connection.idle_since = now;
            self.idle.push(connection);
        }
    }

    /// What bounds the look-ups of its name.
    pub(super) fn look_ups(&mut self) -> Arc<Semaphore> {
        Arc::clone(self.look_ups.get_or_insert_with(new_look_ups))
    }

    /// Closes connections that nothing came over. False where nothing was sent to it for long: it may be forgotten.
    pub(super) fn prune(&mut self, now: Duration) -> bool {
        self.idle
            .retain(|connection| now.saturating_sub(connection.idle_since) < IDLE);
        let is_busy = self.running > 0 || self.place != Place::Out || !self.queue.is_empty();
        let is_past = now.saturating_sub(self.used_at) > FORGET;
        is_busy || !self.idle.is_empty() || !(self.breaker.is_new() || is_past)
    }
}

pub(super) fn new_look_ups() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(LOOK_UPS))
}
