//! Events of tickets for streams: one poller a node reads what any node has noted, and hands it to all streams of this
//! one. It runs while there are streams.

mod poller;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reportd_db::{DbError, Row, Tx};
use reportd_platform::AppNo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::Dialogue;

/// Events that are read at once.
const PAGE: i64 = 1_000;

/// Most events that a stream is given of what it missed; with more it is told to begin anew.
pub(crate) const MOST_MISSED: usize = 10_000;

const COLUMNS: &str = "id, at, app, category, kind, ticket";

/// Something that happened to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its number; mostly in the order in which they are seen.
    pub(crate) id: i64,
    /// When, in ms.
    pub(crate) at_ms: i64,
    pub(crate) app: AppNo,
    pub(crate) category: String,
    /// new, joined, claimed, released, judged, undone, reopened.
    pub(crate) kind: String,
    pub(crate) ticket: i64,
}

/// How streams are kept.
#[derive(Debug, Clone, Copy)]
pub struct StreamOptions {
    /// Most streams at a time; more are told to try later.
    pub most: usize,
    /// Events that a stream may be behind, kept once for all streams; one that is further behind is cut.
    pub behind: usize,
    /// How often a quiet stream says that it is there, so that no proxy cuts it.
    pub heartbeat: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            most: 256,
            behind: 4_096,
            heartbeat: Duration::from_secs(15),
        }
    }
}

/// The streams of this node.
pub struct Streams {
    pub(crate) heartbeat: Duration,
    places: Arc<Semaphore>,
    events: broadcast::Sender<Arc<Event>>,
    /// The last event that the poller has handed out; none while it does not run.
    position: watch::Sender<Option<i64>>,
    is_polled: Mutex<bool>,
}

/// A place among the streams.
pub(crate) struct Subscription {
    pub(crate) events: broadcast::Receiver<Arc<Event>>,
    /// All events up to here must be read from the store; later ones come by `events`.
    pub(crate) position: i64,
    _place: OwnedSemaphorePermit,
}

impl Streams {
    /// None yet.
    #[must_use]
    pub fn new(options: StreamOptions) -> Self {
        Self {
            heartbeat: options.heartbeat,
            places: Arc::new(Semaphore::new(options.most)),
            events: broadcast::Sender::new(options.behind.max(1)),
            position: watch::Sender::new(None),
            is_polled: Mutex::default(),
        }
    }
}

impl Dialogue {
    /// Subscribes to what happens from now on; `None` where there is no place.
    pub(crate) async fn subscribe(&self) -> Option<Subscription> {
        let streams = &self.streams;
        let place = Arc::clone(&streams.places).try_acquire_owned().ok()?;
        let events = {
            let mut is_polled = streams
                .is_polled
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let events = streams.events.subscribe();
            if !*is_polled {
                *is_polled = true;
                let (streams, state) = (Arc::clone(streams), self.state.clone());
                tokio::spawn(poller::poll(streams, state));
            }
            events
        };
        let mut position = streams.position.subscribe();
        let position = position.wait_for(Option::is_some).await.ok()?.unwrap_or(0);
        Some(Subscription {
            events,
            position,
            _place: place,
        })
    }
}

/// Events behind one, at most [`PAGE`] of them, and whether there may be more.
pub(crate) fn events_after(tx: &mut Tx<'_>, id: i64) -> Result<(Vec<Arc<Event>>, bool), DbError> {
    let sql = format!("SELECT {COLUMNS} FROM dialogue_event WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = tx.query(&sql, &[id.into(), PAGE.into()])?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= PAGE);
    let events = rows.into_iter().map(event).collect::<Result<_, _>>()?;
    Ok((events, is_full))
}

/// The newest event, and the oldest that is kept; zeros where there is none.
pub(crate) fn bounds(tx: &mut Tx<'_>) -> Result<(i64, i64), DbError> {
    let newest = tx.query_int("SELECT MAX(id) FROM dialogue_event", &[])?;
    Ok((
        newest,
        tx.query_int("SELECT MIN(id) FROM dialogue_event", &[])?,
    ))
}

fn event(mut row: Row) -> Result<Arc<Event>, DbError> {
    let app = AppNo::try_from(row.int(2)?).map_err(|_| DbError::Type {
        column: 2,
        expected: "an app number",
    })?;
    Ok(Arc::new(Event {
        id: row.int(0)?,
        at_ms: row.int(1)?,
        app,
        category: row.take_text(3)?,
        kind: row.take_text(4)?,
        ticket: row.int(5)?,
    }))
}
