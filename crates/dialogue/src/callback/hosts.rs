//! What waits and runs for each host: queues that are served in turn, so that no host waits for another.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use reportd_platform::AppNo;
use tokio::sync::Semaphore;

use super::breaker::{Breaker, BreakerOptions};
use super::connection::Connection;
use super::outbox::Leased;

/// Connections that nothing came over for this long are closed.
const IDLE: Duration = Duration::from_secs(20);
/// Hosts that nothing was sent to for this long are forgotten, with what their breaker knew.
const FORGET: Duration = Duration::from_secs(600);
/// Look-ups of one name at a time: a resolver that does not answer holds a thread for each.
const LOOK_UPS: usize = 2;

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

#[derive(Default)]
struct Host {
    queue: VecDeque<Leased>,
    running: usize,
    breaker: Breaker,
    idle: Vec<Connection>,
    look_ups: Option<Arc<Semaphore>>,
    used_at: Duration,
    /// It has taken deliveries, and its breaker did not open since. One that has not gets no more attempts at a time than
    /// open the breaker, and all such hosts together, and those of one app, a part of the places: many receivers that hang
    /// must not take all.
    is_proven: bool,
    /// It stands in the line of hosts that can be served, or beside it.
    is_in_line: bool,
    /// The store holds more for it than was leased.
    has_more: bool,
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

/// Attempts that run for hosts that had not taken anything when they began.
#[derive(Default)]
struct Trials {
    running: usize,
    by_app: HashMap<AppNo, usize>,
}

impl Trials {
    fn have_room(&self, app: AppNo, bounds: &Bounds) -> bool {
        let of_app = self.by_app.get(&app).copied().unwrap_or(0);
        self.running < bounds.trials && of_app < bounds.trials_of_app
    }

    fn begin(&mut self, app: AppNo) {
        self.running += 1;
        *self.by_app.entry(app).or_default() += 1;
    }

