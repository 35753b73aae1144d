//! Reads new events four times a second and hands them out.
//!
//! Numbers are given when a row is written, and rows are seen when they are committed: on PostgreSQL a smaller number may
//! show after a greater one. So numbers that were skipped are looked for until they must have come, or never will.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reportd_db::{Database, DbError, Tx};

use super::{COLUMNS, Event, Streams, bounds, event, events_after};

const INTERVAL: Duration = Duration::from_millis(250);
/// How often a number that was skipped is looked for: ten seconds.
const LOOKS: u32 = 40;
/// Numbers that are looked for at a time; a wider gap is that of a store which was restored or tidied.
const MOST_SKIPPED: usize = 1_000;

/// What the poller has seen.
#[derive(Debug, Clone, Default)]
struct Seen {
    last: i64,
    /// Numbers that were skipped, and how often they will still be looked for.
    skipped: BTreeMap<i64, u32>,
}

/// Polls until there are no more streams.
pub(super) async fn poll(streams: Arc<Streams>, state: Database) {
    let mut seen: Option<Seen> = None;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if has_ended(&streams) {
            return;
        }
        let before = seen.clone();
        let read = state.read_async::<_, DbError>(move |tx| match before {
            Some(seen) => look(tx, seen),
            None => begin(tx),
        });
        match read.await {
            Ok((events, now)) => {
                for event in events {
                    // Nobody may be left to take it.
                    let _ = streams.events.send(event);
                }
                streams.position.send_replace(Some(now.last));
                seen = Some(now);
            }
            Err(error) => tracing::debug!(%error, "events of tickets could not be read"),
        }
    }
}

/// Under the lock under which streams begin: one that begins later starts another poller.
fn has_ended(streams: &Streams) -> bool {
    let mut is_polled = streams
        .is_polled
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if streams.events.receiver_count() > 0 {
        return false;
    }
    *is_polled = false;
    streams.position.send_replace(None);
    true
}

fn begin(tx: &mut Tx<'_>) -> Result<(Vec<Arc<Event>>, Seen), DbError> {
    let (last, _) = bounds(tx)?;
    let seen = Seen {
        last,
        ..Seen::default()
    };
    Ok((Vec::new(), seen))
}

fn look(tx: &mut Tx<'_>, mut seen: Seen) -> Result<(Vec<Arc<Event>>, Seen), DbError> {
    let mut found = late(tx, &mut seen)?;
    loop {
        let (events, has_more) = events_after(tx, seen.last)?;
        for event in &events {
            let skipped = seen.last + 1..event.id;
            if usize::try_from(event.id - seen.last).is_ok_and(|gap| gap < MOST_SKIPPED) {
                seen.skipped.extend(skipped.map(|id| (id, LOOKS)));
            }
            seen.last = event.id;
        }
        found.extend(events);
        if !has_more {
            return Ok((found, seen));
        }
    }
}

/// Of the numbers that were skipped those that have come.
fn late(tx: &mut Tx<'_>, seen: &mut Seen) -> Result<Vec<Arc<Event>>, DbError> {
    while seen.skipped.len() > MOST_SKIPPED {
        seen.skipped.pop_first();
    }
    let sql = format!("SELECT {COLUMNS} FROM dialogue_event WHERE id = $1");
    let mut found: Vec<Arc<Event>> = Vec::new();
    for (id, looks) in &mut seen.skipped {
        *looks -= 1;
        if let Some(row) = tx.query_first(&sql, &[(*id).into()])? {
            found.push(event(row)?);
            *looks = 0;
        }
    }
    seen.skipped.retain(|_, looks| *looks > 0);
    Ok(found)
}
