//! Raw reports.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use reportd_journal::{Cursor, JournalError};
use reportd_platform::access::Permission;
use reportd_platform::web::{
    Caller, DEFAULT_PAGE, Fresh, Json, MOST_PAGE, Problem, Query, day, within,
};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::query::{FoundReport, ReportsQuery, reports};
use crate::{Comm, KIND};

#[derive(Deserialize)]
pub(super) struct ReportsParameters {
    oper_id: Option<i64>,
    gid: Option<i64>,
    target_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

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
    let (journal, views) = (Arc::clone(&comm.journal), comm.views.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        let next = reports(&journal, &views, &query, |report| {
            found.extend(to_raw_value(&Shown(&report)))
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
#[derive(Serialize)]
pub(super) struct ReportsPage {
    reports: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// A raw report as it is shown; `to_uid` as it was sent.
struct Shown<'a>(&'a FoundReport<'a>);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(report) = self;
        let item = &report.item;
        let to_uid = item
            .to_uid
            .as_deref()
            .and_then(|raw| serde_json::from_str::<&RawValue>(raw).ok());
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("received_at", &report.received_at_ms)?;
        members.serialize_entry("ts", &report.ts_ms)?;
        members.serialize_entry("oper_id", &item.oper_id)?;
        members.serialize_entry("gid", &item.gid)?;
        members.serialize_entry("target_id", &item.target_id)?;
        members.serialize_entry("to_uid", &to_uid)?;
        members.serialize_entry("scope", item.scope.name())?;
        for (number, text) in (1..).zip(&item.ext) {
            if let Some(text) = text {
                members.serialize_entry(&format!("ext{number}"), text)?;
            }
        }
        members.end()
    }
}
