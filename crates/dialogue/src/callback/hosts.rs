//! What waits and runs for each host: queues that are served in turn, so that no host waits for another.

mod host;
#[cfg(test)]
mod tests;
mod trials;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub(super) use self::host::Ended;
use self::host::Host;
use self::trials::Trials;
use super::breaker::BreakerOptions;
use super::connection::Connection;
use super::outbox::Leased;

/// How much may wait and run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Attempts at a time for one host.
    pub(super) per_host: usize,
    /// Attempts at a time in all.
    pub(super) in_all: usize,
    /// Of those the trials: attempts for hosts that have not taken anything yet.
    pub(super) trials: usize,
    /// Trials of one app.
    pub(super) trials_of_app: usize,
    /// Deliveries that wait in memory for one host.
    pub(super) queue_per_host: usize,
    /// Deliveries that wait in memory in all.
    pub(super) queue_in_all: usize,
    pub(super) breaker: BreakerOptions,
}

impl Bounds {
    /// How much may wait in all for one more to be put to a host: those that have not taken anything yet leave half of it to
    /// the others.
    fn waiting(&self, is_proven: bool) -> usize {
        if is_proven {
            self.queue_in_all
        } else {
            self.queue_in_all / 2
        }
    }
}

/// What an attempt told about its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It takes deliveries.
    Well,
    /// It answers, and refused this one: that of another app may do.
    Alive,
    /// Nothing was sent.
    Unknown,
    Failed,
}

pub(super) struct Hosts {
    by_name: HashMap<Arc<str>, Host>,
    /// Hosts with something to send, each once.
    line: VecDeque<Arc<str>>,
    /// Hosts that found no place for a trial; they come back to the line when one is free.
    beside: VecDeque<Arc<str>>,
    running: usize,
    waiting: usize,
    trials: Trials,
    bounds: Bounds,
}

/// What can begin now, and what has waited for too long.
#[derive(Default)]
pub(super) struct Startable {
    pub(super) attempts: Vec<Leased>,
    pub(super) stale: Vec<Leased>,
}

