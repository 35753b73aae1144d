//! Callbacks as they stand in the outbox, and their attempts.

use std::collections::HashSet;

use reportd_db::{DbError, Row, Tx, Value};
use reportd_platform::AppNo;

use super::counts::MOST_COUNTED;
use super::history;
use crate::callback::outbox::{DEAD, DELIVERED, PENDING, TAKEN_BACK};
use crate::tickets::Actor;

/// Pages that are read to find those of one page whose ticket the actor may see.
const MOST_LOOKS: usize = 10;

/// Attempts of a delivery that are shown.
const MOST_ATTEMPTS: i64 = 100;

/// The names of states, by their numbers.
const STATES: [(i64, &str); 4] = [
    (PENDING, "pending"),
    (DELIVERED, "delivered"),
    (DEAD, "dead"),
    (TAKEN_BACK, "taken_back"),
];

const COLUMNS: &str = "id, webhook_id, app, ticket, revision, url, uniqid, state, attempts, next_at, created_at, done_at, \
     last_status, last_error";

/// A callback, without its body.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) webhook_id: String,
    pub(crate) app: AppNo,
    pub(crate) ticket: i64,
    pub(crate) revision: i64,
    pub(crate) url: String,
    pub(crate) uniqid: String,
    pub(crate) state: &'static str,
    pub(crate) attempts: i64,
    pub(crate) next_at_ms: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) done_at_ms: Option<i64>,
    pub(crate) last_status: Option<i64>,
    pub(crate) last_error: Option<String>,
}

/// An attempt of a callback.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) attempt: i64,
    pub(crate) at_ms: i64,
    pub(crate) took_ms: i64,
    pub(crate) status: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) excerpt: Vec<u8>,
}

/// Which callbacks are asked for, the newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryListing {
    /// Of these apps; of any where there are none.
    pub(crate) apps: Option<Vec<AppNo>>,
    /// In this state; in any where there is none.
    pub(crate) state: Option<i64>,
    pub(crate) ticket: Option<i64>,
    /// Before the one of this number.
    pub(crate) before: Option<i64>,
    pub(crate) limit: i64,
}

impl DeliveryListing {
    /// The number of a state's name.
    pub(crate) fn state_of_name(name: &str) -> Option<i64> {
        let found = STATES.iter().find(|(_, known)| *known == name);
        found.map(|(number, _)| *number)
    }
}

/// A page of callbacks. Each app and state is read from its index, and the newest of all are taken.
pub(crate) fn deliveries(
    tx: &mut Tx<'_>,
    listing: &DeliveryListing,
) -> Result<Vec<Delivery>, DbError> {
    let states: Vec<Option<i64>> = match (listing.state, listing.ticket) {
        (Some(state), _) => vec![Some(state)],
        // The index of the ticket finds them all.
        (None, Some(_)) => vec![None],
        (None, None) => STATES.iter().map(|(number, _)| Some(*number)).collect(),
    };
    let apps: Vec<Option<AppNo>> = match &listing.apps {
        Some(apps) => apps.iter().copied().map(Some).collect(),
        None => vec![None],
    };
    let mut found = Vec::new();
    for app in apps {
        for state in &states {
            found.extend(page(tx, listing, app, *state)?);
        }
    }
    found.sort_unstable_by_key(|delivery| std::cmp::Reverse(delivery.id));
    found.truncate(usize::try_from(listing.limit).unwrap_or(0));
    Ok(found)
}

/// A page of callbacks of tickets that the actor may see, and the number before which it goes on, where it does. Who is
/// limited to categories gets fewer than the limit where many of others stand between.
pub(crate) fn deliveries_of(
    tx: &mut Tx<'_>,
    actor: &Actor,
    listing: &DeliveryListing,
) -> Result<(Vec<Delivery>, Option<i64>), DbError> {
    let limit = usize::try_from(listing.limit).unwrap_or(0);
    let mut listing = DeliveryListing {
        // One more tells whether there is another page.
        limit: listing.limit + 1,
        ..listing.clone()
    };
    let mut found = Vec::new();
    for _ in 0..MOST_LOOKS {
        let mut page = deliveries(tx, &listing)?;
        let has_more = page.len() > limit;
        page.truncate(limit);
        let last = page.last().map(|delivery| delivery.id);
        found.extend(seen_by(tx, actor, page)?);
        if found.len() > limit || (found.len() == limit && has_more) {
            found.truncate(limit);
            listing.before = found.last().map(|delivery| delivery.id);
            break;
        }
        if !has_more {
            return Ok((found, None));
        }
        listing.before = last;
    }
    Ok((found, listing.before))
}

