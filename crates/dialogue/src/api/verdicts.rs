//! Verdicts: given, taken back, given to many at once; and tickets that are opened again.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{
    BodyProblems, CallProblems, ConflictProblem, MeaningProblem, ParameterProblem,
};
use reportd_platform::web::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TAG;
use super::acting::{Acting, AuditorHeader};
use super::shown::{ShownTicket, TicketId, TicketInPath, number};
use crate::Dialogue;
use crate::tickets::{BulkOutcome, Judgement, MOST_BULK};

/// What a moderator says of a ticket.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dialogue::PostVerdict)]
pub(super) struct PostVerdict {
    /// The label of the dialogue, by its key.
    #[schema(example = "ad")]
    dialogue_result: String,
    /// The labels of users, by their keys; a user left out is `normal`.
    #[serde(default)]
    user_result: BTreeMap<String, String>,
    /// For moderators only.
    #[schema(max_length = 4_000)]
    note: Option<String>,
    /// How many reports of the ticket were seen. Where more have come meanwhile the verdict is refused.
    #[schema(minimum = 1, example = 1)]
    seen_reports: Option<i64>,
}

/// Judge a ticket
///
/// The verdict and its callbacks are one change: they leave after `undo_seconds`. A ticket that nobody holds can be
/// judged too. 409 where it is judged already, another holds it, or it has more reports than were seen; 422 for a label
/// that the app does not have, or a user that is not in the ticket. For roles moderator, lead and admin.
#[utoipa::path(
    post, path = "/api/tickets/{id}/verdict", operation_id = "dialogue_judge_ticket", tag = TAG,
    params(TicketInPath, AuditorHeader), request_body = PostVerdict, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The ticket, judged.", body = ShownTicket),
        ConflictProblem, MeaningProblem, ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn judge_ticket(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
    Json(verdict): Json<PostVerdict>,
) -> Result<Json<ShownTicket>, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let judgement = Judgement {
        dialogue_result: verdict.dialogue_result,
        user_result: verdict.user_result,
        note: verdict.note,
        seen_reports: verdict.seen_reports,
    };
    let judged = dialogue.judge(acting.actor.clone(), number(&id)?, judgement);
    Ok(Json(ShownTicket::new(judged.await?, &acting)))
}

/// Take a verdict back
///
/// Before its callback leaves: one's own, or as lead or admin anyone's. The ticket is claimed again by who judged. For
/// roles moderator, lead and admin.
#[utoipa::path(
    post, path = "/api/tickets/{id}/undo", operation_id = "dialogue_undo_verdict", tag = TAG,
    params(TicketInPath, AuditorHeader), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The ticket, claimed.", body = ShownTicket),
        ConflictProblem, ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn undo_verdict(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
) -> Result<Json<ShownTicket>, Problem> {
    let acting = acting.needs(Permission::Judge)?;
    let ticket = dialogue.undo(acting.actor.clone(), number(&id)?).await?;
    Ok(Json(ShownTicket::new(ticket, &acting)))
}

/// Why a ticket is opened again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dialogue::Reopen)]
pub(super) struct Reopen {
    /// For the audit trail.
    #[schema(min_length = 1, max_length = 4_000, example = "appeal 17")]
    reason: String,
}

/// Open a judged ticket again
///
/// Its next verdict is sent again, with a revision raised by one. For roles lead and admin.
#[utoipa::path(
    post, path = "/api/tickets/{id}/reopen", operation_id = "dialogue_reopen_ticket", tag = TAG,
    params(TicketInPath, AuditorHeader), request_body = Reopen, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The ticket, open.", body = ShownTicket),
        ConflictProblem, MeaningProblem, ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn reopen_ticket(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Path(id): Path<String>,
    Json(reopen): Json<Reopen>,
) -> Result<Json<ShownTicket>, Problem> {
    let acting = acting.needs(Permission::Oversee)?;
    let opened = dialogue.reopen(acting.actor.clone(), number(&id)?, reopen.reason);
    Ok(Json(ShownTicket::new(opened.await?, &acting)))
}

/// The same verdict for many tickets. All their users are `normal`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dialogue::PostBulkVerdict)]
pub(super) struct PostBulkVerdict {
    /// The tickets.
    #[schema(min_items = 1, max_items = 200)]
    ticket_ids: Vec<TicketId>,
    /// The label of the dialogues, by its key.
    #[schema(example = "normal")]
    dialogue_result: String,
    /// For moderators only.
    #[schema(max_length = 4_000)]
    note: Option<String>,
}

/// What became of each ticket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::BulkVerdict)]
pub(super) struct ShownBulk {
    /// How many were judged.
    #[schema(minimum = 0, example = 1)]
    judged: usize,
    /// Each ticket, in the order given, once.
    results: Vec<ShownOutcome>,
}

/// What became of a ticket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::BulkOutcome)]
struct ShownOutcome {
    /// The ticket.
    #[schema(example = "35474574")]
    ticket_id: String,
    /// The status that judging it alone would have had.
    #[schema(example = 200)]
    status: u16,
    /// Why it was not judged.
    detail: Option<String>,
}

/// Give many tickets the same verdict
///
/// Each is judged for itself: one that is not, says why, and stops no other. For roles lead and admin.
#[utoipa::path(
    post, path = "/api/tickets/bulk-verdict", operation_id = "dialogue_judge_tickets", tag = TAG,
    params(AuditorHeader), request_body = PostBulkVerdict, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "What became of each.", body = ShownBulk),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn judge_tickets(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Json(bulk): Json<PostBulkVerdict>,
) -> Result<Json<ShownBulk>, Problem> {
    let acting = acting.needs(Permission::Oversee)?;
    let ids = ids(&bulk.ticket_ids)?;
    let judgement = Judgement {
        dialogue_result: bulk.dialogue_result,
        note: bulk.note,
        ..Judgement::default()
    };
    let outcomes = dialogue.judge_all(&acting.actor, &ids, &judgement).await;
    let results: Vec<_> = outcomes.into_iter().map(shown).collect();
    Ok(Json(ShownBulk {
        judged: results
            .iter()
            .filter(|result| result.detail.is_none())
            .count(),
        results,
    }))
}

fn shown(BulkOutcome { id, outcome }: BulkOutcome) -> ShownOutcome {
    let problem = outcome.err().map(Problem::from);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    ShownOutcome {
        ticket_id: id.to_string(),
        status: status.as_u16(),
        detail: problem.map(|problem| problem.detail().to_owned()),
    }
}

/// The numbers, each once, in the order given.
fn ids(given: &[TicketId]) -> Result<Vec<i64>, Problem> {
    if !(1..=MOST_BULK).contains(&given.len()) {
        return Err(Problem::invalid(
            "ticket_ids",
            format!("expected 1 to {MOST_BULK}"),
        ));
    }
    let mut ids = Vec::with_capacity(given.len());
    for (index, id) in given.iter().enumerate() {
        let field = || format!("ticket_ids[{index}]");
        let id = id.number();
        let id = id.ok_or_else(|| Problem::invalid(&field(), "expected the number of a ticket"))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
