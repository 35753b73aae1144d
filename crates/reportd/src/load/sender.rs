//! Connections that send, each one request after the other, and what they saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use reportd_client::{ClientError, Connection};
use reportd_platform::clock::Clock;

use super::Plan;
use super::schedule::Schedule;

/// What one connection sends.
pub(super) trait Exchange: Send + 'static {
    /// Writes the next request, which is not measured. False where there is none left.
    fn prepare(&mut self, now_ms: i64) -> bool;

    /// Sends it, and tells what was acknowledged.
    fn send(
        &mut self,
        connection: &mut Connection,
    ) -> impl Future<Output = Result<Acknowledged, ClientError>> + Send;
}

/// What a request brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Acknowledged {
    pub(super) reports: u64,
    /// Of them, those that were not acknowledged before.
    pub(super) distinct: u64,
}

/// What the connections saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) latencies_us: Vec<u32>,
    pub(super) acknowledged: Acknowledged,
    pub(super) errors: BTreeMap<String, u64>,
}

/// Sends over all connections until the time is over; `exchange` makes what a connection sends, by its number.
pub(super) async fn send_all<E: Exchange>(
    plan: &Plan,
    exchange: impl Fn(u32) -> E,
) -> anyhow::Result<Seen> {
    let start = |number| {
        let sender = Sender {
            address: plan.address.clone(),
            exchange: exchange(number),
            clock: Arc::clone(&plan.clock),
            end: Duration::from_secs(u64::from(plan.seconds)),
            schedule: Schedule::new(plan.rate, plan.connections, number),
            counts_from_wake: plan.counts_from_wake,
        };
        tokio::spawn(sender.run())
    };
    let tasks: Vec<_> = (0..plan.connections).map(start).collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task
            .await
            .map_err(|error| anyhow!("a connection stopped: {error}"))?;
        all.latencies_us.extend(seen.latencies_us);
        all.acknowledged.reports += seen.acknowledged.reports;
        all.acknowledged.distinct += seen.acknowledged.distinct;
        for (error, count) in seen.errors {
            *all.errors.entry(error).or_default() += count;
        }
    }
    Ok(all)
}

struct Sender<E> {
    address: String,
    exchange: E,
    clock: Arc<dyn Clock>,
    end: Duration,
    schedule: Schedule,
    counts_from_wake: bool,
}

impl<E: Exchange> Sender<E> {
    async fn run(mut self) -> Seen {
        let mut seen = Seen::default();
        let mut due = self.clock.monotonic() + self.schedule.first;
        let mut connection = None;
        while due < self.end {
            let now = self.clock.monotonic();
            if now >= self.end {
                break;
            }
            let early = due.checked_sub(now).filter(|early| !early.is_zero());
            if let Some(early) = early {
                tokio::time::sleep(early).await;
            }
            if !self.exchange.prepare(self.clock.now_ms()) {
                break;
            }
            let is_own_delay = early.is_some() && self.counts_from_wake;
            let started = if self.schedule.interval.is_zero() || is_own_delay {
                self.clock.monotonic()
            } else {
                due
            };
            match self.send(&mut connection).await {
                Ok(acknowledged) => {
                    let took = self.clock.monotonic().saturating_sub(started);
                    seen.latencies_us
                        .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
                    seen.acknowledged.reports += acknowledged.reports;
                    seen.acknowledged.distinct += acknowledged.distinct;
                }
                Err(error) => note(&mut seen, &mut connection, &error).await,
            }
            due = if self.schedule.interval.is_zero() {
                self.clock.monotonic()
            } else {
                due + self.schedule.interval
            };
        }
        seen
    }

    async fn send(
        &mut self,
        connection: &mut Option<Connection>,
    ) -> Result<Acknowledged, ClientError> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(Connection::connect(&self.address).await?),
        };
        self.exchange.send(open).await
    }
}

async fn note(seen: &mut Seen, connection: &mut Option<Connection>, error: &ClientError) {
    *seen.errors.entry(error.to_string()).or_default() += 1;
    let is_answer = matches!(
        error,
        ClientError::Refused { .. } | ClientError::Problem { .. }
    );
    if !is_answer {
        *connection = None;
        // A server that is away must not be hammered.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
