//! Raw reports.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use reportd_journal::{Cursor, JournalError};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{
    Caller, DEFAULT_PAGE, Fresh, Json, MOST_PAGE, Problem, Query, day, within,
};
use reportd_protocol::comm::Scope;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use crate::query::{ReportsQuery, reports};
use crate::{Comm, KIND};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportsParameters {
    /// Only reports of this operation.
    #[param(example = 1_503_000_120_601_i64)]
    oper_id: Option<i64>,
    /// Only reports of this group.
    gid: Option<i64>,
    /// Only reports of this channel.
    target_id: Option<String>,
    /// Only reports of this day, in the app's zone, or later.
    #[param(format = Date, example = "2026-11-20")]
    from: Option<String>,
    /// Only reports of this day or earlier.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    #[param(
        pattern = r"^\d{1,9}\.\d{1,18}(\.\d{1,18})?(_\d{1,9}\.\d{1,18}(\.\d{1,18})?)*$",
        max_length = 4096
    )]
    cursor: Option<String>,
}

/// Raw reports, newest first
///
/// Repeats do not appear. A call reads a bounded part of the journal: a page may be short, or empty, and still have a
/// `next_cursor`. For roles lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/comm/reports", operation_id = "comm_reports", tag = TAG,
    params(AppInPath, ReportsParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "A page.", body = ReportsPage, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_reports(
    State(comm): State<Comm>,
    caller: Caller,
    Query(asked): Query<ReportsParameters>,
) -> Result<Fresh<ReportsPage>, Problem> {
    let app = caller.needs(Permission::RawReports)?;
    let limit = within("limit", asked.limit, DEFAULT_PAGE, MOST_PAGE)?;
    let cursor = asked.cursor.map(|text| text.parse::<Cursor>()).transpose();
    let query = ReportsQuery {
        app: app.no,
        oper_id: asked.oper_id,
        gid: asked.gid,
        target_id: asked.target_id,
        from: asked.from.map(|text| day("from", &text)).transpose()?,
        to: asked.to.map(|text| day("to", &text)).transpose()?,
        limit: usize::try_from(limit).unwrap_or(0),
        cursor: cursor.map_err(|expected| Problem::invalid("cursor", expected))?,
    };
    // The fold tells which entries were repeats: they must not show.
    let lag = comm.journal.fresh(KIND, u64::from(app.no)).await;
    let (journal, views) = (Arc::clone(&comm.journal), comm.views.store().clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        let next = reports(&journal, &views, &query, |report| {
            found.extend(to_raw_value(&report))
        })?;
        Ok::<_, JournalError>((found, next))
    });
    let (found, next) = read
        .await
        .map_err(|_| Problem::try_later())?
        .map_err(journal_problem)?;
    let next_cursor = next.map(|cursor| cursor.to_string());
    Ok(Fresh {
        lag_ms: lag.ms,
        body: Json(ReportsPage {
            reports: found,
            next_cursor,
        }),
    })
}

fn journal_problem(error: JournalError) -> Problem {
    match error {
        JournalError::Db(error) => error.into(),
        damaged => {
            tracing::error!(error = %damaged, "the journal cannot be read");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "a part of the journal cannot be read: the server's log names it",
            )
        }
    }
}

/// A page of raw reports, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::ReportsPage)]
pub(super) struct ReportsPage {
    /// The reports.
    #[schema(value_type = Vec<Members>)]
    reports: Vec<Box<RawValue>>,
    /// The `cursor` of the next page; null where there is none.
    #[schema(required, example = "1.42.0")]
    next_cursor: Option<String>,
}

/// A raw report.
#[derive(ToSchema)]
#[schema(as = comm::Report)]
#[expect(dead_code, reason = "it describes what `RawReport` writes")]
struct Members {
    /// When it arrived, in ms since 1970.
    #[schema(minimum = 0, example = 1_795_219_200_123_i64)]
    received_at: i64,
    /// When it happened, in ms since 1970.
    #[schema(minimum = 0, example = 1_795_219_200_000_i64)]
    ts: i64,
    /// The operation.
    #[schema(example = 1_503_000_120_601_i64)]
    oper_id: i64,
    /// The group.
    #[schema(required, example = 106_201)]
    gid: Option<i64>,
    /// The channel, or the other side of a private chat.
    #[schema(required, example = "553021")]
    target_id: Option<String>,
    /// Who the message was for: an integer, string, array or object, as it was sent; null where there was none.
    #[schema(required)]
    to_uid: Value,
    /// Where the message went.
    scope: Scope,
    /// `ext1` to `ext10`: each where it was sent, a number or bool as its text.
    #[schema(nullable = false, example = "youtube")]
    ext1: Option<String>,
    #[schema(nullable = false)]
    ext2: Option<String>,
    #[schema(nullable = false)]
    ext3: Option<String>,
    #[schema(nullable = false)]
    ext4: Option<String>,
    #[schema(nullable = false)]
    ext5: Option<String>,
    #[schema(nullable = false)]
    ext6: Option<String>,
    #[schema(nullable = false)]
    ext7: Option<String>,
    #[schema(nullable = false)]
    ext8: Option<String>,
    #[schema(nullable = false)]
    ext9: Option<String>,
    #[schema(nullable = false)]
    ext10: Option<String>,
}
