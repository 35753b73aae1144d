//! The dispatcher of a node: leases what is due, sends it, and has written what became of it.
//!
//! An attempt is a task of its own, which goes on with what waits next when it has ended; nothing here waits for a host.
//! Deliveries come in two ways: from the store, looked at twice a second and whenever a queue runs low ([`super::leases`]),
//! and in memory from the verdict that wrote them.

mod feed;
mod options;
mod recorder;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reportd_db::{Database, DbError, Desk};
use reportd_platform::clock::Clock;
use reportd_platform::random::Random;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::attempts::Note;
use super::hosts::{Bounds, Hosts};
use super::leases;
use super::metrics::CallbackMetrics;
use super::outbox::{HandOver, Lease, Leased};
use super::resolver::Network;
use super::send::{Outlet, Senders};
use super::tls::Trust;
pub use options::Options;

/// How long attempts that run may go on when the server shuts down.
const GRACE: Duration = Duration::from_secs(5);
/// Which part of all attempts at a time may be trials: attempts for hosts that have not taken anything yet, of all apps and
/// of one.
const TRIALS: usize = 2;
const TRIALS_OF_APP: usize = 8;
/// Notes that wait to be written, each with 64 KiB of a response at most; attempts wait behind them.
const NOTES: usize = 512;

/// What a dispatcher works with.
pub struct Parts {
    /// The store of deliveries.
    pub state: Database,
    /// Writes to it.
    pub desk: Arc<Desk>,
    /// What each app sends with.
    pub senders: Arc<dyn Senders>,
    /// The way out.
    pub network: Arc<dyn Network>,
    /// Whose receivers are believed to be who they say.
    pub trust: Trust,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Draws the jitter.
    pub random: Arc<dyn Random>,
    /// Names this node among all on the store, and is the same when it starts again.
    pub node: Arc<str>,
    /// No other node is on the store.
    pub is_alone: bool,
    /// What it counts.
    pub metrics: Arc<CallbackMetrics>,
}

/// Sends callbacks.
pub struct Dispatcher {
    pub(super) outlet: Outlet,
    pub(super) state: Database,
    pub(super) desk: Arc<Desk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) node: Arc<str>,
    pub(super) options: Options,
    pub(super) metrics: Arc<CallbackMetrics>,
    pub(super) notes: mpsc::Sender<Note>,
    pub(super) look: Notify,
    pub(super) ended: Notify,
    pub(super) is_closing: AtomicBool,
    feeder: Mutex<Option<JoinHandle<()>>>,
    recorder: Mutex<Option<JoinHandle<()>>>,
}

impl Dispatcher {
    /// Ends the leases that this node left behind, and begins to send.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn start(parts: Parts, options: Options) -> Result<Arc<Self>, DbError> {
        let (node, is_alone) = (Arc::clone(&parts.node), parts.is_alone);
        let now_ms = parts.clock.now_ms();
        let ended = parts
            .desk
            .write(move |tx| leases::end_all(tx, &node, is_alone, now_ms));
        let ended: u64 = ended.await?;
        if ended > 0 {
            tracing::info!(ended, "callbacks that were on their way are sent again");
        }
        let (notes, to_write) = mpsc::channel(NOTES);
        let hosts = Hosts::new(Bounds {
            per_host: options.per_host.max(1),
            in_all: options.in_all.max(1),
            trials: (options.in_all / TRIALS).max(1),
            trials_of_app: (options.in_all / TRIALS_OF_APP).max(1),
            queue_per_host: options.queue_per_host.max(1),
            queue_in_all: options.queue_in_all.max(1),
            breaker: options.breaker,
        });
        let clock = Arc::clone(&parts.clock);
        let way_out = (parts.network, parts.trust);
        let outlet = Outlet::new(parts.senders, way_out, clock, hosts, options.timeout);
        let dispatcher = Arc::new(Self {
            outlet,
            state: parts.state,
            desk: parts.desk,
            clock: parts.clock,
            random: parts.random,
            node: parts.node,
            options,
            metrics: parts.metrics,
            notes,
            look: Notify::new(),
            ended: Notify::new(),
            is_closing: AtomicBool::new(false),
            feeder: Mutex::default(),
            recorder: Mutex::default(),
        });
        let feeder = tokio::spawn(feed::run(Arc::clone(&dispatcher)));
        let recorder = tokio::spawn(recorder::run(Arc::clone(&dispatcher), to_write));
        *lock(&dispatcher.feeder) = Some(feeder);
        *lock(&dispatcher.recorder) = Some(recorder);
        Ok(dispatcher)
    }

    /// The right to send at once what is written now; `None` where this node is about to end.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        (!self.is_closing()).then(|| self.lease_from(self.clock.now_ms()))
    }

    pub(super) fn lease_from(&self, now_ms: i64) -> Lease {
        Lease {
            node: Arc::clone(&self.node),
            until_ms: now_ms.saturating_add(ms(self.options.lease)),
        }
    }

    /// Sends deliveries that were leased by their verdict, after its commit. On a runtime; waits for nothing.
    pub fn hand_over(self: &Arc<Self>, deliveries: Vec<HandOver>) {
        let refused = self.push(deliveries.into_iter().map(|handed| handed.0));
        self.begin();
        if !refused.is_empty() {
            let dispatcher = Arc::clone(self);
            tokio::spawn(async move { dispatcher.give_back(refused).await });
        }
    }

    /// A newer verdict of a ticket was given: what this node has leased of older ones and not attempted does not leave.
    pub fn let_go(self: &Arc<Self>, ticket: i64, verdict: i64) {
        let replaced = self.outlet.hosts().take_replaced(ticket, verdict);
        if !replaced.is_empty() {
            let dispatcher = Arc::clone(self);
            tokio::spawn(async move { dispatcher.give_back(replaced).await });
        }
    }

    /// Looks for what is due, at once: after a replay.
    pub fn wake(&self) {
        self.look.notify_one();
    }

    /// Attempts that run, deliveries that wait in memory, and hosts whose breaker is open.
    #[must_use]
    pub fn figures(&self) -> (usize, usize, Vec<String>) {
        let now = self.clock.monotonic();
        let hosts = self.outlet.hosts();
        (
            hosts.running(),
            hosts.waiting(),
            hosts.open_breakers(now, 100),
        )
    }

    /// Begins no more attempts, lets those that run come to their end for a few seconds, and has all written. Before the
    /// desk is closed.
    pub async fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        self.look.notify_one();
        let feeder = lock(&self.feeder).take();
        if let Some(feeder) = feeder {
            let _ = feeder.await;
        }
        let waiting = self.outlet.hosts().drain();
        self.give_back(waiting).await;
        let all_ended = async {
            while self.outlet.hosts().running() > 0 {
                self.ended.notified().await;
            }
        };
        let _ = tokio::time::timeout(GRACE, all_ended).await;
        let _ = self.notes.send(Note::End).await;
        let recorder = lock(&self.recorder).take();
        if let Some(recorder) = recorder {
            let _ = recorder.await;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    /// Puts deliveries into the queues of their hosts; returns those that there is no place for.
    pub(super) fn push(&self, deliveries: impl Iterator<Item = Leased>) -> Vec<Leased> {
        if self.is_closing() {
            return deliveries.collect();
        }
        let now = self.clock.monotonic();
        let mut hosts = self.outlet.hosts();
        deliveries
            .filter_map(|leased| hosts.push(leased, now))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