    fn end(&mut self, app: AppNo) {
        self.running -= 1;
        if let Some(of_app) = self.by_app.get_mut(&app) {
            *of_app -= 1;
            if *of_app == 0 {
                self.by_app.remove(&app);
            }
        }
    }
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
        let Some(host) = host else {
            return most.min(in_all);
        };
        let room = match host.breaker.room(usize::MAX, now) {
            usize::MAX => most.saturating_sub(host.queue.len()),
            probes => probes.saturating_sub(host.queue.len() + host.running),
        };
        room.min(in_all)
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
            let most = match host.is_proven {
                true => self.bounds.per_host,
                false => self.bounds.per_host.min(self.bounds.breaker.failures),
            };
            if host.running >= host.breaker.room(most, now) {
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
                host.running += 1;
                host.used_at = now;
                host.breaker.begin();
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

    /// An attempt has ended. Gives back what waits for the host where its breaker opens, and tells whether the store is to
    /// be asked for more.
    pub(super) fn finish(
        &mut self,
        leased: &Leased,
        health: Health,
        now: Duration,
    ) -> (Vec<Leased>, bool) {
        let name = &leased.host;
        self.running -= 1;
        if leased.is_trial {
            self.trials.end(leased.app);
            self.line.append(&mut self.beside);
        }
        let Some(host) = self.by_name.get_mut(name) else {
            return (Vec::new(), false);
        };
        host.running -= 1;
        host.used_at = now;
        let was_probing = host.breaker.room(2, now) == 1;
        let opens = match health {
            Health::Well => {
                host.is_proven = true;
                host.breaker.succeeded();
                false
            }
            // As a probe it will do; in a row of failures it is none, and no end of them.
            Health::Alive if was_probing => {
                host.breaker.succeeded();
                false
            }
            Health::Alive | Health::Unknown => false,
            Health::Failed => host.breaker.failed(leased.id, now, &self.bounds.breaker),
        };
        let mut given_back = Vec::new();
        if opens {
            host.is_proven = false;
            self.waiting -= host.queue.len();
            given_back.extend(host.queue.drain(..));
            host.idle.clear();
        }
        if !host.queue.is_empty() && !host.is_in_line {
            host.is_in_line = true;
            self.line.push_back(Arc::clone(name));
        }
        let is_low = host.queue.len() < self.bounds.per_host;
        let wants_more = (host.has_more && is_low)
            || (was_probing && matches!(health, Health::Well | Health::Alive));
        if wants_more {
            host.has_more = false;
        }
        (given_back, wants_more)
    }

    /// Gives back what waits of verdicts of a ticket that came before this one.
    pub(super) fn take_replaced(&mut self, ticket: i64, verdict: i64) -> Vec<Leased> {
        let mut taken = Vec::new();
        for host in self.by_name.values_mut() {
            let is_replaced = |one: &Leased| one.ticket == ticket && one.verdict < verdict;
            if host.queue.iter().any(is_replaced) {
                let (replaced, kept) = host.queue.drain(..).partition(is_replaced);
                host.queue = kept;
                let replaced: VecDeque<Leased> = replaced;
                taken.extend(replaced);
            }
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
        let idle = &mut self.by_name.get_mut(host)?.idle;
        let place = idle.iter().rposition(fits)?;
        Some(idle.swap_remove(place))
    }

    /// Keeps a connection for the next attempt.
    pub(super) fn put_idle(&mut self, host: &str, mut connection: Connection, now: Duration) {
        let most = self.bounds.per_host;
        if let Some(host) = self.by_name.get_mut(host)
            && host.idle.len() < most
        {
            connection.idle_since = now;
            host.idle.push(connection);
        }
    }

    /// What bounds the look-ups of this host's name.
    pub(super) fn look_ups(&mut self, host: &str) -> Arc<Semaphore> {
        let new = || Arc::new(Semaphore::new(LOOK_UPS));
        self.by_name.get_mut(host).map_or_else(new, |host| {
            Arc::clone(host.look_ups.get_or_insert_with(new))
        })
    }

    /// Closes connections that nothing came over, and forgets hosts that nothing was sent to.
    pub(super) fn prune(&mut self, now: Duration) {
        self.by_name.retain(|_, host| {
            host.idle
                .retain(|connection| now.saturating_sub(connection.idle_since) < IDLE);
            let is_busy = host.running > 0 || host.is_in_line || !host.queue.is_empty();
            let is_past = now.saturating_sub(host.used_at) > FORGET;
            is_busy || !host.idle.is_empty() || !(host.breaker.is_new() || is_past)
        });
    }

    /// Gives back all that waits.
    pub(super) fn drain(&mut self) -> Vec<Leased> {
        self.waiting = 0;
        let hosts = self.by_name.values_mut();
        hosts.flat_map(|host| host.queue.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn hosts() -> Hosts {
        Hosts::new(Bounds {
            per_host: 2,
            in_all: 5,
            trials: 5,
            trials_of_app: 5,
            queue_per_host: 4,
            queue_in_all: 100,
            breaker: BreakerOptions {
                failures: 2,
                open: S(30),
            },
        })
    }

    fn delivery(id: i64, host: &str) -> Leased {
        Leased {
            id,
            app: 1,
            ticket: 1,
            verdict: 1,
            revision: 1,
            webhook_id: String::new(),
            url: String::new(),
            host: host.into(),
            body: bytes::Bytes::new(),
            attempts: 0,
            created_at_ms: 0,
            until_ms: 1_000,
            is_trial: false,
        }
    }

    /// A delivery that was attempted while its host had not taken anything yet.
    fn ended(id: i64, host: &str) -> Leased {
        Leased {
            is_trial: true,
            ..delivery(id, host)
        }
    }

    fn ids(deliveries: &[Leased]) -> Vec<i64> {
        deliveries.iter().map(|leased| leased.id).collect()
    }

    #[test]
    fn hosts_are_served_in_turn_and_each_within_its_bound() {
        let mut hosts = hosts();
        for id in 1..=4 {
            assert!(hosts.push(delivery(id, "a"), S(0)).is_none());
        }
        assert!(hosts.push(delivery(5, "a"), S(0)).is_some());
        for (id, host) in [(10, "b"), (20, "c"), (21, "c"), (22, "c")] {
            assert!(hosts.push(delivery(id, host), S(0)).is_none());
        }
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [1, 10, 20, 2, 21]);
        assert_eq!((hosts.running(), hosts.waiting()), (5, 3));
        hosts.finish(&ended(10, "b"), Health::Well, S(0));
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [0; 0]);
        hosts.finish(&ended(20, "c"), Health::Well, S(0));
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [22]);
    }

    #[test]
    fn an_open_breaker_gives_back_what_waits_and_a_probe_lets_it_in_again() {
        let mut hosts = hosts();
        for id in 1..=4 {
            hosts.push(delivery(id, "a"), S(0));
        }
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [1, 2]);
        assert!(
            hosts
                .finish(&ended(1, "a"), Health::Failed, S(0))
                .0
                .is_empty()
        );
        let (given_back, _) = hosts.finish(&ended(2, "a"), Health::Failed, S(0));
        assert_eq!(ids(&given_back), [3, 4]);
        assert!(hosts.push(delivery(5, "a"), S(29)).is_some());
        assert_eq!(hosts.room("a", 10, S(29)), 0);
        assert_eq!(hosts.open_breakers(S(29), 9), ["a"]);
        assert_eq!(hosts.room("a", 10, S(30)), 1);
        for id in 6..=8 {
            hosts.push(delivery(id, "a"), S(30));
        }
        assert_eq!(ids(&hosts.start(S(30), 0).attempts), [6]);
        let (_, wants_more) = hosts.finish(&ended(6, "a"), Health::Well, S(30));
        assert!(wants_more);
        assert_eq!(ids(&hosts.start(S(30), 0).attempts), [7, 8]);
    }

