//! One ticket: looked at, claimed, released, and the next one.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{
    BodyProblems, CallProblems, ConflictProblem, ParameterProblem,
};
use reportd_platform::web::{Json, Problem, Query};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::acting::{Acting, AuditorHeader};
use super::shown::{
    ShownDelivery, ShownRecord, ShownTicket, TicketInPath, number, parameter, text,
};
use super::tickets::is_newest_first;
use crate::Dialogue;
use crate::query::{self, DeliveryListing, GivenVerdict, MOST_REPORTS, StoredReport, Ticket};
use crate::tickets::{TicketError, Wanted};

/// Callbacks of a ticket that are shown.
const MOST_DELIVERIES: i64 = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TicketParameters {
    /// Reports behind the one of this number, in place of the first ones.
    reports_after: Option<String>,
}

/// A report as it was taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::StoredReport)]
struct ShownReport {
    /// Its number.
    #[schema(example = "41")]
    report_no: String,
    /// As reported; empty where it was absent.
    uniqid: String,
    /// Where its verdict goes.
    #[schema(example = "https://example.com/verdicts")]
    redirect: String,
    /// When it came, in ms.
    #[schema(example = 1_795_233_600_000_i64)]
    received_at: i64,
    /// The decrypted JSON, as it was sent.
    #[schema(value_type = Object)]
    report: Box<RawValue>,
}

/// A verdict.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::GivenVerdict)]
struct ShownVerdict {
    /// How often the ticket was judged.
    #[schema(minimum = 1, example = 1)]
    revision: i64,
    /// The label of the dialogue.
    #[schema(example = "ad")]
    dialogue_result: String,
    /// The label of each user.
    user_result: BTreeMap<String, String>,
    /// For moderators only.
    note: Option<String>,
    /// Who judged.
    #[schema(example = "mei")]
    auditor: String,
    /// When, in ms.
    #[schema(example = 1_795_233_600_000_i64)]
    judged_at: i64,
    /// How many reports the ticket had then.
    #[schema(minimum = 1, example = 1)]
    seen_reports: i64,
    /// When it was undone, in ms.
    undone_at: Option<i64>,
}

/// Other tickets of a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::UserHistory)]
struct ShownHistory {
    /// The user's key, as it came in.
    #[schema(example = "id_9")]
    user: String,
    /// The newest first.
    tickets: Vec<EarlierTicket>,
}

/// Another ticket of a user, with what the verdict that stands says of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::EarlierTicket)]
struct EarlierTicket {
    #[serde(flatten)]
    ticket: ShownTicket,
    /// The label of the dialogue, where it is judged.
    #[schema(example = "ad")]
    dialogue_result: Option<String>,
    /// The label of the user, where it is judged.
    #[schema(example = "ad")]
    user_result: Option<String>,
}

/// How often a reporter was right, over the last 1,000 tickets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::ReporterAccuracy)]
struct ShownAccuracy {
    /// The `uniqid` of reports.
    reporter: String,
    /// Tickets with a report of this reporter.
    #[schema(minimum = 0, example = 12)]
    tickets: i64,
    /// Those of them that are judged.
    #[schema(minimum = 0, example = 10)]
    judged: i64,
    /// Those of them whose verdict found fault.
    #[schema(minimum = 0, example = 9)]
    upheld: i64,
}

/// A ticket with all that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::WholeTicket)]
pub(super) struct ShownWhole {
    ticket: ShownTicket,
    /// Up to 20, the oldest first.
    reports: Vec<ShownReport>,
    /// There are more behind them: see `reports_after`.
    has_more_reports: bool,
    /// The newest first.
    verdicts: Vec<ShownVerdict>,
    /// Other tickets of its users.
    history: Vec<ShownHistory>,
    /// How often its reporters were right.
    reporters: Vec<ShownAccuracy>,
    /// Its callbacks, the newest first.
    deliveries: Vec<ShownDelivery>,
    /// Who did what, the newest first.
    audit: Vec<ShownRecord>,
}

