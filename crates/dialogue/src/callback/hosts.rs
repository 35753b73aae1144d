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
use self::host::{Host, Place};
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
    /// Whose turn it is, one after the other.
    line: VecDeque<Turn>,
    /// [`Turn::Trial`] stands in the line.
    has_trial_turn: bool,
    running: usize,
    waiting: usize,
    trials: Trials,
    bounds: Bounds,
    /// Turns that were looked at: what all this costs.
    #[cfg(test)]
    turns: usize,
}

/// A turn in the line.
enum Turn {
    /// Of a host with something to send; each has one at most.
    Of(Arc<str>),
    /// Of all that wait for a place for a trial, once there may be one. They share it, so that the end of a trial costs the
    /// same however many wait.
    Trial,
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
            has_trial_turn: false,
            running: 0,
            waiting: 0,
            trials: Trials::new(bounds.trials, bounds.trials_of_app),
            bounds,
            #[cfg(test)]
            turns: 0,
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
        // A host beside the line waits for a place of the app whose delivery is its next.
        let is_next = host.queue.is_empty();
        host.queue.push_back(leased);
        self.waiting += 1;
        if host.place == Place::Out || is_next {
            enter(&mut self.line, host, name);
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
            match self.line.pop_front() {
                Some(Turn::Of(name)) => self.serve(name, now, until_ms, &mut told),
                Some(Turn::Trial) => self.serve_a_trial(now, until_ms, &mut told),
                None => break,
            }
            #[cfg(test)]
            {
                self.turns += 1;
            }
        }
        told
    }

    /// Serves one of those that wait for a place for a trial.
    fn serve_a_trial(&mut self, now: Duration, until_ms: i64, told: &mut Startable) {
        self.has_trial_turn = false;
        if let Some(name) = self.trials.next() {
            let host = self.by_name.get(&name);
            // It may have come back to the line meanwhile, and even have been forgotten.
            if host.is_some_and(|host| host.place == Place::Beside) {
                self.serve(name, now, until_ms, told);
            }
        }
        self.offer_a_trial();
    }

    fn offer_a_trial(&mut self) {
        if !self.has_trial_turn && self.trials.may_go_on() {
            self.has_trial_turn = true;
            self.line.push_back(Turn::Trial);
        }
    }

    /// Begins the next delivery of a host, where it may run and finds a place.
    fn serve(&mut self, name: Arc<str>, now: Duration, until_ms: i64, told: &mut Startable) {
        let Some(host) = self.by_name.get_mut(&name) else {
            return;
        };
        host.place = Place::Out;
        if !host.can_begin(&self.bounds, now) {
            // It comes back to the line when one of those that run ends.
            return;
        }
        let is_trial = !host.is_proven;
        let has_room = |leased: &mut Leased| !is_trial || self.trials.have_room(leased.app);
        let Some(mut leased) = host.queue.pop_front_if(has_room) else {
            if let Some(next) = host.queue.front() {
                host.place = Place::Beside;
                self.trials.wait(next.app, name);
            }
            return;
        };
        self.waiting -= 1;
        if !host.queue.is_empty() {
            enter(&mut self.line, host, name);
        }
        if leased.until_ms < until_ms {
            told.stale.push(leased);
            return;
        }
        host.begin(now);
        self.running += 1;
        if is_trial {
            self.trials.begin(leased.app);
        }
        leased.is_trial = is_trial;
        told.attempts.push(leased);
    }

    /// An attempt has ended.
    pub(super) fn finish(&mut self, leased: &Leased, health: Health, now: Duration) -> Ended {
        let name = &leased.host;
        self.running -= 1;
        if leased.is_trial {
            self.trials.end(leased.app);
            self.offer_a_trial();
        }
        let Some(host) = self.by_name.get_mut(name) else {
            return Ended::default();
        };
        let ended = host.end(leased.id, health, (now, &self.bounds));
        self.waiting -= ended.given_back.len();
        // Who takes deliveries needs no place for a trial any more.
        if !host.queue.is_empty() && (host.place == Place::Out || host.is_proven) {
            enter(&mut self.line, host, Arc::clone(name));
        }
        ended
    }

    /// Gives back what waits of verdicts of a ticket that came before this one.
    pub(super) fn take_replaced(&mut self, ticket: i64, verdict: i64) -> Vec<Leased> {
        let mut taken = Vec::new();
        for (name, host) in &mut self.by_name {
            let replaced = host.take_replaced(ticket, verdict);
            // Its next delivery may be of another app now.
            if !replaced.is_empty() && !host.queue.is_empty() {
                enter(&mut self.line, host, Arc::clone(name));
            }
            taken.extend(replaced);
        }
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

/// Puts a host into the line, unless it stands there.
fn enter(line: &mut VecDeque<Turn>, host: &mut Host, name: Arc<str>) {
    if host.place != Place::InLine {
        host.place = Place::InLine;
        line.push_back(Turn::Of(name));
    }
}
