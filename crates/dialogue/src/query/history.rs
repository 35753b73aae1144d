//! What was before: earlier tickets of the same users, and how often a reporter was right.

use reportd_db::{DbError, Tx, Value};

use super::ticket::Ticket;
use crate::schema::TICKET;

/// Of how many of the reporter's last tickets the accuracy is.
pub const ACCURACY_TICKETS: i64 = 1_000;

/// Users of a ticket whose history is shown.
const MOST_USERS: i64 = 50;

/// Earlier tickets shown of a user.
const MOST_TICKETS: i64 = 20;

/// Reporters of a ticket whose accuracy is shown.
const MOST_REPORTERS: i64 = 20;

/// Other tickets of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserHistory {
    /// The user's key, as it came in.
    pub user_key: String,
    /// The newest first.
    pub tickets: Vec<Ticket>,
}

/// How often a reporter was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accuracy {
    /// The reporter: the report's uniqid.
    pub uniqid: String,
    /// Tickets, of the last [`ACCURACY_TICKETS`].
    pub tickets: i64,
    /// Those of them that are judged.
    pub judged: i64,
    /// Those of them whose verdict found fault with the dialogue or a user.
    pub upheld: i64,
}

/// Other tickets of each user of a ticket.
pub(super) fn of_users(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<Vec<UserHistory>, DbError> {
    let sql = "SELECT user_key FROM dialogue_user WHERE ticket = $1 ORDER BY user_key LIMIT $2";
    let users = tx.query(sql, &[ticket.id.into(), MOST_USERS.into()])?;
    let mut histories = Vec::with_capacity(users.len());
    for mut user in users {
        let user_key = user.take_text(0)?;
        let sql = "SELECT ticket FROM dialogue_user WHERE app = $1 AND user_key = $2 \
                   ORDER BY received_at DESC, ticket DESC LIMIT $3";
        let values = [
            ticket.app.into(),
            (&user_key).into(),
            (MOST_TICKETS + 1).into(),
        ];
        let mut ids = Vec::new();
        for row in tx.query(sql, &values)? {
            let id = row.int(0)?;
            if id != ticket.id {
                ids.push(id);
            }
        }
        let tickets = tickets(tx, &ids)?;
        histories.push(UserHistory { user_key, tickets });
    }
    Ok(histories)
}

/// The tickets of these numbers, in their order.
pub(super) fn tickets(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<Ticket>, DbError> {
    let keys: Vec<[Value<'_>; 1]> = ids.iter().map(|id| [(*id).into()]).collect();
    let rows = tx.find(&TICKET, &keys)?;
    let found = ids.iter().zip(rows);
    found
        .filter_map(|(id, row)| row.map(|row| Ticket::from_row(*id, row)))
        .collect()
}

/// How often each reporter of a ticket was right.
pub(super) fn of_reporters(
    tx: &mut Tx<'_>,
    ticket: i64,
    app: u32,
) -> Result<Vec<Accuracy>, DbError> {
    let reporters = tx.query(
        "SELECT DISTINCT uniqid FROM dialogue_report WHERE ticket = $1 AND uniqid <> '' ORDER BY uniqid LIMIT $2",
        &[ticket.into(), MOST_REPORTERS.into()],
    )?;
    let mut found = Vec::with_capacity(reporters.len());
    for mut reporter in reporters {
        let uniqid = reporter.take_text(0)?;
        let row = tx.query_first(
            "SELECT COUNT(*), COUNT(t.upheld), COUNT(NULLIF(t.upheld, 0)) FROM \
             (SELECT ticket FROM dialogue_reporter WHERE app = $1 AND uniqid = $2 \
             ORDER BY received_at DESC, ticket DESC LIMIT $3) AS r JOIN dialogue_ticket t ON t.id = r.ticket",
            &[app.into(), (&uniqid).into(), ACCURACY_TICKETS.into()],
        )?;
        if let Some(row) = row {
            found.push(Accuracy {
                uniqid,
                tickets: row.int(0)?,
                judged: row.int(1)?,
                upheld: row.int(2)?,
            });
        }
    }
    Ok(found)
}
