//! Lists of tickets.

use axum::extract::State;
use reportd_db::DbError;
use reportd_platform::AppNo;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{CallProblems, ParameterProblem};
use reportd_platform::web::{Json, Problem, Query, within};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::acting::Acting;
use super::shown::{ShownTicket, text};
use crate::Dialogue;
use crate::query::{self, About, Listing, Place, Ticket};
use crate::tickets::TicketState;

const DEFAULT_TICKETS: i64 = 50;
const MOST_TICKETS: i64 = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TicketsParameters {
    /// Only of this app.
    #[param(example = "app001")]
    app: Option<String>,
    /// Only in these states: open, claimed, judged, delivered, failed, with commas between.
    #[param(example = "open,claimed")]
    state: Option<String>,
    /// Only of this category. Needs `app`.
    category: Option<String>,
    /// Only with this user, by the key as it was reported. Needs `app`.
    user: Option<String>,
    /// Only by this reporter: the `uniqid` of reports. Needs `app`, and goes without `user`.
    reporter: Option<String>,
    /// Only those that this person holds.
    #[param(example = "mei")]
    claimed_by: Option<String>,
    /// Only those received from then on, in ms.
    received_from: Option<i64>,
    /// Only those received up to then, in ms.
    received_to: Option<i64>,
    /// oldest or newest first.
    #[param(example = "oldest", default = "oldest")]
    sort: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A ticket of a list, with what the verdict that stands says of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::ListedTicket)]
struct ListedTicket {
    #[serde(flatten)]
    ticket: ShownTicket,
    /// The label of the dialogue, where it is judged.
    #[schema(example = "ad")]
    dialogue_result: Option<String>,
    /// Who judged.
    #[schema(example = "mei")]
    auditor: Option<String>,
}

/// A page of tickets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::TicketsPage)]
pub(super) struct TicketsPage {
    /// In the order that was asked for; a page may be short, or empty, and have another one behind it.
    tickets: Vec<ListedTicket>,
    /// Where the list goes on, where it does.
    next_cursor: Option<String>,
    /// Age of the oldest open ticket of the app and category, or of all.
    #[schema(minimum = 0, example = 312)]
    oldest_open_seconds: Option<i64>,
}

/// Tickets, a page at a time
///
/// A cursor is a place in the order of receipt: tickets that come or go between pages are neither skipped nor repeated.
/// A key that is limited to an app or to categories sees theirs only. For roles moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/tickets", operation_id = "dialogue_tickets", tag = TAG,
    params(TicketsParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "A page.", body = TicketsPage),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_tickets(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Query(asked): Query<TicketsParameters>,
) -> Result<Json<TicketsPage>, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let category = asked.category.clone();
    let app = acting.app_no(asked.app.as_deref())?;
    let listing = listing(&acting, app, asked)?;
    let now_ms = dialogue.clock.now_ms();
    let oldest_ms = dialogue
        .oldest_open(acting.actor.clone(), app, category)
        .await?;
    let page = dialogue.list(&acting.actor, listing).await?;
    let judged: Vec<_> = page
        .tickets
        .iter()
        .filter(|ticket| ticket.verdict.is_some())
        .cloned()
        .collect();
    let read = dialogue
        .state
        .read_async::<_, DbError>(move |tx| query::standing_verdicts(tx, judged.iter()));
    let mut verdicts = read.await?;
    let shown = |ticket: Ticket| {
        let standing = verdicts.remove(&ticket.id);
        let (dialogue_result, auditor) = standing
            .map(|standing| (standing.dialogue_result, standing.auditor))
            .unzip();
        ListedTicket {
            ticket: ShownTicket::new(ticket, &acting),
            dialogue_result,
            auditor,
        }
    };
    Ok(Json(TicketsPage {
        tickets: page.tickets.into_iter().map(shown).collect(),
        next_cursor: page
            .next
            .map(|place| format!("{}.{}", place.received_at_ms, place.id)),
        oldest_open_seconds: oldest_ms.map(|oldest_ms| (now_ms - oldest_ms).max(0) / 1000),
    }))
}

fn listing(
    acting: &Acting,
    app: Option<AppNo>,
    asked: TicketsParameters,
) -> Result<Listing, Problem> {
    let about = match (text("user", asked.user)?, text("reporter", asked.reporter)?) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(
                "reporter",
                "expected without user: one of them",
            ));
        }
        (Some(user), None) => Some(About::User(user)),
        (None, reporter) => reporter.map(About::Reporter),
    };
    let category = text("category", asked.category)?;
    if app.is_none() && (about.is_some() || category.is_some()) {
        let expected = "expected with a category, a user or a reporter: they are names of an app";
        return Err(Problem::invalid("app", expected));
    }
    let limit = within("limit", asked.limit, DEFAULT_TICKETS, MOST_TICKETS)?;
    let from_ms = asked.received_from.unwrap_or(0);
    Ok(Listing {
        apps: app
            .map(|app| vec![app])
            .or_else(|| acting.actor.apps.clone()),
        categories: category.map(|category| vec![category]),
        states: asked.state.as_deref().map_or(Ok(Vec::new()), states)?,
        about,
        claimed_by: text("claimed_by", asked.claimed_by)?,
        received_ms: from_ms..=asked.received_to.unwrap_or(i64::MAX),
        is_newest_first: is_newest_first(asked.sort.as_deref())?,
        after: asked.cursor.as_deref().map(read_cursor).transpose()?,
        limit: usize::try_from(limit).unwrap_or(0),
    })
}

fn states(text: &str) -> Result<Vec<TicketState>, Problem> {
    let state = |name| {
        TicketState::from_name(name).ok_or_else(|| {
            let known = TicketState::ALL.map(TicketState::name).join(", ");
            Problem::invalid(
                "state",
                format!("expected some of {known}, with commas between"),
            )
        })
    };
    let mut states = text.split(',').map(state).collect::<Result<Vec<_>, _>>()?;
    states.sort_unstable_by_key(|state| state.number());
    states.dedup();
    Ok(states)
}

pub(super) fn is_newest_first(sort: Option<&str>) -> Result<bool, Problem> {
    match sort {
        None | Some("oldest") => Ok(false),
        Some("newest") => Ok(true),
        Some(_) => Err(Problem::invalid("sort", "expected oldest or newest")),
    }
}

fn read_cursor(text: &str) -> Result<Place, Problem> {
    let number = |text: &str| {
        let is_number = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten()
    };
    let place = text.split_once('.').and_then(|(at, id)| {
        Some(Place {
            received_at_ms: number(at)?,
            id: number(id)?,
        })
    });
    place.ok_or_else(|| Problem::invalid("cursor", "expected the next_cursor of an earlier reply"))
}
