//! Figures of an app and of its moderators.

use std::sync::Arc;

use axum::extract::State;
use reportd_db::DbError;
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Problem, Query, days};
use reportd_platform::zones::day_text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use crate::Dialogue;
use crate::monitor::{self, Days, Reading, Report, Spread, Sums};

/// Days that are shown where none are named.
const DEFAULT_DAYS: i64 = 30;
const MOST_DAYS: i64 = 366;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MonitorParameters {
    /// The first day, in the app's zone; 29 days before today where it is not given.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last day, included; today where it is not given. At most 366 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
}

/// What came, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::MonitorSums)]
struct ShownSums {
    /// Reports that were stored. One that was sent again counts once.
    #[schema(minimum = 0, example = 120)]
    received: i64,
    /// Reports that were refused.
    #[schema(minimum = 0, example = 3)]
    rejected: i64,
    /// Verdicts that were given.
    #[schema(minimum = 0, example = 110)]
    judged: i64,
    /// Verdicts that were taken back.
    #[schema(minimum = 0, example = 1)]
    undone: i64,
    /// Tickets that were opened again.
    #[schema(minimum = 0, example = 1)]
    reopened: i64,
    /// Callbacks that arrived.
    #[schema(minimum = 0, example = 108)]
    delivered: i64,
    /// Callbacks that were given up.
    #[schema(minimum = 0, example = 1)]
    failed: i64,
}

impl From<Sums> for ShownSums {
    fn from(sums: Sums) -> Self {
        Self {
            received: sums.received,
            rejected: sums.rejected,
            judged: sums.judged,
            undone: sums.undone,
            reopened: sums.reopened,
            delivered: sums.delivered,
            failed: sums.failed,
        }
    }
}

/// Refused reports of one cause.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::MonitorCause)]
struct ShownCause {
    /// The `ec` of their replies.
    #[schema(example = 408)]
    ec: i64,
    /// How many.
    #[schema(minimum = 1, example = 3)]
    count: i64,
}

/// How long a step took. Percentiles are at most an eighth above the true ones.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::MonitorLatency)]
struct ShownLatency {
    /// How often it was taken.
    #[schema(minimum = 0, example = 110)]
    count: i64,
    /// In ms; half took no longer.
    #[schema(example = 31_743)]
    p50_ms: Option<i64>,
    /// In ms.
    #[schema(example = 98_303)]
    p95_ms: Option<i64>,
    /// In ms.
    #[schema(example = 245_759)]
    p99_ms: Option<i64>,
}

impl From<&Spread> for ShownLatency {
    fn from(spread: &Spread) -> Self {
        Self {
            count: spread.count(),
            p50_ms: spread.percentile_ms(50),
            p95_ms: spread.percentile_ms(95),
            p99_ms: spread.percentile_ms(99),
        }
    }
}

/// How long the steps took.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::MonitorLatencies)]
struct ShownLatencies {
    /// From the first report of a ticket to its first claim.
    claim: ShownLatency,
    /// From the first report of a ticket to its first verdict.
    verdict: ShownLatency,
    /// From a verdict to the arrival of a callback, the time to undo it included.
    delivery: ShownLatency,
}

/// A day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::MonitorDay)]
struct ShownDay {
    /// In the app's zone.
    #[schema(format = Date, example = "2026-11-21")]
    day: String,
    #[serde(flatten)]
    sums: ShownSums,
}

/// The figures of an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::Monitor)]
pub(super) struct ShownMonitor {
    /// The first day.
    #[schema(format = Date, example = "2026-11-01")]
    from: String,
    /// The last day.
    #[schema(format = Date, example = "2026-11-21")]
    to: String,
    #[serde(flatten)]
    sums: ShownSums,
    /// Refused reports by cause.
    rejected_by_cause: Vec<ShownCause>,
    /// Tickets that nobody has judged, as of now; 200,000 at most.
    #[schema(minimum = 0, example = 7)]
    waiting: i64,
    /// Age of the oldest of them.
    #[schema(minimum = 0, example = 312)]
    oldest_waiting_seconds: Option<i64>,
    latency: ShownLatencies,
    /// Days on which there was something.
    days: Vec<ShownDay>,
}

