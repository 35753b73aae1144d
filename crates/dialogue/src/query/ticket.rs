//! A ticket as it stands in its row.

use reportd_db::{DbError, Row};
use reportd_platform::AppNo;

use crate::tickets::TicketState;

/// The columns of [`Ticket::from_row`], in their order.
pub(crate) const TICKET_COLUMNS: &str = "app, category, state, group_id, follows, received_at, reports, users, infos, \
     report_id, claimed_by, claim_key, claim_until, judged_at, verdict, upheld, revision, moved_at";

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub app: AppNo,
    /// As reported.
    pub category: String,
    /// What it is in.
    pub state: TicketState,
    /// The same for tickets of the same users and category within a day.
    pub group_id: i64,
    /// The judged ticket that this one follows up.
    pub follows: Option<i64>,
    /// When its first report came, in ms.
    pub received_at_ms: i64,
    /// How many reports it has.
    pub reports: i64,
    /// How many users, of all its reports.
    pub users: i64,
    /// How many messages, of all its reports.
    pub infos: i64,
    /// The dialogue, as reported.
    pub report_id: String,
    /// Who holds it.
    pub claim: Option<Claim>,
    /// When it was judged, in ms.
    pub judged_at_ms: Option<i64>,
    /// The verdict that stands; also while the ticket is open again.
    pub verdict: Option<i64>,
    /// Whether that verdict found fault.
    pub is_upheld: Option<bool>,
    /// How many verdicts it had that were not undone.
    pub revision: i64,
    /// When its state changed last, in ms.
    pub moved_at_ms: i64,
}

/// Who holds a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The person.
    pub by: String,
    /// The API key.
    pub key: String,
    /// Until when, in ms, if it is not renewed.
    pub until_ms: i64,
}

impl Ticket {
    /// Reads the columns [`TICKET_COLUMNS`].
    pub(crate) fn from_row(id: i64, mut row: Row) -> Result<Self, DbError> {
        let state = TicketState::from_number(row.int(2)?).ok_or(DbError::Type {
            column: 2,
            expected: "a state of a ticket",
        })?;
        let claim = match (
            row.take_opt_text(10)?,
            row.take_opt_text(11)?,
            row.opt_int(12)?,
        ) {
            (Some(by), Some(key), Some(until_ms)) => Some(Claim { by, key, until_ms }),
            _ => None,
        };
        Ok(Self {
            id,
            app: app_no(row.int(0)?)?,
            category: row.take_text(1)?,
            state,
            group_id: row.int(3)?,
            follows: row.opt_int(4)?,
            received_at_ms: row.int(5)?,
            reports: row.int(6)?,
            users: row.int(7)?,
            infos: row.int(8)?,
            report_id: row.take_text(9)?,
            claim,
            judged_at_ms: row.opt_int(13)?,
            verdict: row.opt_int(14)?,
            is_upheld: row.opt_int(15)?.map(|upheld| upheld != 0),
            revision: row.int(16)?,
            moved_at_ms: row.int(17)?,
        })
    }
}

fn app_no(no: i64) -> Result<AppNo, DbError> {
    AppNo::try_from(no).map_err(|_| DbError::Type {
        column: 0,
        expected: "an app number",
    })
}