impl Hosts {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            by_name: HashMap::new(),
            line: VecDeque::new(),
            beside: VecDeque::new(),
            running: 0,
            waiting: 0,
            trials: Trials::default(),
            bounds,
        }
    }

    /// Attempts that run.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Deliveries that wait in memory.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Hosts whose breaker is open, at most so many.
    pub(super) fn open_breakers(&self, now: Duration, most: usize) -> Vec<String> {
        let open =
            |(name, host): (&Arc<str>, &Host)| host.breaker.is_open(now).then(|| name.to_string());
        self.by_name.iter().filter_map(open).take(most).collect()
    }

    /// How many more deliveries of this host can be taken from the store now, at most `most`; few where it has not taken
    /// anything yet.
    pub(super) fn room(&self, host: &str, most: usize, now: Duration) -> usize {
        let host = self.by_name.get(host);
        let is_proven = host.is_some_and(|host| host.is_proven);
        let in_all = self.bounds.waiting(is_proven).saturating_sub(self.waiting);
        let most = if is_proven {
            most
        } else {
            most.min(self.bounds.per_host)
        };
        host.map_or(most.min(in_all), |host| host.room(most, in_all, now))
    }

    /// Puts a delivery into its host's queue; gives it back where the host takes none now.
    pub(super) fn push(&mut self, leased: Leased, now: Duration) -> Option<Leased> {
        let bounds = self.bounds;
        let host = self.by_name.entry(Arc::clone(&leased.host)).or_default();
        host.used_at = now;
        if host.breaker.is_open(now)
            || host.queue.len() >= bounds.queue_per_host
            || self.waiting >= bounds.waiting(host.is_proven)
        {
            return Some(leased);
        }
        let name = Arc::clone(&leased.host);
        host.queue.push_back(leased);
        self.waiting += 1;
        if !host.is_in_line {
            host.is_in_line = true;
            self.line.push_back(name);
        }
        None
    }

    /// The store holds more for this host, or no more.
    pub(super) fn note_more(&mut self, host: &str, has_more: bool) {
        if let Some(host) = self.by_name.get_mut(host) {
            host.has_more = has_more;
        }
    }

    /// What can begin, one of each host in turn. What is left of a lease must last an attempt: that ends at `until_ms`.
    pub(super) fn start(&mut self, now: Duration, until_ms: i64) -> Startable {
        let mut told = Startable::default();
        while self.running < self.bounds.in_all {
            let Some(name) = self.line.pop_front() else {
                break;
            };
            let Some(host) = self.by_name.get_mut(&name) else {
                continue;
            };
            host.is_in_line = false;
            if !host.can_begin(&self.bounds, now) {
                // It comes back to the line when one of those that run ends.
                continue;
            }
            let is_trial = !host.is_proven;
            let has_room =
                |leased: &mut Leased| !is_trial || self.trials.have_room(leased.app, &self.bounds);
            let Some(mut leased) = host.queue.pop_front_if(has_room) else {
                if !host.queue.is_empty() {
                    host.is_in_line = true;
                    self.beside.push_back(name);
                }
                continue;
            };
            self.waiting -= 1;
            if leased.until_ms < until_ms {
                told.stale.push(leased);
            } else {
                host.begin(now);
                self.running += 1;
                if is_trial {
                    self.trials.begin(leased.app);
                }
                leased.is_trial = is_trial;
                told.attempts.push(leased);
            }
            if !host.queue.is_empty() {
                host.is_in_line = true;
                self.line.push_back(name);
            }
        }
        told
    }

    /// An attempt has ended.
    pub(super) fn finish(&mut self, leased: &Leased, health: Health, now: Duration) -> Ended {
        let name = &leased.host;
        self.running -= 1;
        if leased.is_trial {
            self.trials.end(leased.app);
            self.line.append(&mut self.beside);
        }
        let Some(host) = self.by_name.get_mut(name) else {
            return Ended::default();
        };
        let ended = host.end(leased.id, health, (now, &self.bounds));
        self.waiting -= ended.given_back.len();
        if !host.queue.is_empty() && !host.is_in_line {
            host.is_in_line = true;
            self.line.push_back(Arc::clone(name));
        }
        ended
    }

    /// Gives back what waits of verdicts of a ticket that came before this one.
    pub(super) fn take_replaced(&mut self, ticket: i64, verdict: i64) -> Vec<Leased> {
        let hosts = self.by_name.values_mut();
        let taken: Vec<Leased> = hosts
            .flat_map(|host| host.take_replaced(ticket, verdict))
            .collect();
        self.waiting -= taken.len();
        taken
    }

    /// A connection that is open to this host, of this kind.
    pub(super) fn take_idle(
        &mut self,
        host: &str,
        fits: impl Fn(&Connection) -> bool,
    ) -> Option<Connection> {
        self.by_name.get_mut(host)?.take_idle(fits)
    }

    /// Keeps a connection for the next attempt.
    pub(super) fn put_idle(&mut self, host: &str, connection: Connection, now: Duration) {
        if let Some(host) = self.by_name.get_mut(host) {
            host.put_idle(connection, self.bounds.per_host, now);
        }
    }

    /// What bounds the look-ups of this host's name.
    pub(super) fn look_ups(&mut self, host: &str) -> Arc<Semaphore> {
        let host = self.by_name.get_mut(host);
        host.map_or_else(host::new_look_ups, Host::look_ups)
    }

    /// Closes connections that nothing came over, and forgets hosts that nothing was sent to.
    pub(super) fn prune(&mut self, now: Duration) {
        self.by_name.retain(|_, host| host.prune(now));
    }

    /// Gives back all that waits.
    pub(super) fn drain(&mut self) -> Vec<Leased> {
        self.waiting = 0;
        let hosts = self.by_name.values_mut();
        hosts.flat_map(|host| host.queue.drain(..)).collect()
    }
}
