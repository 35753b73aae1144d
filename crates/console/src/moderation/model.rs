//! What the pages read of the API's replies.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A ticket in its row.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ticket {
    pub(super) ticket_id: String,
    pub(super) app_id: String,
    pub(super) group_id: String,
    pub(super) state: String,
    pub(super) category: String,
    pub(super) report_id: String,
    pub(super) received_at: i64,
    pub(super) reports: i64,
    pub(super) users: i64,
    pub(super) infos: i64,
    pub(super) claimed_by: Option<String>,
    pub(super) claimed_until: Option<i64>,
    pub(super) follows: Option<String>,
    pub(super) judged_at: Option<i64>,
    /// The label of the dialogue, in lists.
    #[serde(default)]
    pub(super) dialogue_result: Option<String>,
    /// Who judged, in lists.
    #[serde(default)]
    pub(super) auditor: Option<String>,
    /// The label of the user whose history it is in.
    #[serde(default)]
    pub(super) user_result: Option<String>,
}

impl Ticket {
    /// True where a verdict may still be given.
    pub(super) fn is_open(&self) -> bool {
        matches!(&*self.state, "open" | "claimed")
    }
}

/// A page of tickets.
#[derive(Debug, Deserialize)]
pub(super) struct TicketsPage {
    pub(super) tickets: Vec<Ticket>,
    pub(super) next_cursor: Option<String>,
}

/// How many tickets there are.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Counts {
    pub(super) open: i64,
    pub(super) claimed: i64,
    pub(super) claimed_by_me: i64,
    pub(super) judged: i64,
    pub(super) delivered: i64,
    pub(super) failed: i64,
    pub(super) oldest_open_seconds: Option<i64>,
    pub(super) most: i64,
    pub(super) categories: Vec<CategoryCount>,
}

/// How many tickets of a category wait.
#[derive(Debug, Deserialize)]
pub(super) struct CategoryCount {
    pub(super) app_id: String,
    pub(super) category: String,
    pub(super) waiting: i64,
}

/// A ticket with all that belongs to it.
#[derive(Debug, Deserialize)]
pub(super) struct Whole {
    pub(super) ticket: Ticket,
    pub(super) reports: Vec<Report>,
    pub(super) has_more_reports: bool,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) history: Vec<History>,
    pub(super) reporters: Vec<Accuracy>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) audit: Vec<Record>,
}

/// A report as it was taken.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) report_no: String,
    pub(super) uniqid: String,
    pub(super) redirect: String,
    pub(super) received_at: i64,
    pub(super) report: Box<RawValue>,
}

/// A verdict.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Verdict {
    pub(super) revision: i64,
    pub(super) dialogue_result: String,
    pub(super) user_result: BTreeMap<String, String>,
    pub(super) note: Option<String>,
    pub(super) auditor: String,
    pub(super) judged_at: i64,
    pub(super) undone_at: Option<i64>,
}

/// Other tickets of a user.
#[derive(Debug, Deserialize)]
pub(super) struct History {
    pub(super) user: String,
    pub(super) tickets: Vec<Ticket>,
}

/// How often a reporter was right.
#[derive(Debug, Deserialize)]
pub(super) struct Accuracy {
    pub(super) reporter: String,
    pub(super) tickets: i64,
    pub(super) judged: i64,
    pub(super) upheld: i64,
}

/// A callback.
#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) delivery_id: String,
    pub(super) webhook_id: String,
    pub(super) app_id: String,
    pub(super) ticket_id: String,
    pub(super) revision: i64,
    pub(super) url: String,
    pub(super) uniqid: String,
    pub(super) state: String,
    pub(super) attempts: i64,
    pub(super) created_at: i64,
    pub(super) next_at: Option<i64>,
    pub(super) done_at: Option<i64>,
    pub(super) last_status: Option<i64>,
    pub(super) last_error: Option<String>,
}

/// A page of callbacks.
#[derive(Debug, Deserialize)]
pub(super) struct DeliveriesPage {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) next_cursor: Option<String>,
}

