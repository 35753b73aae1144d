//! Tickets: claimed, judged, taken back and opened again. Who may, the database decides: each change is one conditional
//! statement, so that two moderators never judge one ticket, on one node or on several.

mod claim;
mod judge;
mod reopen;
mod service;
mod undo;
mod upkeep;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;

pub use claim::Wanted;
pub use judge::{Judged, Judgement};
pub use service::{BulkOutcome, MOST_BULK};

pub(crate) use claim::{claim, next, release};
#[cfg(test)]
pub(crate) use judge::replace;
pub(crate) use judge::{Judging, judge};
pub(crate) use reopen::reopen;
pub(crate) use undo::undo;
pub(crate) use upkeep::end_expired_claims;

use crate::query::Ticket;
use crate::schema;

/// How long a claim holds that is not renewed, in ms.
pub const CLAIM_MS: i64 = 10 * 60_000;

/// Most characters of a note or a reason.
pub const MAX_NOTE_CHARS: usize = 4_000;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person: who is logged in; for a key what the header `X-Auditor` names, else the key's name.
    pub name: String,
    /// The name of the API key; empty where a person acts in the console, so that no key can pass for one.
    pub key: String,
    /// The only apps that the key or the person may touch; all where there are none.
    pub apps: Option<Vec<AppNo>>,
    /// The only categories that the key or the person may touch; all where there are none.
    pub categories: Option<Vec<String>>,
    /// May undo verdicts of others, and open tickets again.
    pub is_lead: bool,
}

impl Actor {
    /// Whether the app is the actor's affair.
    #[must_use]
    pub fn may_touch(&self, app: AppNo) -> bool {
        self.apps.as_ref().is_none_or(|only| only.contains(&app))
    }

    /// Whether tickets of this app and category are the actor's affair.
    #[must_use]
    pub fn may_see(&self, app: AppNo, category: &str) -> bool {
        let categories = self.categories.as_ref();
        self.may_touch(app) && categories.is_none_or(|only| only.iter().any(|one| one == category))
    }
}

/// What a ticket is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketState {
    /// 0: waits for a moderator.
    Open,
    /// 1: a moderator holds it.
    Claimed,
    /// 2: judged; the verdict is on its way.
    Judged,
    /// 3: the verdict has reached all who reported.
    Delivered,
    /// 4: a delivery of the verdict was given up.
    Failed,
}

impl TicketState {
    /// All of them, by their numbers.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Claimed,
        Self::Judged,
        Self::Delivered,
        Self::Failed,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Judged => "judged",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Its number in the store.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Claimed => 1,
            Self::Judged => 2,
            Self::Delivered => 3,
            Self::Failed => 4,
        }
    }

    /// The one of that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }
}

/// Why a ticket was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// There is none of that id that the actor may see. 404.
    #[error("there is no such ticket")]
    Unknown,
    /// It is not the actor's to do. 403.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Another holds it. 409.
    #[error("another holds this ticket")]
    ClaimedByAnother,
    /// It is judged already. 409.
    #[error("this ticket is judged already")]
    AlreadyJudged,
    /// It is not judged. 409.
    #[error("this ticket is not judged")]
    NotJudged,
    /// More reports have come than the verdict names. 409.
    #[error("this ticket has {0} reports by now: look at it again")]
    MoreReports(i64),
    /// The time to undo is over, or a callback has left. 409.
    #[error("{0}")]
    TooLate(&'static str),
    /// A label, a user or a text that does not fit. 422.
    #[error("{field}: {expected}")]
    Invalid {
        /// Where it stands: `user_result.id_1`.
        field: String,
        /// What was expected.
        expected: String,
    },
    /// No verdict can be sent for the app now: its key is missing or does not fit. 503.
    #[error(
        "verdicts of this app cannot be encrypted: its AES key is missing or does not fit its mode"
    )]
    NoKey,
}

pub(crate) fn invalid(field: impl Into<String>, expected: impl Into<String>) -> TicketError {
    TicketError::Invalid {
        field: field.into(),
        expected: expected.into(),
    }
}

/// A ticket that the actor may see.
pub(crate) fn find(tx: &mut Tx<'_>, actor: &Actor, id: i64) -> Result<Ticket, TicketError> {
    let row = tx.find(&schema::TICKET, &[[id.into()]])?.pop().flatten();
    let ticket = row.map(|row| Ticket::from_row(id, row)).transpose()?;
    ticket
        .filter(|ticket| actor.may_see(ticket.app, &ticket.category))
        .ok_or(TicketError::Unknown)
}