/// What came, what waits, what was judged and delivered
///
/// For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/dialogue/monitor", operation_id = "dialogue_monitor", tag = TAG,
    params(AppInPath, MonitorParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The figures.", body = ShownMonitor),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_monitor(
    State(dialogue): State<Dialogue>,
    caller: Caller,
    Query(asked): Query<MonitorParameters>,
) -> Result<Json<ShownMonitor>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let reading = dialogue.reading();
    let asked = range(&app, asked, reading.now_ms)?;
    let now_ms = reading.now_ms;
    let read = dialogue
        .state
        .read_async::<_, DbError>(move |tx| monitor::report(tx, &reading, asked));
    Ok(Json(shown(read.await?, asked, now_ms)))
}

fn range(app: &App, asked: MonitorParameters, now_ms: i64) -> Result<Days, Problem> {
    let today = app.zone.day(now_ms);
    let to = asked.to.unwrap_or_else(|| day_text(today));
    let from = asked
        .from
        .unwrap_or_else(|| day_text(today - DEFAULT_DAYS + 1));
    let (first, last) = days(&from, &to, MOST_DAYS)?;
    Ok(Days {
        app: app.no,
        first,
        last,
    })
}

fn shown(report: Report, asked: Days, now_ms: i64) -> ShownMonitor {
    let cause = |(ec, count)| ShownCause { ec, count };
    let day = |(day, sums): (i64, Sums)| ShownDay {
        day: day_text(day),
        sums: sums.into(),
    };
    let age = |oldest_ms: i64| (now_ms - oldest_ms).max(0) / 1000;
    ShownMonitor {
        from: day_text(asked.first),
        to: day_text(asked.last),
        sums: report.sums.into(),
        rejected_by_cause: report.rejected_by_cause.into_iter().map(cause).collect(),
        waiting: report.waiting.tickets,
        oldest_waiting_seconds: report.waiting.oldest_ms.map(age),
        latency: ShownLatencies {
            claim: (&report.to_claim).into(),
            verdict: (&report.to_verdict).into(),
            delivery: (&report.to_delivery).into(),
        },
        days: report.days.into_iter().map(day).collect(),
    }
}

/// What a moderator did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::ModeratorFigures)]
struct ShownModerator {
    /// The person.
    #[schema(example = "mei")]
    moderator: String,
    /// Tickets that were claimed.
    #[schema(minimum = 0, example = 60)]
    claimed: i64,
    /// Verdicts that were given.
    #[schema(minimum = 0, example = 58)]
    judged: i64,
    /// Verdicts that were taken back.
    #[schema(minimum = 0, example = 1)]
    undone: i64,
    /// Tickets that were opened again.
    #[schema(minimum = 0, example = 0)]
    reopened: i64,
}

/// What the moderators of an app did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = dialogue::Moderators)]
pub(super) struct ShownModerators {
    /// Who judged most comes first; 200 at most.
    moderators: Vec<ShownModerator>,
}

/// What each moderator did
///
/// For roles lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/dialogue/moderators", operation_id = "dialogue_moderators", tag = TAG,
    params(AppInPath, MonitorParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The figures.", body = ShownModerators),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_moderators(
    State(dialogue): State<Dialogue>,
    caller: Caller,
    Query(asked): Query<MonitorParameters>,
) -> Result<Json<ShownModerators>, Problem> {
    let app = caller.needs(Permission::Oversee)?;
    let reading = dialogue.reading();
    let asked = range(&app, asked, reading.now_ms)?;
    let read = dialogue
        .state
        .read_async::<_, DbError>(move |tx| monitor::moderators(tx, &reading, asked));
    let moderator = |(moderator, figures): (String, monitor::ModeratorFigures)| ShownModerator {
        moderator,
        claimed: figures.claimed,
        judged: figures.judged,
        undone: figures.undone,
        reopened: figures.reopened,
    };
    Ok(Json(ShownModerators {
        moderators: read.await?.into_iter().map(moderator).collect(),
    }))
}

impl Dialogue {
    fn reading(&self) -> Reading {
        Reading {
            monitor: Arc::clone(&self.monitor),
            directory: self.directory.snapshot(),
            now_ms: self.clock.now_ms(),
        }
    }
}
