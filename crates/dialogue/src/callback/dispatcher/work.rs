//! Attempts: each a task, which goes on with what waits next.

use std::sync::Arc;

use super::{Dispatcher, ms};
use crate::callback::attempts::{Attempted, Ending, Note};
use crate::callback::outbox::Leased;
use crate::callback::schedule;
use crate::callback::send::{Told, Verdict};

impl Dispatcher {
    /// Begins what can begin now.
    pub(super) fn begin(self: &Arc<Self>) {
        self.next()
            .into_iter()
            .for_each(|leased| self.spawn(leased));
    }

    fn spawn(self: &Arc<Self>, leased: Leased) {
        tokio::spawn(Arc::clone(self).work(leased));
    }

    /// What can begin now.
    fn next(self: &Arc<Self>) -> Vec<Leased> {
        if self.is_closing() {
            return Vec::new();
        }
        // An attempt, and a little to write what it gave.
        let until_ms = self.clock.now_ms() + ms(self.options.timeout) + 1_000;
        let told = self.outlet.hosts().start(self.clock.monotonic(), until_ms);
        if !told.stale.is_empty() {
            let dispatcher = Arc::clone(self);
            tokio::spawn(async move { dispatcher.give_back(told.stale).await });
        }
        told.attempts
    }

    /// Makes an attempt, and then those that can begin by its end.
    async fn work(self: Arc<Self>, mut leased: Leased) {
        loop {
            self.attempt(leased).await;
            let mut next = self.next().into_iter();
            let Some(first) = next.next() else {
                return;
            };
            next.for_each(|other| self.spawn(other));
            leased = first;
        }
    }

    async fn attempt(self: &Arc<Self>, leased: Leased) {
        let (at_ms, began) = (self.clock.now_ms(), self.clock.monotonic());
        self.metrics.attempts.inc();
        self.metrics.running.inc();
        let told = self.outlet.attempt(&leased).await;
        self.metrics.running.dec();
        let now = self.clock.monotonic();
        let took = now.saturating_sub(began);
        self.metrics.took.observe(took.as_secs_f64());
        let health = told.health;
        let note = self.note(&leased, told, at_ms, ms(took));
        // Written before the place is free: what is attempted is never more than what can be written.
        let _ = self.notes.send(note).await;
        let ended = self.outlet.hosts().finish(&leased, health, now);
        self.ended.notify_one();
        if ended.opens_breaker {
            self.metrics.breakers_opened.inc();
        }
        self.give_back(ended.given_back).await;
        if ended.wants_more {
            self.wake();
        }
    }

    /// What is written about an attempt.
    fn note(&self, leased: &Leased, told: Told, at_ms: i64, took_ms: i64) -> Note {
        let attempt = usize::try_from(leased.attempts + 1).unwrap_or(usize::MAX);
        let chance = schedule::chance(self.random.as_ref());
        let wait = || {
            let schedule = &self.options.schedule;
            schedule::wait(schedule, attempt, chance, told.seen.retry_after)
        };
        let done_ms = at_ms + took_ms;
        let ending = match told.verdict {
            Verdict::Taken => Ending::Delivered,
            Verdict::Gone => Ending::Dead,
            Verdict::Failed => wait().map_or(Ending::Dead, |wait| Ending::Again {
                at_ms: done_ms.saturating_add(ms(wait)),
            }),
        };
        match ending {
            Ending::Delivered => {
                self.metrics.delivered.inc();
                let delay_ms = u32::try_from(done_ms - leased.created_at_ms).unwrap_or(0);
                self.metrics.delay.observe(f64::from(delay_ms) / 1e3);
            }
            Ending::Again { .. } => {
                self.metrics.failed.inc();
            }
            Ending::Dead => {
                self.metrics.dead.inc();
            }
        }
        Note::Attempted(Attempted {
            id: leased.id,
            ticket: leased.ticket,
            verdict: leased.verdict,
            until_ms: leased.until_ms,
            at_ms,
            took_ms,
            status: told.seen.status.map(|status| status.as_u16()),
            error: told.error,
            excerpt: told.seen.excerpt,
            ending,
        })
    }

    /// Lets go of deliveries that were not attempted: they are due again, for all nodes.
    pub(super) async fn give_back(&self, deliveries: Vec<Leased>) {
        let due_ms = self.clock.now_ms();
        for leased in deliveries {
            let _ = self.notes.send(Note::given_back(&leased, due_ms)).await;
        }
    }
}