    #[test]
    fn one_that_has_taken_nothing_yet_gets_no_more_than_open_the_breaker() {
        let mut hosts = Hosts::new(Bounds {
            per_host: 8,
            in_all: 100,
            ..hosts().bounds
        });
        let push = |hosts: &mut Hosts, ids: std::ops::Range<i64>| {
            ids.for_each(|id| assert!(hosts.push(delivery(id, "a"), S(0)).is_none()));
            ids_of_start(hosts)
        };
        fn ids_of_start(hosts: &mut Hosts) -> Vec<i64> {
            ids(&hosts.start(S(0), 0).attempts)
        }
        assert_eq!(push(&mut hosts, 1..5), [1, 2]);
        // It refuses one: that is no failure, and no success.
        hosts.finish(&ended(1, "a"), Health::Alive, S(0));
        assert_eq!(ids_of_start(&mut hosts), [3]);
        hosts.finish(&ended(2, "a"), Health::Well, S(0));
        assert_eq!(ids_of_start(&mut hosts), [4]);
        assert_eq!(push(&mut hosts, 5..9), [5, 6, 7, 8]);
    }

    #[test]
    fn hosts_that_have_taken_nothing_yet_get_a_part_of_the_places_and_an_app_a_part_of_that() {
        let mut hosts = Hosts::new(Bounds {
            in_all: 8,
            trials: 4,
            trials_of_app: 3,
            ..hosts().bounds
        });
        let of_app = |app, id, host: &str| Leased {
            app,
            ..delivery(id, host)
        };
        for (id, host) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "a")] {
            assert!(hosts.push(of_app(1, id, host), S(0)).is_none());
        }
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [1, 2, 3]);
        // Another app's new host does not wait for those, and then the part of all trials is taken.
        for (id, host) in [(11, "e"), (12, "f")] {
            hosts.push(of_app(2, id, host), S(0));
        }
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [11]);
        // One that takes deliveries needs no such place, and leaves its own to the next in line.
        let well = of_app(2, 11, "e");
        let well = Leased {
            is_trial: true,
            ..well
        };
        hosts.finish(&well, Health::Well, S(0));
        hosts.push(of_app(1, 6, "e"), S(0));
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [12, 6]);
        hosts.finish(&ended(1, "a"), Health::Failed, S(0));
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [4]);
        assert_eq!((hosts.running(), hosts.waiting()), (5, 1));
    }

    #[test]
    fn what_waits_for_hosts_that_have_taken_nothing_yet_leaves_room_for_others() {
        let mut hosts = Hosts::new(Bounds {
            queue_in_all: 8,
            ..hosts().bounds
        });
        hosts.push(delivery(1, "good"), S(0));
        hosts.start(S(0), 0);
        hosts.finish(&ended(1, "good"), Health::Well, S(0));
        assert_eq!(
            (hosts.room("new", 9, S(0)), hosts.room("good", 9, S(0))),
            (2, 8)
        );
        for (id, host) in [(2, "a"), (3, "b"), (4, "c"), (5, "d")] {
            assert!(hosts.push(delivery(id, host), S(0)).is_none());
        }
        assert!(hosts.push(delivery(6, "e"), S(0)).is_some());
        assert!(hosts.push(delivery(7, "good"), S(0)).is_none());
        assert_eq!(
            (hosts.room("new", 9, S(0)), hosts.room("good", 9, S(0))),
            (0, 3)
        );
    }

    #[test]
    fn what_waits_of_an_older_verdict_of_the_ticket_is_given_back() {
        let mut hosts = hosts();
        let of = |id, ticket, verdict| Leased {
            ticket,
            verdict,
            ..delivery(id, "a")
        };
        for (id, ticket, verdict) in [(1, 7, 1), (2, 7, 1), (3, 8, 2), (4, 7, 3)] {
            assert!(hosts.push(of(id, ticket, verdict), S(0)).is_none());
        }
        assert_eq!(ids(&hosts.take_replaced(7, 3)), [1, 2]);
        assert_eq!(hosts.waiting(), 2);
        assert_eq!(ids(&hosts.start(S(0), 0).attempts), [3, 4]);
    }

    #[test]
    fn what_waited_for_too_long_is_not_begun_and_hosts_are_forgotten() {
        let mut hosts = hosts();
        hosts.push(delivery(1, "a"), S(0));
        let told = hosts.start(S(0), 1_001);
        assert_eq!((ids(&told.stale), ids(&told.attempts)), (vec![1], vec![]));
        hosts.prune(S(1));
        assert!(hosts.by_name.is_empty());
    }

    /// How an ill host behaves: how long each of its attempts takes, and what it tells.
    type Ill = (Duration, Health);

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const PER_HOST: usize = 4;
    const MOST_ILL: usize = 7;

    /// How long each delivery to a host that is well waits until it is begun, beside so many hosts that are ill: for two
    /// seconds, in steps of a millisecond. Bursts are larger than the host's bound, so that some of them wait for each other.
    fn waits(beside: usize, (takes, tells): Ill) -> Vec<Duration> {
        let mut hosts = Hosts::new(Bounds {
            per_host: PER_HOST,
            in_all: PER_HOST * (MOST_ILL + 1),
            trials: PER_HOST * (MOST_ILL + 1),
            trials_of_app: PER_HOST * (MOST_ILL + 1),
            queue_per_host: 10_000,
            queue_in_all: 1_000_000,
            breaker: BreakerOptions {
                failures: 10,
                open: MS(300),
            },
        });
        let ill: Vec<Arc<str>> = (0..beside).map(|no| format!("ill {no}").into()).collect();
        let well: Arc<str> = "well".into();
        let (mut next_id, mut came, mut waits) = (0, HashMap::new(), Vec::new());
        let mut running: Vec<(Duration, Leased, Health)> = Vec::new();
        for now in (0..2_000).map(MS) {
            let (ended, still): (Vec<_>, Vec<_>) =
                running.drain(..).partition(|(ends, ..)| *ends <= now);
            running = still;
            for (_, leased, health) in ended {
                hosts.finish(&leased, health, now);
            }
            let burst = if now.subsec_millis() % 10 == 0 { 6 } else { 0 };
            let to_ill = ill.iter().flat_map(|host| std::iter::repeat_n(host, 2));
            for host in to_ill.chain(std::iter::repeat_n(&well, burst)) {
                next_id += 1;
                came.insert(next_id, now);
                let refused = hosts.push(delivery(next_id, host), now).is_some();
                assert!(!refused || *host != well, "there is always a place for it");
            }
            for leased in hosts.start(now, 0).attempts {
                let (ends, health) = if leased.host == well {
                    waits.push(now - came[&leased.id]);
                    (now + MS(3), Health::Well)
                } else {
                    (now + takes, tells)
                };
                running.push((ends, leased, health));
            }
        }
        waits
    }

    #[test]
    fn a_delivery_waits_as_long_beside_hosts_that_are_ill_as_alone() {
        let alone = waits(0, (MS(1), Health::Well));
        assert_eq!(alone.len(), 1_200);
        assert_eq!(alone.iter().filter(|wait| **wait == MS(3)).count(), 400);
        for ill in [
            (S(15), Health::Failed),
            (MS(100), Health::Failed),
            (MS(1), Health::Failed),
            (MS(100), Health::Alive),
            (MS(400), Health::Well),
        ] {
            assert_eq!(waits(MOST_ILL, ill), alone, "{ill:?}");
        }
        // It is the bound of all that holds them off: beyond it hosts take turns, and the well one waits.
        assert_ne!(waits(3 * MOST_ILL, (MS(400), Health::Well)), alone);
    }
}
