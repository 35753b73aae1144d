//! How many tickets and callbacks there are: for who looks at a queue.

use axum::extract::State;
use reportd_db::DbError;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{CallProblems, ParameterProblem};
use reportd_platform::web::{Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::acting::Acting;
use super::shown::text;
use crate::Dialogue;
use crate::query::{self, MOST_COUNTED, Queue};
use crate::tickets::TicketState;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TicketCountsParameters {
    /// Only of this app.
    #[param(example = "app001")]
    app: Option<String>,
    /// Counts by state only of this category. Needs `app`.
    category: Option<String>,
}

/// How many tickets there are. None is counted beyond `most` of an app or category and state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::TicketCounts)]
pub(super) struct TicketCounts {
    /// Wait for a moderator.
    #[schema(minimum = 0, example = 7)]
    open: i64,
    /// Are held by a moderator.
    #[schema(minimum = 0, example = 2)]
    claimed: i64,
    /// Are held by who asks.
    #[schema(minimum = 0, example = 1)]
    claimed_by_me: i64,
    /// Are judged, the verdict on its way.
    #[schema(minimum = 0, example = 3)]
    judged: i64,
    /// Are judged, the verdict delivered.
    #[schema(minimum = 0, example = 120)]
    delivered: i64,
    /// Are judged, a delivery given up.
    #[schema(minimum = 0, example = 1)]
    failed: i64,
    /// Age of the oldest open ticket.
    #[schema(minimum = 0, example = 312)]
    oldest_open_seconds: Option<i64>,
    /// What waits in each category, open or claimed; the most first.
    categories: Vec<CategoryCount>,
    /// More are not counted.
    #[schema(example = 10_000)]
    most: i64,
}

/// What waits in a category.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::CategoryCount)]
struct CategoryCount {
    /// Whose.
    #[schema(example = "app001")]
    app_id: String,
    /// As reported.
    #[schema(example = "chat")]
    category: String,
    /// Tickets that nobody has judged.
    #[schema(minimum = 1, example = 9)]
    waiting: i64,
}

/// How many tickets there are
///
/// By state, and what waits by category. A key that is limited to an app or to categories counts theirs only. For roles
/// moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/tickets/counts", operation_id = "dialogue_ticket_counts", tag = TAG,
    params(TicketCountsParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The counts.", body = TicketCounts),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_ticket_counts(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Query(asked): Query<TicketCountsParameters>,
) -> Result<Json<TicketCounts>, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let app = acting.app_no(asked.app.as_deref())?;
    let category = text("category", asked.category)?;
    if app.is_none() && category.is_some() {
        let expected = "expected with a category: categories are names of an app";
        return Err(Problem::invalid("app", expected));
    }
    let actor = acting.actor.clone();
    let read = dialogue.state.read_async::<_, DbError>(move |tx| {
        let queues = Queue::all_of(&actor, app, category.as_deref());
        let of_app = Queue::all_of(&actor, app, None);
        let counts = query::counts(tx, &queues)?;
        let held = query::held(tx, &queues, &actor)?;
        Ok((counts, held, query::waiting_by_category(tx, &of_app)?))
    });
    let (counts, claimed_by_me, waiting) = read.await?;
    let now_ms = dialogue.clock.now_ms();
    let mut categories: Vec<_> = waiting
        .into_iter()
        .map(|((app, category), waiting)| CategoryCount {
            app_id: acting.app_id(app),
            category,
            waiting,
        })
        .collect();
    categories.sort_by_key(|one| std::cmp::Reverse(one.waiting));
    let oldest = counts.oldest_open_at_ms;
    Ok(Json(TicketCounts {
        open: counts.of(TicketState::Open),
        claimed: counts.of(TicketState::Claimed),
        claimed_by_me,
        judged: counts.of(TicketState::Judged),
        delivered: counts.of(TicketState::Delivered),
        failed: counts.of(TicketState::Failed),
        oldest_open_seconds: oldest.map(|oldest_ms| (now_ms - oldest_ms).max(0) / 1000),
        categories,
        most: MOST_COUNTED,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryCountsParameters {
    /// Only of this app.
    #[param(example = "app001")]
    app: Option<String>,
}

/// How many callbacks there are. None is counted beyond `most` of a state.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = dialogue::DeliveryCounts)]
pub(super) struct DeliveryCounts {
    /// Wait for their next attempt.
    #[schema(minimum = 0, example = 3)]
    pending: i64,
    /// Arrived.
    #[schema(minimum = 0, example = 120)]
    delivered: i64,
    /// Were given up.
    #[schema(minimum = 0, example = 1)]
    dead: i64,
    /// Their verdict was undone, or given again.
    #[schema(minimum = 0, example = 2)]
    taken_back: i64,
    /// More are not counted.
    #[schema(example = 10_000)]
    most: i64,
}

/// How many callbacks there are
///
/// By state. For roles moderator, lead and admin; they are not counted by category, so a moderator who is limited to some is
/// refused.
#[utoipa::path(
    get, path = "/api/deliveries/counts", operation_id = "dialogue_delivery_counts", tag = TAG,
    params(DeliveryCountsParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The counts.", body = DeliveryCounts),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_delivery_counts(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Query(asked): Query<DeliveryCountsParameters>,
) -> Result<Json<DeliveryCounts>, Problem> {
    let acting = acting.needs_callback_counts()?;
    let apps = acting.app_nos(asked.app.as_deref())?;
    let read = dialogue
        .state
        .read_async::<_, DbError>(move |tx| query::count_deliveries(tx, apps.as_deref()));
    let mut counts = DeliveryCounts {
        most: MOST_COUNTED,
        ..DeliveryCounts::default()
    };
    for (state, count) in read.await? {
        match state {
            "pending" => counts.pending = count,
            "delivered" => counts.delivered = count,
            "dead" => counts.dead = count,
            _ => counts.taken_back = count,
        }
    }
    Ok(Json(counts))
}
