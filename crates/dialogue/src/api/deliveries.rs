//! Callbacks: lists, attempts, and those that are sent again.

use axum::extract::{Path, State};
use reportd_db::DbError;
use reportd_platform::AppNo;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{
    BodyProblems, CallProblems, ConflictProblem, ParameterProblem,
};
use reportd_platform::web::{Json, Problem, Query, within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::acting::{Acting, AuditorHeader};
use super::shown::{ShownDelivery, number, parameter};
use crate::callback::replay::{self, ReplayRange};
use crate::query::{self, Attempt, Delivery, DeliveryListing};
use crate::tickets::{Actor, TicketError};
use crate::{Dialogue, audit};

const DEFAULT_DELIVERIES: i64 = 50;
const MOST_DELIVERIES: i64 = 200;
/// Deliveries of a range that are made due in one transaction.
const REPLAYED_AT_ONCE: i64 = 500;
/// Transactions of one call.
const MOST_ROUNDS: usize = 40;
/// Most characters of a host with its port.
const MAX_HOST_CHARS: usize = 260;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesParameters {
    /// Only of this app.
    #[param(example = "app001")]
    app: Option<String>,
    /// Only in this state: pending, delivered, dead or taken_back.
    #[param(example = "dead")]
    state: Option<String>,
    /// Only of this ticket.
    ticket: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A page of callbacks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::DeliveriesPage)]
pub(super) struct DeliveriesPage {
    /// The newest first.
    deliveries: Vec<ShownDelivery>,
    /// Where the list goes on, where it does.
    next_cursor: Option<String>,
}

/// Callbacks, newest first
///
/// For roles moderator, lead and admin; one that is limited to categories reads those of a ticket alone.
#[utoipa::path(
    get, path = "/api/deliveries", operation_id = "dialogue_deliveries", tag = TAG,
    params(DeliveriesParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "A page.", body = DeliveriesPage),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_deliveries(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Query(asked): Query<DeliveriesParameters>,
) -> Result<Json<DeliveriesPage>, Problem> {
    let acting = acting.needs_callbacks()?;
    let state = |name: &str| {
        DeliveryListing::state_of_name(name).ok_or_else(|| {
            Problem::invalid("state", "expected pending, delivered, dead or taken_back")
        })
    };
    let limit = within("limit", asked.limit, DEFAULT_DELIVERIES, MOST_DELIVERIES)?;
    let listing = DeliveryListing {
        apps: acting.app_nos(asked.app.as_deref())?,
        state: asked.state.as_deref().map(state).transpose()?,
        ticket: parameter("ticket", asked.ticket.as_deref())?,
        before: parameter("cursor", asked.cursor.as_deref())?,
        // One more tells whether there is another page.
        limit: limit + 1,
    };
    let read = dialogue
        .state
        .read_async::<_, DbError>(move |tx| query::deliveries(tx, &listing));
    let mut found = read.await?;
    let limit = usize::try_from(limit).unwrap_or(0);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    Ok(Json(DeliveriesPage {
        next_cursor: last.map(|delivery| delivery.id.to_string()),
        deliveries: found
            .into_iter()
            .map(|delivery| ShownDelivery::new(delivery, &acting))
            .collect(),
    }))
}

/// The callback in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described: the path is read as text")]
pub(super) struct DeliveryInPath {
    /// The number of the callback.
    #[param(pattern = r"^\d{1,19}$", example = "9")]
    id: String,
}

/// An attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::Attempt)]
struct ShownAttempt {
    /// Its number, from 1.
    #[schema(minimum = 1, example = 1)]
    attempt: i64,
    /// When it began, in ms.
    #[schema(example = 1_795_233_600_000_i64)]
    at: i64,
    /// How long it took, in ms.
    #[schema(minimum = 0, example = 12)]
    took_ms: i64,
    /// The HTTP status, where a response came.
    #[schema(example = 500)]
    status: Option<i64>,
    /// Why it failed.
    error: Option<String>,
    /// The beginning of the response's body.
    excerpt: String,
}

impl From<Attempt> for ShownAttempt {
    fn from(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            at: attempt.at_ms,
            took_ms: attempt.took_ms,
            status: attempt.status,
            error: attempt.error,
            excerpt: String::from_utf8_lossy(&attempt.excerpt).into_owned(),
        }
    }
}

/// A callback with its attempts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::WholeDelivery)]
pub(super) struct WholeDelivery {
    delivery: ShownDelivery,
    /// Up to 100, the newest first.
    attempts: Vec<ShownAttempt>,
}

/// A callback with its attempts
///
/// For roles moderator, lead and admin; one that is limited to categories reads those of a ticket alone.
#[utoipa::path(
    get, path = "/api/deliveries/{id}", operation_id = "dialogue_delivery", tag = TAG,
    params(DeliveryInPath), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The callback.", body = WholeDelivery),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_delivery(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
) -> Result<Json<WholeDelivery>, Problem> {
    let acting = acting.needs_callbacks()?;
    let delivery = dialogue.delivery(&acting.actor, number(&id)?).await?;
    let id = delivery.id;
    let read = dialogue
        .state
        .read_async::<_, DbError>(move |tx| query::attempts(tx, id));
    Ok(Json(WholeDelivery {
        attempts: read.await?.into_iter().map(ShownAttempt::from).collect(),
        delivery: ShownDelivery::new(delivery, &acting),
    }))
}