/// A ticket with all that belongs to it
///
/// That it was seen is noted in the audit trail, once in ten minutes a person. Reading does not claim. For roles
/// moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/tickets/{id}", operation_id = "dialogue_ticket", tag = TAG,
    params(TicketInPath, TicketParameters, AuditorHeader), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The ticket.", body = ShownWhole),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_ticket(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
    Query(asked): Query<TicketParameters>,
) -> Result<Json<ShownWhole>, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let id = number(&id)?;
    let after = parameter("reports_after", asked.reports_after.as_deref())?;
    let mut whole = dialogue.look_at(acting.actor.clone(), id).await?;
    let listing = DeliveryListing {
        ticket: Some(id),
        limit: MOST_DELIVERIES,
        ..DeliveryListing::default()
    };
    let judged: Vec<_> = whole
        .users
        .iter()
        .flat_map(|user| &user.tickets)
        .filter(|ticket| ticket.verdict.is_some())
        .cloned()
        .collect();
    let read = dialogue.state.read_async::<_, TicketError>(move |tx| {
        let reports = after
            .map(|after| query::reports(tx, id, after))
            .transpose()?;
        let verdicts = query::standing_verdicts(tx, judged.iter())?;
        Ok((query::deliveries(tx, &listing)?, reports, verdicts))
    });
    let (deliveries, reports, verdicts) = read.await?;
    if let Some(reports) = reports {
        whole.reports = reports;
    }
    let is_full = i64::try_from(whole.reports.len()).is_ok_and(|count| count >= MOST_REPORTS);
    let earlier = |user: &str, ticket: Ticket| {
        let standing = verdicts.get(&ticket.id);
        EarlierTicket {
            dialogue_result: standing.map(|standing| standing.dialogue_result.clone()),
            user_result: standing.and_then(|standing| standing.user_result.get(user).cloned()),
            ticket: ShownTicket::new(ticket, &acting),
        }
    };
    let history = whole.users.into_iter().map(|history| ShownHistory {
        // A key that is limited to categories sees no others here either.
        tickets: history
            .tickets
            .into_iter()
            .filter(|ticket| acting.actor.may_see(ticket.app, &ticket.category))
            .map(|ticket| earlier(&history.user_key, ticket))
            .collect(),
        user: history.user_key,
    });
    let reporters = whole.reporters.into_iter().map(|accuracy| ShownAccuracy {
        reporter: accuracy.uniqid,
        tickets: accuracy.tickets,
        judged: accuracy.judged,
        upheld: accuracy.upheld,
    });
    let delivery = |delivery| ShownDelivery::new(delivery, &acting);
    let record = |record| ShownRecord::new(record, &acting);
    Ok(Json(ShownWhole {
        has_more_reports: is_full,
        reports: whole
            .reports
            .into_iter()
            .map(report)
            .collect::<Result<_, _>>()?,
        verdicts: whole.verdicts.into_iter().map(verdict).collect(),
        history: history.collect(),
        reporters: reporters.collect(),
        deliveries: deliveries.into_iter().map(delivery).collect(),
        audit: whole.audit.into_iter().map(record).collect(),
        ticket: ShownTicket::new(whole.ticket, &acting),
    }))
}

fn report(stored: StoredReport) -> Result<ShownReport, Problem> {
    let report = RawValue::from_string(stored.json).map_err(|error| {
        tracing::error!(report = stored.id, %error, "a stored report is no JSON");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a report of this ticket cannot be read: the log of the server tells more",
        )
    })?;
    Ok(ShownReport {
        report_no: stored.id.to_string(),
        uniqid: stored.uniqid,
        redirect: stored.redirect,
        received_at: stored.received_at_ms,
        report,
    })
}

fn verdict(given: GivenVerdict) -> ShownVerdict {
    ShownVerdict {
        revision: given.revision,
        dialogue_result: given.dialogue_result,
        user_result: given.user_result,
        note: given.note,
        auditor: given.auditor,
        judged_at: given.judged_at_ms,
        seen_reports: given.seen_reports,
        undone_at: given.undone_at_ms,
    }
}

/// From which queue the next ticket is taken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dialogue::Next)]
pub(super) struct Next {
    /// Only of this app.
    #[schema(example = "app001")]
    app: Option<String>,
    /// Only of this category. Needs `app`.
    category: Option<String>,
    /// oldest or newest first.
    #[schema(example = "oldest", default = "oldest")]
    sort: Option<String>,
    /// The one behind this ticket, which is passed over; the first one where none is behind it.
    #[schema(example = "7")]
    after: Option<String>,
}

/// Claim the next open ticket
///
/// The oldest one, if nothing else is said. For 10 minutes; claim it again to renew. For roles moderator, lead and admin.
#[utoipa::path(
    post, path = "/api/tickets/next", operation_id = "dialogue_next_ticket", tag = TAG,
    params(AuditorHeader), request_body = Next, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The ticket, claimed.", body = ShownTicket),
        (status = 204, description = "There is none."),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn next_ticket(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Json(next): Json<Next>,
) -> Result<Response, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let app = acting.app_no(next.app.as_deref())?;
    if app.is_none() && next.category.is_some() {
        let expected = "expected with a category: categories are names of an app";
        return Err(Problem::invalid("app", expected));
    }
    let after = next.after.as_deref().map(number).transpose()?;
    let wanted = Wanted {
        app,
        category: text("category", next.category)?,
        is_newest_first: is_newest_first(next.sort.as_deref())?,
        after,
    };
    let claimed = dialogue.claim_next(acting.actor.clone(), wanted);
    Ok(match claimed.await? {
        Some(ticket) => Json(ShownTicket::new(ticket, &acting)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Claim a ticket, or renew the claim
///
/// For 10 minutes. For roles moderator, lead and admin.
#[utoipa::path(
    post, path = "/api/tickets/{id}/claim", operation_id = "dialogue_claim_ticket", tag = TAG,
    params(TicketInPath, AuditorHeader), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The ticket, claimed.", body = ShownTicket),
        ConflictProblem, ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn claim_ticket(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
) -> Result<Json<ShownTicket>, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let ticket = dialogue.claim(acting.actor.clone(), number(&id)?).await?;
    Ok(Json(ShownTicket::new(ticket, &acting)))
}

/// Give a claim back
///
/// One that nobody holds stays as it is. For roles moderator, lead and admin.
#[utoipa::path(
    post, path = "/api/tickets/{id}/release", operation_id = "dialogue_release_ticket", tag = TAG,
    params(TicketInPath, AuditorHeader), security(("ApiKey" = [])),
    responses(
        (status = 204, description = "It is not claimed by the caller any more."),
        ConflictProblem, ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn release_ticket(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    dialogue.release(acting.actor, number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
