//! Callbacks as they stand in the outbox, and their attempts.

use reportd_db::{DbError, Row, Tx, Value};
use reportd_platform::AppNo;

use super::counts::MOST_COUNTED;
use crate::callback::outbox::{DEAD, DELIVERED, PENDING, TAKEN_BACK};

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
