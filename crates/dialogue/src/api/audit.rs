//! The audit trail.

use axum::extract::State;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{CallProblems, ParameterProblem};
use reportd_platform::web::{Json, Problem, Query, within};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::acting::Acting;
use super::shown::{ShownRecord, parameter, text};
use crate::Dialogue;
use crate::audit::{self, AuditListing};

const DEFAULT_RECORDS: i64 = 50;
/// One less than the list takes: one more tells whether there is another page.
const MOST_RECORDS: i64 = audit::MOST_RECORDS - 1;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParameters {
    /// Only of this app.
    #[param(example = "app001")]
    app: Option<String>,
    /// Only of this ticket.
    ticket: Option<String>,
    /// Only of this person.
    #[param(example = "mei")]
    actor: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 199, default = 50)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A page of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::AuditPage)]
pub(super) struct AuditPage {
    /// The newest first.
    records: Vec<ShownRecord>,
    /// Where the list goes on, where it does.
    next_cursor: Option<String>,
}

/// Who did what, newest first
///
/// Nothing of it is ever changed. For roles lead and admin.
#[utoipa::path(
    get, path = "/api/audit", operation_id = "dialogue_audit", tag = TAG,
    params(AuditParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "A page.", body = AuditPage),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_audit(
    State(dialogue): State<Dialogue>,
    acting: Acting,
    Query(asked): Query<AuditParameters>,
) -> Result<Json<AuditPage>, Problem> {
    let acting = acting.needs(Permission::Oversee)?;
    let limit = within("limit", asked.limit, DEFAULT_RECORDS, MOST_RECORDS)?;
    let listing = AuditListing {
        apps: acting.app_nos(asked.app.as_deref())?,
        ticket: parameter("ticket", asked.ticket.as_deref())?,
        actor: text("actor", asked.actor)?,
        before: parameter("cursor", asked.cursor.as_deref())?,
        limit: limit + 1,
    };
    let mut found = dialogue.audit(&acting.actor, listing).await?;
    let limit = usize::try_from(limit).unwrap_or(0);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    Ok(Json(AuditPage {
        next_cursor: last.map(|record| record.id.to_string()),
        records: found
            .into_iter()
            .map(|record| ShownRecord::new(record, &acting))
            .collect(),
    }))
}