/// Those whose ticket the actor may see.
pub(crate) fn seen_by(
    tx: &mut Tx<'_>,
    actor: &Actor,
    mut deliveries: Vec<Delivery>,
) -> Result<Vec<Delivery>, DbError> {
    deliveries.retain(|delivery| actor.may_touch(delivery.app));
    if actor.categories.is_none() {
        return Ok(deliveries);
    }
    let ids: Vec<i64> = deliveries.iter().map(|delivery| delivery.ticket).collect();
    let tickets = history::tickets(tx, &ids)?;
    let seen: HashSet<i64> = tickets
        .iter()
        .filter(|ticket| actor.may_see(ticket.app, &ticket.category))
        .map(|ticket| ticket.id)
        .collect();
    deliveries.retain(|delivery| seen.contains(&delivery.ticket));
    Ok(deliveries)
}

/// How many callbacks are in each state, [`MOST_COUNTED`] of an app at most, by the names of states.
pub(crate) fn count_deliveries(
    tx: &mut Tx<'_>,
    apps: Option<&[AppNo]>,
) -> Result<Vec<(&'static str, i64)>, DbError> {
    let apps: Vec<Option<AppNo>> = match apps {
        Some(apps) => apps.iter().copied().map(Some).collect(),
        None => vec![None],
    };
    let mut counts = Vec::with_capacity(STATES.len());
    for (number, name) in STATES {
        let mut count = 0;
        for app in &apps {
            let mut values: Vec<Value<'_>> = vec![number.into(), MOST_COUNTED.into()];
            let of_app = if app.is_some() { "app = $3 AND " } else { "" };
            values.extend(app.map(Value::from));
            let sql = format!(
                "SELECT COUNT(*) FROM (SELECT id FROM dialogue_delivery WHERE {of_app}state = $1 ORDER BY id LIMIT $2) \
                 AS counted"
            );
            count += tx.query_int(&sql, &values)?;
        }
        counts.push((name, count));
    }
    Ok(counts)
}

fn page(
    tx: &mut Tx<'_>,
    listing: &DeliveryListing,
    app: Option<AppNo>,
    state: Option<i64>,
) -> Result<Vec<Delivery>, DbError> {
    let mut values: Vec<Value<'_>> = vec![listing.before.unwrap_or(i64::MAX).into()];
    let mut conditions = String::from("id < $1");
    for (column, value) in [
        ("app", app.map(i64::from)),
        ("ticket", listing.ticket),
        ("state", state),
    ] {
        if let Some(value) = value {
            values.push(value.into());
            conditions.push_str(&format!(" AND {column} = ${}", values.len()));
        }
    }
    values.push(listing.limit.into());
    let sql = format!(
        "SELECT {COLUMNS} FROM dialogue_delivery WHERE {conditions} ORDER BY id DESC LIMIT ${}",
        values.len()
    );
    tx.query(&sql, &values)?.into_iter().map(read).collect()
}

/// One callback.
pub(crate) fn delivery(tx: &mut Tx<'_>, id: i64) -> Result<Option<Delivery>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM dialogue_delivery WHERE id = $1");
    tx.query_first(&sql, &[id.into()])?.map(read).transpose()
}

/// The last attempts of a callback, the newest first.
pub(crate) fn attempts(tx: &mut Tx<'_>, delivery: i64) -> Result<Vec<Attempt>, DbError> {
    let rows = tx.query(
        "SELECT attempt, at, took_ms, status, error, excerpt FROM dialogue_attempt WHERE delivery = $1 \
         ORDER BY attempt DESC LIMIT $2",
        &[delivery.into(), MOST_ATTEMPTS.into()],
    )?;
    let attempt = |mut row: Row| {
        Ok(Attempt {
            attempt: row.int(0)?,
            at_ms: row.int(1)?,
            took_ms: row.int(2)?,
            status: row.opt_int(3)?,
            error: row.take_opt_text(4)?,
            excerpt: row.take_opt_bytes(5)?.unwrap_or_default(),
        })
    };
    rows.into_iter().map(attempt).collect()
}

fn read(mut row: Row) -> Result<Delivery, DbError> {
    let wrong = |column, expected| DbError::Type { column, expected };
    let state = row.int(7)?;
    let state = STATES.iter().find(|(number, _)| *number == state);
    Ok(Delivery {
        id: row.int(0)?,
        webhook_id: row.take_text(1)?,
        app: AppNo::try_from(row.int(2)?).map_err(|_| wrong(2, "an app number"))?,
        ticket: row.int(3)?,
        revision: row.int(4)?,
        url: row.take_text(5)?,
        uniqid: row.take_text(6)?,
        state: state.ok_or(wrong(7, "a state of a delivery"))?.1,
        attempts: row.int(8)?,
        next_at_ms: row.int(9)?,
        created_at_ms: row.int(10)?,
        done_at_ms: row.opt_int(11)?,
        last_status: row.opt_int(12)?,
        last_error: row.take_opt_text(13)?,
    })
}
