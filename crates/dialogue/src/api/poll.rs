//! Verdicts for reporters that cannot be called back.

use std::collections::BTreeMap;

use axum::extract::State;
use reportd_db::DbError;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use crate::Dialogue;
use crate::query::{self, GivenVerdict, Ticket};
use crate::settings::Settings;

const MAX_REPORT_ID_CHARS: usize = 256;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VerdictsParameters {
    /// The dialogue, as it was reported.
    #[param(min_length = 1, max_length = 256, example = "123212")]
    report_id: String,
}

/// What a callback says of a ticket, without the `uniqid` that is each receiver's own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::PolledVerdict)]
struct PolledVerdict {
    /// The ticket.
    #[schema(example = "35474574")]
    ticket_id: String,
    /// As reported.
    #[schema(example = "chat")]
    category: String,
    /// The app.
    #[schema(example = "app001")]
    appid: String,
    /// The newest verdict that has left; none while there is none, or it may still be undone.
    result: Option<PolledResult>,
    /// Who judged.
    #[schema(example = "mei")]
    auditor: Option<String>,
    /// How often the ticket was judged.
    #[schema(minimum = 0, example = 1)]
    revision: i64,
    /// When, in ms.
    judged_at: Option<i64>,
}

/// A verdict in the words of the protocol.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::PolledResult)]
struct PolledResult {
    /// The wire value of the label of the dialogue.
    #[schema(example = "ad")]
    dialogue_result: String,
    /// The wire value of each user's label, by the key as it came in.
    user_result: BTreeMap<String, String>,
}

/// The verdicts on a dialogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::PolledVerdicts)]
pub(super) struct PolledVerdicts {
    /// The tickets of the dialogue, up to 50, the newest first.
    verdicts: Vec<PolledVerdict>,
}

/// Poll the verdicts on a dialogue
///
/// For reporters whose `redirect` cannot be reached: what a callback says, as soon as it would leave. For roles ingest
/// and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/verdicts", operation_id = "dialogue_verdicts", tag = TAG,
    params(AppInPath, VerdictsParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The verdicts.", body = PolledVerdicts),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_verdicts(
    State(dialogue): State<Dialogue>,
    caller: Caller,
    Query(asked): Query<VerdictsParameters>,
) -> Result<Json<PolledVerdicts>, Problem> {
    let app = caller.needs(Permission::Feed)?;
    let report_id = asked.report_id;
    let fits = (1..=MAX_REPORT_ID_CHARS).contains(&report_id.chars().count());
    if !fits || report_id.contains('\0') {
        return Err(Problem::invalid(
            "report_id",
            "expected 1 to 256 characters",
        ));
    }
    let known = dialogue
        .registry
        .app(&app.id)
        .ok_or_else(Problem::try_later)?;
    let (no, now_ms) = (app.no, dialogue.clock.now_ms());
    let read = dialogue
        .state
        .read_async::<_, DbError>(move |tx| query::of_report_id(tx, no, &report_id, now_ms));
    let verdict = |(ticket, given)| polled(&app.id, &known.settings, ticket, given);
    Ok(Json(PolledVerdicts {
        verdicts: read.await?.into_iter().map(verdict).collect(),
    }))
}

fn polled(
    app: &str,
    settings: &Settings,
    ticket: Ticket,
    given: Option<GivenVerdict>,
) -> PolledVerdict {
    let wire = |key: &String| {
        settings
            .label(key)
            .map_or_else(|| key.clone(), |label| label.wire.clone())
    };
    let result = given.as_ref().map(|given| PolledResult {
        dialogue_result: wire(&given.dialogue_result),
        user_result: given
            .user_result
            .iter()
            .map(|(user, label)| (user.clone(), wire(label)))
            .collect(),
    });
    PolledVerdict {
        ticket_id: ticket.id.to_string(),
        category: ticket.category,
        appid: app.to_owned(),
        result,
        auditor: given.as_ref().map(|given| given.auditor.clone()),
        revision: given.as_ref().map_or(0, |given| given.revision),
        judged_at: given.map(|given| given.judged_at_ms),
    }
}
