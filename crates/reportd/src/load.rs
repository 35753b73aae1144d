//! `reportd load`: sends generated reports and measures.
//!
//! With a rate the sending times are set beforehand, and latency counts from the set time: a server that stalls is
//! charged for the requests that should have been sent meanwhile. Without a rate each connection sends its next request
//! when the last one is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use reportd_client::{Bytes, ClientError, Connection};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::secret::Secret;
use serde::Serialize;

use crate::cli::LoadComm;
use crate::output::print_line;
use crate::text_table::text_table;
use crate::traffic::{Templates, Traffic};

/// Requests that a connection writes beforehand.
const TEMPLATES: usize = 32;

/// What a run came to.
#[derive(Debug, Serialize)]
struct LoadResult {
    seconds: f64,
    /// Requests that were acknowledged.
    requests: u64,
    /// Reports that were acknowledged.
    reports: u64,
    requests_per_second: f64,
    reports_per_second: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// Requests that were not acknowledged, by what was told.
    errors: BTreeMap<String, u64>,
}

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    latencies_us: Vec<u32>,
    errors: BTreeMap<String, u64>,
}

/// Sends bot event reports as asked, and prints what came of it.
pub(crate) async fn load_comm(asked: &LoadComm) -> anyhow::Result<()> {
    let address = asked
        .url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/').to_owned());
    let Some(address) = address.filter(|address| !address.contains('/')) else {
        bail!("--url: expected http://host:port, without a path: the generator speaks plain HTTP");
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let end = Duration::from_secs(u64::from(asked.seconds));
    let tasks: Vec<_> = (0..asked.connections)
        .map(|number| {
            let sender = Sender {
                address: address.clone(),
                token: asked.token.clone(),
                items: asked.items,
                traffic: Traffic::new(
                    asked
                        .seed
                        .wrapping_mul(1_000_003)
                        .wrapping_add(u64::from(number)),
                ),
                clock: Arc::clone(&clock),
                end,
                schedule: Schedule::new(asked.rate, asked.connections, number),
            };
            tokio::spawn(sender.run())
        })
        .collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task
            .await
            .map_err(|error| anyhow!("a connection stopped: {error}"))?;
        all.latencies_us.extend(seen.latencies_us);
        for (error, count) in seen.errors {
            *all.errors.entry(error).or_default() += count;
        }
    }
    let result = summarise(all, asked.items, clock.monotonic());
    if asked.json {
        print_line(serde_json::to_string(&result)?)?;
    } else {
        print_table(&result)?;
    }
    if result.requests == 0 {
        Err(anyhow!("no request was acknowledged"))
    } else {
        Ok(())
    }
}

/// When a connection sends.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    first: Duration,
    /// Between two requests; zero sends as fast as the server answers.
    interval: Duration,
}

impl Schedule {
    fn new(rate: u32, connections: u32, number: u32) -> Self {
        let Some(between) = Duration::from_secs(1).checked_div(rate) else {
            return Self {
                first: Duration::ZERO,
                interval: Duration::ZERO,
            };
        };
        Self {
            first: between * number,
            interval: between * connections,
        }
    }
}

struct Sender {
    address: String,
    token: Secret,
    items: u32,
    traffic: Traffic,
    clock: Arc<dyn Clock>,
    end: Duration,
    schedule: Schedule,
}

impl Sender {
    async fn run(mut self) -> Seen {
        let mut seen = Seen::default();
        let mut templates = Templates::new(&mut self.traffic, TEMPLATES, self.items);
        let mut due = self.clock.monotonic() + self.schedule.first;
        let mut connection = None;
        while due < self.end {
            let now = self.clock.monotonic();
            if now >= self.end {
                break;
            }
            if let Some(early) = due.checked_sub(now).filter(|early| !early.is_zero()) {
                tokio::time::sleep(early).await;
            }
            let ts = self.clock.now_ms() / 1000;
            let body = Bytes::from(templates.next(&mut self.traffic, ts));
            let started = if self.schedule.interval.is_zero() {
                self.clock.monotonic()
            } else {
                due
            };
            match self.send(&mut connection, body).await {
                Ok(()) => {
                    let took = self.clock.monotonic().saturating_sub(started);
                    seen.latencies_us
                        .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
                }
                Err(error) => self.note(&mut seen, &mut connection, &error).await,
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
        &self,
        connection: &mut Option<Connection>,
        body: Bytes,
    ) -> Result<(), ClientError> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(Connection::connect(&self.address).await?),
        };
        open.post_comm(self.token.reveal(), body).await.map(|_| ())
    }

    async fn note(
        &self,
        seen: &mut Seen,
        connection: &mut Option<Connection>,
        error: &ClientError,
    ) {
        *seen.errors.entry(error.to_string()).or_default() += 1;
        if !matches!(error, ClientError::Refused { .. }) {
            *connection = None;
            // A server that is away must not be hammered.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn summarise(mut seen: Seen, items: u32, took: Duration) -> LoadResult {
    seen.latencies_us.sort_unstable();
    let at = |share: usize| {
        let index =
            (seen.latencies_us.len() * share / 1000).min(seen.latencies_us.len().saturating_sub(1));
        seen.latencies_us
            .get(index)
            .map_or(0.0, |&us| f64::from(us) / 1000.0)
    };
    let count = seen.latencies_us.len() as u64;
    let as_float = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let seconds = took.as_secs_f64();
    LoadResult {
        seconds,
        requests: count,
        reports: count * u64::from(items),
        requests_per_second: as_float(count) / seconds,
        reports_per_second: as_float(count * u64::from(items)) / seconds,
        p50_ms: at(500),
        p90_ms: at(900),
        p99_ms: at(990),
        max_ms: at(1000),
        errors: seen.errors,
    }
}

fn print_table(result: &LoadResult) -> anyhow::Result<()> {
    let mut rows: Vec<[String; 2]> = vec![
        ["requests".to_owned(), result.requests.to_string()],
        ["reports".to_owned(), result.reports.to_string()],
        [
            "requests/s".to_owned(),
            format!("{:.0}", result.requests_per_second),
        ],
        [
            "reports/s".to_owned(),
            format!("{:.0}", result.reports_per_second),
        ],
    ];
    let latencies = [
        ("p50", result.p50_ms),
        ("p90", result.p90_ms),
        ("p99", result.p99_ms),
        ("max", result.max_ms),
    ];
    rows.extend(latencies.map(|(name, ms)| [name.to_owned(), format!("{ms:.2} ms")]));
    rows.extend(
        result
            .errors
            .iter()
            .map(|(error, count)| [error.clone(), count.to_string()]),
    );
    print_line(text_table(["acknowledged", ""], &rows))
}