/// How many callbacks are sent again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::Replayed)]
pub(super) struct Replayed {
    /// So many.
    #[schema(minimum = 0, example = 1)]
    replayed: u64,
    /// There are more of the range: call again.
    has_more: bool,
}

/// Send a dead callback again
///
/// The same bytes under the same `webhook-id`, by a schedule that begins anew. 409 where it is not dead. For roles lead
/// and admin.
#[utoipa::path(
    post, path = "/api/deliveries/{id}/replay", operation_id = "dialogue_replay_delivery", tag = TAG,
    params(DeliveryInPath, AuditorHeader), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "It is on its way.", body = Replayed),
        ConflictProblem, ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn replay_delivery(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
) -> Result<Json<Replayed>, Problem> {
    let actor = acting.needs(Permission::Oversee)?.actor;
    let delivery = dialogue.delivery(&actor, number(&id)?).await?;
    let now_ms = dialogue.clock.now_ms();
    let replayed = dialogue.desk.write::<_, DbError>(move |tx| {
        let is_dead = replay::one(tx, delivery.id, now_ms)?;
        if is_dead {
            let details =
                json!({"delivery": delivery.id.to_string(), "ticket": delivery.ticket.to_string()});
            audit::note_app(tx, &actor, "replayed", delivery.app, &details, now_ms)?;
        }
        Ok(is_dead)
    });
    if !replayed.await? {
        return Err(Problem::conflict("only a dead callback is sent again"));
    }
    dialogue.dispatcher.wake();
    Ok(Json(Replayed {
        replayed: 1,
        has_more: false,
    }))
}

/// Which dead callbacks are sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dialogue::Replay)]
pub(super) struct Replay {
    /// Only of this app.
    #[schema(example = "app001")]
    app: Option<String>,
    /// Only to this host and port.
    #[schema(example = "example.com:443")]
    host: Option<String>,
    /// Those that were given up from then on, in ms.
    #[schema(example = 1_795_233_600_000_i64)]
    from: i64,
    /// And before then, in ms.
    #[schema(example = 1_795_320_000_000_i64)]
    to: i64,
}

/// Send dead callbacks of a range again
///
/// Those of all apps that the key may touch, unless one is named. For roles lead and admin.
#[utoipa::path(
    post, path = "/api/deliveries/replay", operation_id = "dialogue_replay_deliveries", tag = TAG,
    params(AuditorHeader), request_body = Replay, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "They are on their way.", body = Replayed),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn replay_deliveries(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Json(asked): Json<Replay>,
) -> Result<Json<Replayed>, Problem> {
    let acting = acting.needs(Permission::Oversee)?;
    if asked.to <= asked.from {
        return Err(Problem::invalid("to", "expected a time after from"));
    }
    let host = asked.host.as_deref();
    if host.is_some_and(|host| host.contains('\0') || host.chars().count() > MAX_HOST_CHARS) {
        return Err(Problem::invalid("host", "expected a host and its port"));
    }
    let apps: Vec<AppNo> = match acting.app_nos(asked.app.as_deref())? {
        Some(apps) => apps,
        None => dialogue
            .directory
            .snapshot()
            .apps()
            .map(|app| app.no)
            .collect(),
    };
    let mut all = Replayed {
        replayed: 0,
        has_more: false,
    };
    let mut rounds = MOST_ROUNDS;
    for app in apps {
        let range = ReplayRange {
            app: Some(app),
            host: asked.host.clone(),
            from_ms: asked.from,
            to_ms: asked.to,
            limit: REPLAYED_AT_ONCE,
        };
        loop {
            if rounds == 0 {
                all.has_more = true;
                break;
            }
            let replayed = dialogue
                .replay_range(&acting.actor, app, range.clone())
                .await?;
            all.replayed += replayed;
            if replayed == 0 {
                break;
            }
            rounds -= 1;
        }
    }
    dialogue.dispatcher.wake();
    Ok(Json(all))
}

impl Dialogue {
    /// A callback of a ticket that the actor may see.
    async fn delivery(&self, actor: &Actor, id: i64) -> Result<Delivery, Problem> {
        let found = self
            .state
            .read_async::<_, TicketError>(move |tx| Ok(query::delivery(tx, id)?));
        let is_of = |delivery: &Delivery| actor.may_touch(delivery.app);
        let none = || Problem::not_found("there is no such callback");
        found.await?.filter(is_of).ok_or_else(none)
    }

    async fn replay_range(
        &self,
        actor: &Actor,
        app: AppNo,
        range: ReplayRange,
    ) -> Result<u64, DbError> {
        let (actor, now_ms) = (actor.clone(), self.clock.now_ms());
        let replayed = self.desk.write::<_, DbError>(move |tx| {
            let replayed = replay::range(tx, &range, now_ms)?;
            if replayed > 0 {
                let details = json!({
                    "deliveries": replayed, "from": range.from_ms, "to": range.to_ms, "host": range.host,
                });
                audit::note_app(tx, &actor, "replayed", app, &details, now_ms)?;
            }
            Ok(replayed)
        });
        replayed.await
    }
}
