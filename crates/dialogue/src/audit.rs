//! Who did what to a ticket or to settings, and when. Rows are added, never changed.

use reportd_db::{DbError, Row, Tx, Value};
use reportd_platform::AppNo;
use serde_json::Value as Json;

use crate::query::Ticket;
use crate::tickets::Actor;

/// How long one sight of a ticket by one person counts as one, in ms.
const SIGHT_MS: i64 = 10 * 60_000;

/// Most rows of a page.
pub const MOST_RECORDS: i64 = 200;

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number; later ones are greater.
    pub id: i64,
    /// When, in ms.
    pub at_ms: i64,
    /// The person.
    pub actor: String,
    /// The API key.
    pub actor_key: String,
    /// saw, claimed, released, judged, undone, reopened, settings; or what the callbacks note.
    pub action: String,
    /// Whose.
    pub app: i64,
    /// The ticket, where it is about one.
    pub ticket: Option<i64>,
    /// What else there is to say.
    pub details: Json,
}

/// Which records are asked for. The newest come first.
#[derive(Debug, Clone, Default)]
pub struct AuditListing {
    /// Of these apps; of any where there are none.
    pub apps: Option<Vec<AppNo>>,
    /// Of a ticket.
    pub ticket: Option<i64>,
    /// Of a person.
    pub actor: Option<String>,
    /// Before the record of this number.
    pub before: Option<i64>,
    /// At most so many, [`MOST_RECORDS`] at most.
    pub limit: i64,
}

/// Notes what an actor did to a ticket.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &str,
    ticket: &Ticket,
    details: &Json,
    now_ms: i64,
) -> Result<(), DbError> {
    insert(
        tx,
        actor,
        action,
        (ticket.app, Some(ticket.id)),
        details,
        now_ms,
    )
}

/// Notes what an actor did to an app.
pub(crate) fn note_app(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &str,
    app: AppNo,
    details: &Json,
    now_ms: i64,
) -> Result<(), DbError> {
    insert(tx, actor, action, (app, None), details, now_ms)
}

/// Notes that an actor saw a ticket, once in ten minutes.
pub(crate) fn note_sight(
    tx: &mut Tx<'_>,
    actor: &Actor,
    ticket: &Ticket,
    now_ms: i64,
) -> Result<(), DbError> {
    let newest = tx.query(
        "SELECT action, actor, actor_key, at FROM dialogue_audit WHERE ticket = $1 ORDER BY id DESC LIMIT 20",
        &[ticket.id.into()],
    )?;
    for mut row in newest {
        let is_sight = row.take_text(0)? == "saw"
            && row.take_text(1)? == actor.name
            && row.take_text(2)? == actor.key;
        if is_sight && row.int(3)? > now_ms - SIGHT_MS {
            return Ok(());
        }
    }
    note(
        tx,
        actor,
        "saw",
        ticket,
        &Json::Object(serde_json::Map::default()),
        now_ms,
    )
}

fn insert(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &str,
    (app, ticket): (AppNo, Option<i64>),
    details: &Json,
    now_ms: i64,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO dialogue_audit (at, actor, actor_key, action, app, ticket, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            now_ms.into(),
            (&actor.name).into(),
            (&actor.key).into(),
            action.into(),
            app.into(),
            ticket.into(),
            (&details.to_string()).into(),
        ],
    )
    .map(|_| ())
}

/// A page of records. Each app is read from its index, and the newest of all are taken.
pub(crate) fn list(tx: &mut Tx<'_>, listing: &AuditListing) -> Result<Vec<Record>, DbError> {
    let Some(apps) = &listing.apps else {
        return page(tx, listing, None);
    };
    let mut found = Vec::new();
    for app in apps {
        found.extend(page(tx, listing, Some(*app))?);
    }
    found.sort_unstable_by_key(|record| std::cmp::Reverse(record.id));
    found.truncate(usize::try_from(listing.limit.clamp(1, MOST_RECORDS)).unwrap_or(0));
    Ok(found)
}

fn page(
    tx: &mut Tx<'_>,
    listing: &AuditListing,
    app: Option<AppNo>,
) -> Result<Vec<Record>, DbError> {
    let mut conditions = vec!["id < $1".to_owned()];
    let mut values: Vec<Value<'_>> = vec![listing.before.unwrap_or(i64::MAX).into()];
    let mut add = |column: &str, value: Option<Value<'static>>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{column} = ${}", values.len()));
        }
    };
    add("app", app.map(Value::from));
    add("ticket", listing.ticket.map(Value::from));
    if let Some(actor) = &listing.actor {
        values.push(actor.into());
        conditions.push(format!("actor = ${}", values.len()));
    }
    values.push(listing.limit.clamp(1, MOST_RECORDS).into());
    let sql = format!(
        "SELECT id, at, actor, actor_key, action, app, ticket, details FROM dialogue_audit WHERE {} \
         ORDER BY id DESC LIMIT ${}",
        conditions.join(" AND "),
        values.len()
    );
    tx.query(&sql, &values)?.into_iter().map(record).collect()
}

fn record(mut row: Row) -> Result<Record, DbError> {
    let details = row.take_text(7)?;
    Ok(Record {
        id: row.int(0)?,
        at_ms: row.int(1)?,
        actor: row.take_text(2)?,
        actor_key: row.take_text(3)?,
        action: row.take_text(4)?,
        app: row.int(5)?,
        ticket: row.opt_int(6)?,
        details: serde_json::from_str(&details).unwrap_or_default(),
    })
}
