//! What several calls show, and numbers in addresses.

use reportd_platform::web::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::acting::Acting;
use crate::audit::Record;
use crate::query::{Delivery, Ticket};

/// A ticket in its row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::Ticket)]
pub(super) struct ShownTicket {
    /// Its number.
    #[schema(example = "35474574")]
    ticket_id: String,
    /// Whose.
    #[schema(example = "app001")]
    app_id: String,
    /// The same for tickets of the same users and category within a day.
    #[schema(example = "35474570")]
    group_id: String,
    /// open, claimed, judged, delivered or failed.
    #[schema(example = "open")]
    state: &'static str,
    /// As reported.
    #[schema(example = "chat")]
    category: String,
    /// The dialogue, as reported.
    #[schema(example = "123212")]
    report_id: String,
    /// When its first report came, in ms.
    #[schema(example = 1_795_233_600_000_i64)]
    received_at: i64,
    /// How many reports it has: what a verdict names as `seen_reports`.
    #[schema(minimum = 1, example = 1)]
    reports: i64,
    /// How many users, of all its reports.
    #[schema(minimum = 1, example = 2)]
    users: i64,
    /// How many messages, of all its reports.
    #[schema(minimum = 1, example = 20)]
    infos: i64,
    /// Who holds it.
    #[schema(example = "mei")]
    claimed_by: Option<String>,
    /// Until when, in ms, if it is not renewed.
    claimed_until: Option<i64>,
    /// The ticket of the same `report_id` and category that this one follows up: it was judged, or full.
    follows: Option<String>,
    /// When it was judged, in ms.
    judged_at: Option<i64>,
    /// How many verdicts it had that were not undone.
    #[schema(minimum = 0, example = 0)]
    revision: i64,
}

impl ShownTicket {
    pub(super) fn new(ticket: Ticket, acting: &Acting) -> Self {
        let (claimed_by, claimed_until) = match ticket.claim {
            Some(claim) => (Some(claim.by), Some(claim.until_ms)),
            None => (None, None),
        };
        Self {
            ticket_id: ticket.id.to_string(),
            app_id: acting.app_id(ticket.app),
            group_id: ticket.group_id.to_string(),
            state: ticket.state.name(),
            category: ticket.category,
            report_id: ticket.report_id,
            received_at: ticket.received_at_ms,
            reports: ticket.reports,
            users: ticket.users,
            infos: ticket.infos,
            claimed_by,
            claimed_until,
            follows: ticket.follows.map(|id| id.to_string()),
            judged_at: ticket.judged_at_ms,
            revision: ticket.revision,
        }
    }
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::Record)]
pub(super) struct ShownRecord {
    /// Its number; later ones are greater.
    #[schema(example = "17")]
    record_id: String,
    /// When, in ms.
    #[schema(example = 1_795_233_600_000_i64)]
    at: i64,
    /// The person.
    #[schema(example = "mei")]
    actor: String,
    /// The API key; empty where a person acted in the console.
    #[schema(example = "feeds")]
    key: String,
    /// saw, claimed, released, judged, undone, reopened, replayed or settings.
    #[schema(example = "judged")]
    action: String,
    /// Whose.
    #[schema(example = "app001")]
    app_id: String,
    /// The ticket, where it is about one.
    #[schema(example = "35474574")]
    ticket_id: Option<String>,
    /// What else there is to say.
    #[schema(value_type = Object)]
    details: serde_json::Value,
}

impl ShownRecord {
    pub(super) fn new(record: Record, acting: &Acting) -> Self {
        let app = u32::try_from(record.app).unwrap_or(0);
        Self {
            record_id: record.id.to_string(),
            at: record.at_ms,
            actor: record.actor,
            key: record.actor_key,
            action: record.action,
            app_id: acting.app_id(app),
            ticket_id: record.ticket.map(|id| id.to_string()),
            details: record.details,
        }
    }
}

/// A callback.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::Delivery)]
pub(super) struct ShownDelivery {
    /// Its number.
    #[schema(example = "9")]
    delivery_id: String,
    /// The header by which its receiver drops repeats.
    webhook_id: String,
    /// Whose.
    #[schema(example = "app001")]
    app_id: String,
    /// The ticket.
    #[schema(example = "35474574")]
    ticket_id: String,
    /// How often the verdict was given.
    #[schema(minimum = 1, example = 1)]
    revision: i64,
    /// Where it goes.
    #[schema(example = "https://example.com/verdicts")]
    url: String,
    /// Whom it is for, as reported.
    uniqid: String,
    /// pending, delivered, dead or taken_back.
    #[schema(example = "delivered")]
    state: &'static str,
    /// Attempts since it was written, or replayed.
    #[schema(minimum = 0, example = 1)]
    attempts: i64,
    /// When it was written, in ms.
    #[schema(example = 1_795_233_600_000_i64)]
    created_at: i64,
    /// When it is attempted next, in ms, while it is pending.
    next_at: Option<i64>,
    /// When it arrived or was given up, in ms.
    done_at: Option<i64>,
    /// The HTTP status of the last attempt, where there was one.
    #[schema(example = 200)]
    last_status: Option<i64>,
    /// Why the last attempt failed.
    last_error: Option<String>,
}

impl ShownDelivery {
    pub(super) fn new(delivery: Delivery, acting: &Acting) -> Self {
        let is_pending = delivery.state == "pending";
        Self {
            delivery_id: delivery.id.to_string(),
            webhook_id: delivery.webhook_id,
            app_id: acting.app_id(delivery.app),
            ticket_id: delivery.ticket.to_string(),
            revision: delivery.revision,
            url: delivery.url,
            uniqid: delivery.uniqid,
            state: delivery.state,
            attempts: delivery.attempts,
            created_at: delivery.created_at_ms,
            next_at: is_pending.then_some(delivery.next_at_ms),
            done_at: delivery.done_at_ms,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
        }
    }
}

/// The number of a ticket or a delivery in a path; what is none names nothing.
pub(super) fn number(text: &str) -> Result<i64, Problem> {
    read_number(text).ok_or_else(|| Problem::not_found("there is nothing of this number"))
}

/// A number that a parameter names.
pub(super) fn parameter(field: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let read = |text| read_number(text).ok_or_else(|| Problem::invalid(field, "expected a number"));
    text.map(read).transpose()
}

/// A text that a store takes.
pub(super) fn text(field: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Problem::invalid(field, "expected a text without NUL"));
    }
    Ok(text)
}

fn read_number(text: &str) -> Option<i64> {
    let is_number = text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// The number of a ticket in a body: as text or as a number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = dialogue::TicketId)]
pub(super) enum TicketId {
    /// As calls show it.
    Text(String),
    /// As a number.
    Number(i64),
}

impl TicketId {
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Text(text) => read_number(text),
            Self::Number(number) => Some(*number),
        }
    }
}

/// The ticket in a path.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described: the path is read as text")]
pub(super) struct TicketInPath {
    /// The number of the ticket.
    #[param(pattern = r"^\d{1,19}$", example = "35474574")]
    id: String,
}
