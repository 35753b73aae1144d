//! One ticket whole: its reports, verdicts, what was before, and who did what.

use std::collections::BTreeMap;

use reportd_db::{DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_protocol::dialogue::MAX_BODY_BYTES;

use super::history::{self, Accuracy, UserHistory};
use super::ticket::Ticket;
use crate::audit::{self, AuditListing, MOST_RECORDS, Record};

/// Reports of a ticket that are read at once.
pub const MOST_REPORTS: i64 = 20;

/// Verdicts of a ticket that are read.
const MOST_VERDICTS: i64 = 50;

/// Tickets of a report_id that are read.
const MOST_OF_REPORT_ID: i64 = 50;

/// A ticket with all that belongs to it, but its deliveries.
#[derive(Debug, Clone)]
pub struct Whole {
    /// As it stands.
    pub ticket: Ticket,
    /// The first [`MOST_REPORTS`], the oldest first; the others by [`reports`].
    pub reports: Vec<StoredReport>,
    /// The newest first, those that were undone among them.
    pub verdicts: Vec<GivenVerdict>,
    /// Other tickets of its users.
    pub users: Vec<UserHistory>,
    /// How often its reporters were right.
    pub reporters: Vec<Accuracy>,
    /// Who did what, the newest first.
    pub audit: Vec<Record>,
}

/// A report as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    /// Its number.
    pub id: i64,
    /// As reported; empty where it was absent.
    pub uniqid: String,
    /// Where the verdict goes.
    pub redirect: String,
    /// When it came, in ms.
    pub received_at_ms: i64,
    /// The decrypted JSON, as it was sent.
    pub json: String,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenVerdict {
    /// Its number.
    pub id: i64,
    /// Its ticket.
    pub ticket: i64,
    /// How often the ticket was judged.
    pub revision: i64,
    /// The label of the dialogue.
    pub dialogue_result: String,
    /// The label of each user, by the key as it came in.
    pub user_result: BTreeMap<String, String>,
    /// For moderators only.
    pub note: Option<String>,
    /// The person.
    pub auditor: String,
    /// When, in ms.
    pub judged_at_ms: i64,
    /// How many reports the ticket had then.
    pub seen_reports: i64,
    /// When it was undone, in ms.
    pub undone_at_ms: Option<i64>,
}

const VERDICT: &str = "SELECT id, ticket, revision, dialogue_result, user_result, note, auditor, judged_at, seen_reports, \
     undone_at FROM dialogue_verdict";

/// Reads all that belongs to a ticket.
pub(crate) fn whole(tx: &mut Tx<'_>, ticket: Ticket) -> Result<Whole, DbError> {
    let of_ticket = AuditListing {
        ticket: Some(ticket.id),
        limit: MOST_RECORDS,
        ..AuditListing::default()
    };
    Ok(Whole {
        reports: reports(tx, ticket.id, 0)?,
        verdicts: verdicts(tx, ticket.id)?,
        users: history::of_users(tx, &ticket)?,
        reporters: history::of_reporters(tx, ticket.id, ticket.app)?,
        audit: audit::list(tx, &of_ticket)?,
        ticket,
    })
}

/// Reports of a ticket behind the one of a number, the oldest first.
pub fn reports(tx: &mut Tx<'_>, ticket: i64, after: i64) -> Result<Vec<StoredReport>, DbError> {
    let rows = tx.query(
        "SELECT id, uniqid, redirect, received_at, body FROM dialogue_report WHERE ticket = $1 AND id > $2 \
         ORDER BY id LIMIT $3",
        &[ticket.into(), after.into(), MOST_REPORTS.into()],
    )?;
    rows.into_iter().map(stored_report).collect()
}

fn stored_report(mut row: Row) -> Result<StoredReport, DbError> {
    let damaged =
        |error: &dyn std::fmt::Display| DbError::Corrupt(format!("body of a report: {error}"));
    let json = zstd::bulk::decompress(&row.take_bytes(4)?, MAX_BODY_BYTES);
    let json = json.map_err(|error| damaged(&error))?;
    Ok(StoredReport {
        id: row.int(0)?,
        uniqid: row.take_text(1)?,
        redirect: row.take_text(2)?,
        received_at_ms: row.int(3)?,
        json: String::from_utf8(json).map_err(|error| damaged(&error))?,
    })
}

fn verdicts(tx: &mut Tx<'_>, ticket: i64) -> Result<Vec<GivenVerdict>, DbError> {
    let sql = format!("{VERDICT} WHERE ticket = $1 ORDER BY id DESC LIMIT $2");
    let rows = tx.query(&sql, &[ticket.into(), MOST_VERDICTS.into()])?;
    rows.into_iter().map(given_verdict).collect()
}

fn given_verdict(mut row: Row) -> Result<GivenVerdict, DbError> {
    let users = row.take_text(4)?;
    Ok(GivenVerdict {
        id: row.int(0)?,
        ticket: row.int(1)?,
        revision: row.int(2)?,
        dialogue_result: row.take_text(3)?,
        user_result: serde_json::from_str(&users).unwrap_or_default(),
        note: row.take_opt_text(5)?,
        auditor: row.take_text(6)?,
        judged_at_ms: row.int(7)?,
        seen_reports: row.int(8)?,
        undone_at_ms: row.opt_int(9)?,
    })
}

/// The tickets of a report_id, the newest first, each with the newest verdict whose callbacks have left by `now_ms`.
pub fn of_report_id(
    tx: &mut Tx<'_>,
    app: AppNo,
    report_id: &str,
    now_ms: i64,
) -> Result<Vec<(Ticket, Option<GivenVerdict>)>, DbError> {
    let rows = tx.query(
        "SELECT DISTINCT ticket FROM dialogue_report WHERE app = $1 AND report_id = $2 ORDER BY ticket DESC LIMIT $3",
        &[app.into(), report_id.into(), MOST_OF_REPORT_ID.into()],
    )?;
    let ids = rows
        .iter()
        .map(|row| row.int(0))
        .collect::<Result<Vec<_>, _>>()?;
    let sql = format!(
        "{VERDICT} WHERE ticket = $1 AND undone_at IS NULL AND leaves_at <= $2 ORDER BY id DESC LIMIT 1"
    );
    let mut found = Vec::with_capacity(ids.len());
    for ticket in history::tickets(tx, &ids)? {
        let left = tx.query_first(&sql, &[ticket.id.into(), now_ms.into()])?;
        found.push((ticket, left.map(given_verdict).transpose()?));
    }
    Ok(found)
}