/// How many callbacks are in each state.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DeliveryCounts {
    pub(super) pending: i64,
    pub(super) delivered: i64,
    pub(super) dead: i64,
    pub(super) taken_back: i64,
    pub(super) most: i64,
}

impl DeliveryCounts {
    /// Of all states.
    pub(super) fn all(&self) -> i64 {
        self.pending + self.delivered + self.dead + self.taken_back
    }
}

/// A callback with its attempts.
#[derive(Debug, Deserialize)]
pub(super) struct WholeDelivery {
    pub(super) delivery: Delivery,
    pub(super) attempts: Vec<Attempt>,
}

/// An attempt.
#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    pub(super) attempt: i64,
    pub(super) at: i64,
    pub(super) took_ms: i64,
    pub(super) status: Option<i64>,
    pub(super) error: Option<String>,
    pub(super) excerpt: String,
}

/// What became of deliveries that were to be sent again.
#[derive(Debug, Deserialize)]
pub(super) struct Replayed {
    pub(super) replayed: u64,
    pub(super) has_more: bool,
}

/// Something that was done.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) at: i64,
    pub(super) actor: String,
    pub(super) key: String,
    pub(super) action: String,
    pub(super) app_id: String,
    pub(super) ticket_id: Option<String>,
    pub(super) details: Value,
}

/// A page of the audit trail.
#[derive(Debug, Deserialize)]
pub(super) struct AuditPage {
    pub(super) records: Vec<Record>,
    pub(super) next_cursor: Option<String>,
}

/// Of an app's settings what a verdict needs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Settings {
    #[serde(default)]
    pub(super) categories: Vec<String>,
    pub(super) labels: Vec<Label>,
    pub(super) undo_seconds: i64,
}

/// A label of verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Label {
    pub(super) key: String,
    pub(super) zh: String,
    pub(super) en: String,
}

/// What became of each ticket of a bulk verdict.
#[derive(Debug, Deserialize)]
pub(super) struct Bulk {
    pub(super) judged: usize,
    pub(super) results: Vec<Outcome>,
}

/// What became of a ticket.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) ticket_id: String,
    pub(super) detail: Option<String>,
}

/// What moderators of an app did.
#[derive(Debug, Deserialize)]
pub(super) struct Moderators {
    pub(super) moderators: Vec<Moderator>,
}

/// What a moderator did.
#[derive(Debug, Deserialize)]
pub(super) struct Moderator {
    pub(super) moderator: String,
    pub(super) claimed: i64,
    pub(super) judged: i64,
    pub(super) undone: i64,
    pub(super) reopened: i64,
}

/// Figures of an app.
#[derive(Debug, Deserialize)]
pub(super) struct Monitor {
    #[serde(flatten)]
    pub(super) sums: Sums,
    pub(super) rejected_by_cause: Vec<Cause>,
    pub(super) waiting: i64,
    pub(super) oldest_waiting_seconds: Option<i64>,
    pub(super) latency: Latencies,
    pub(super) days: Vec<Day>,
}

/// What came, and what became of it.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(super) struct Sums {
    pub(super) received: i64,
    pub(super) rejected: i64,
    pub(super) judged: i64,
    pub(super) undone: i64,
    pub(super) reopened: i64,
    pub(super) delivered: i64,
    pub(super) failed: i64,
}

/// A day.
#[derive(Debug, Deserialize)]
pub(super) struct Day {
    pub(super) day: String,
    #[serde(flatten)]
    pub(super) sums: Sums,
}

/// Refused reports of one cause.
#[derive(Debug, Deserialize)]
pub(super) struct Cause {
    pub(super) ec: i64,
    pub(super) count: i64,
}

/// How long the steps took.
#[derive(Debug, Deserialize)]
pub(super) struct Latencies {
    pub(super) claim: Latency,
    pub(super) verdict: Latency,
    pub(super) delivery: Latency,
}

/// How long a step took.
#[derive(Debug, Deserialize)]
pub(super) struct Latency {
    pub(super) count: i64,
    pub(super) p50_ms: Option<i64>,
    pub(super) p95_ms: Option<i64>,
    pub(super) p99_ms: Option<i64>,
}
