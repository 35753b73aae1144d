//! Tickets are taken by `tickets/next` and released again, so that as many stay as there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reportd_client::{Bytes, ClientError, Connection, HeaderMap};
use reportd_platform::clock::Clock;
use serde_json::json;

use super::{api_headers, next_ticket, problem};
use crate::cli::LoadDialogue;
use crate::load::Plan;
use crate::load::sender::{Acknowledged, Exchange, Seen, send_all};
use crate::load::summary::LoadResult;

/// Takes and releases at the rate; the latencies are those of the taking.
pub(super) async fn take(plan: &Plan, asked: &LoadDialogue) -> anyhow::Result<LoadResult> {
    let taker = Taker {
        clock: Arc::clone(&plan.clock),
        headers: api_headers(asked.key.as_ref())?,
        body: json!({"app": asked.app}).to_string().into(),
        took_us: Arc::default(),
    };
    let seen = send_all(plan, |_| taker.clone()).await?;
    let took = plan.clock.monotonic();
    let latencies_us = std::mem::take(&mut *lock(&taker.took_us));
    Ok(LoadResult::new(
        Seen {
            latencies_us,
            ..seen
        },
        took,
    ))
}

#[derive(Clone)]
struct Taker {
    clock: Arc<dyn Clock>,
    headers: HeaderMap,
    body: Bytes,
    took_us: Arc<Mutex<Vec<u32>>>,
}

impl Exchange for Taker {
    fn prepare(&mut self, _now_ms: i64) -> bool {
        true
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        let before = self.clock.monotonic();
        let row = next_ticket(connection, &self.headers, &self.body).await?;
        let took = self.clock.monotonic().saturating_sub(before);
        lock(&self.took_us).push(micros(took));
        let Some(ticket) = row.as_ref().and_then(|row| row["ticket_id"].as_str()) else {
            return Ok(Acknowledged::default());
        };
        let path = format!("/api/tickets/{ticket}/release");
        let released = connection.post(&path, self.headers.clone(), Bytes::from_static(b"{}"));
        let (status, reply) = released.await?;
        if !status.is_success() {
            return Err(problem(status.as_u16(), &reply));
        }
        Ok(Acknowledged {
            reports: 1,
            distinct: 1,
        })
    }
}

fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

fn lock(took_us: &Mutex<Vec<u32>>) -> std::sync::MutexGuard<'_, Vec<u32>> {
    took_us.lock().unwrap_or_else(PoisonError::into_inner)
}
