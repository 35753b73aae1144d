//! What happens to tickets, as server-sent events.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use reportd_db::DbError;
use reportd_platform::access::{Permission, PrincipalKind};
use reportd_platform::directory::Snapshot;
use reportd_platform::web::openapi::{CallProblems, ParameterProblem};
use reportd_platform::web::{Problem, Query, Stopping};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::IntoParams;

use super::TAG;
use super::acting::Acting;
use crate::Dialogue;
use crate::streams::{Event, MOST_MISSED, Subscription, bounds, events_after};
use crate::tickets::Actor;

/// How often a stream looks whether its key is still in force.
const KEY_INTERVAL: Duration = Duration::from_secs(1);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsParameters {
    /// Only of this app.
    #[param(example = "app001")]
    app: Option<String>,
    /// Only of this category.
    category: Option<String>,
}

/// What happens to tickets, as it happens
///
/// Server-sent events until the client leaves, the server stops or the key is revoked: `new`, `joined` (another report of
/// an open ticket), `claimed`, `released`, `judged`, `undone`, `reopened`, on whichever node it happened. The data is
/// `{"ticket_id", "app_id", "category", "at"}`. With the header `Last-Event-ID` a stream goes on where an earlier one
/// ended; where too much has happened since, its first event is `reset`: read the list again. A comment every 15 seconds
/// keeps the connection. A client that does not read is cut. An event may come twice, and those of the moment before a
/// stream began may come on it. For roles moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/tickets/events", operation_id = "dialogue_ticket_events", tag = TAG,
    params(
        EventsParameters,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was seen."),
    ),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "Events, without an end of their own.", body = String, content_type = "text/event-stream"),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_events(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Query(asked): Query<EventsParameters>,
    stopping: Option<Extension<Stopping>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let app = acting.app(asked.app.as_deref())?;
    let resume_at = headers.get(LAST_EVENT_ID).map(last_event_id).transpose()?;
    let Some(subscription) = dialogue.subscribe().await else {
        return Err(Problem::busy(
            "as many streams of events are open as this server takes: try again later",
        ));
    };
    let since = dialogue.since(&subscription, resume_at).await?;
    let mut filter_actor = acting.actor;
    filter_actor.apps = app.map(|app| vec![app.no]).or(filter_actor.apps);
    let heartbeat = interval(dialogue.streams.heartbeat);
    let stream = Stream {
        sent: HashSet::new(),
        ready: VecDeque::new(),
        begun_after: since.id,
        backlog_after: Some(since.id),
        needs_reset: since.is_reset,
        actor: filter_actor,
        category: asked.category,
        checked: dialogue.directory.snapshot(),
        stopping: stopping.map(|Extension(stopping)| stopping),
        heartbeat,
        key_check: interval(KEY_INTERVAL),
        subscription,
        dialogue,
    };
    let body = futures_util::stream::unfold(stream, |mut stream| async move {
        let piece = stream.next().await?;
        Some((Ok::<_, Infallible>(piece), stream))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies that collect replies would hold events back.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn last_event_id(value: &HeaderValue) -> Result<i64, Problem> {
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.filter(|id| *id >= 0)
        .ok_or_else(|| Problem::invalid("Last-Event-ID", "expected the id of an event"))
}

fn interval(every: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// From where a stream begins.
struct Since {
    id: i64,
    is_reset: bool,
}

impl Dialogue {
    async fn since(
        &self,
        subscription: &Subscription,
        resume_at: Option<i64>,
    ) -> Result<Since, Problem> {
        let position = subscription.position;
        let Some(id) = resume_at else {
            return Ok(Since {
                id: position,
                is_reset: false,
            });
        };
        let (newest, oldest) = self.state.read_async::<_, DbError>(bounds).await?;
        let missed = usize::try_from(newest - id).unwrap_or(0);
        // What is gone, or of another store, cannot be told again.
        let is_reset =
            missed > MOST_MISSED || id > newest.max(position) || (newest > id && oldest > id + 1);
        let id = if is_reset { position } else { id };
        Ok(Since { id, is_reset })
    }
}

/// A stream, between two events.
struct Stream {
    dialogue: Dialogue,
    subscription: Subscription,
    /// Events that are to be sent.
    ready: VecDeque<Arc<Event>>,
    /// The last event that the client has seen.
    begun_after: i64,
    /// The last event that was read from the store; none once all that was missed is read.
    backlog_after: Option<i64>,
    /// Those that were read from the store and may come from the poller too.
    sent: HashSet<i64>,
    needs_reset: bool,
    actor: Actor,
    category: Option<String>,
    checked: Arc<Snapshot>,
    stopping: Option<Stopping>,
    heartbeat: Interval,
    key_check: Interval,
}

impl Stream {
    /// What is sent next; `None` where the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.needs_reset) {
            let id = self.subscription.position;
            return Some(format!("id: {id}\nevent: reset\ndata: {{}}\n\n").into());
        }
        loop {
            while let Some(event) = self.ready.pop_front() {
                if let Some(text) = self.shown(&event) {
                    return Some(text);
                }
            }
            if let Some(after) = self.backlog_after {
                self.read_backlog(after).await?;
                continue;
            }
            let stopping = async {
                match &mut self.stopping {
                    Some(stopping) => stopping.stopped().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stopping => return None,
                _ = self.key_check.tick() => self.check_key()?,
                received = self.subscription.events.recv() => match received {
                    Ok(event) => self.take(event),
                    // It has not read for too long: what it missed it can ask for when it comes again.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
                },
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    /// Takes an event from the poller, unless it was sent: on this stream, or on the one that this goes on with.
    fn take(&mut self, event: Arc<Event>) {
        let was_seen = self.subscription.position < event.id && event.id <= self.begun_after;
        if !self.sent.remove(&event.id) && !was_seen {
            self.ready.push_back(event);
        }
    }

    async fn read_backlog(&mut self, after: i64) -> Option<()> {
        let read = self
            .dialogue
            .state
            .read_async::<_, DbError>(move |tx| events_after(tx, after));
        let (events, has_more) = read
            .await
            .inspect_err(|error| tracing::debug!(%error, "missed events could not be read"))
            .ok()?;
        let position = self.subscription.position;
        let late = events
            .iter()
            .map(|event| event.id)
            .filter(|id| *id > position);
        self.sent.extend(late);
        self.backlog_after = has_more.then(|| events.last().map_or(after, |event| event.id));
        self.ready.extend(events);
        Some(())
    }

    /// Ends the stream of a key that was revoked, or of a person who was disabled.
    fn check_key(&mut self) -> Option<()> {
        let directory = self.dialogue.directory.snapshot();
        if Arc::ptr_eq(&directory, &self.checked) {
            return Some(());
        }
        let is_in_force = match self.actor.key.as_str() {
            "" => directory.is_in_force(PrincipalKind::Person, &self.actor.name),
            key => directory.is_in_force(PrincipalKind::Key, key),
        };
        self.checked = directory;
        is_in_force.then_some(())
    }

    /// The event as it is sent; `None` where it is none of this stream's.
    fn shown(&self, event: &Event) -> Option<Bytes> {
        let category = self.category.as_ref();
        let is_asked = category.is_none_or(|category| *category == event.category);
        if !is_asked || !self.actor.may_see(event.app, &event.category) {
            return None;
        }
        let app = self.checked.app_of_no(event.app)?;
        let data = json!({
            "ticket_id": event.ticket.to_string(), "app_id": app.id, "category": event.category, "at": event.at_ms,
        });
        Some(format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind).into())
    }
}
