//! Lists of tickets, oldest or newest first, a page at a time.
//!
//! A page is read from an index: of a queue (app, category, state), of a user, or of a reporter. What the index does not
//! tell is looked at row by row, so many at most; a page may then be short and have another one behind it.

use std::ops::RangeInclusive;

use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;

use super::ticket::Ticket;
use crate::schema::TICKET;
use crate::tickets::{TicketError, TicketState, invalid};

/// Most tickets of a page.
pub const MOST_TICKETS: usize = 200;

/// Most categories of a list.
pub const MOST_CATEGORIES: usize = 32;

/// Looks of so many rows each for one page.
const LOOKS: usize = 10;

/// Which tickets are asked for.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Of these apps; of any where there are none.
    pub apps: Option<Vec<AppNo>>,
    /// Of these categories, [`MOST_CATEGORIES`] at most.
    pub categories: Option<Vec<String>>,
    /// In these states; in any where there are none.
    pub states: Vec<TicketState>,
    /// In which a user or a reporter is.
    pub about: Option<About>,
    /// Held by this person.
    pub claimed_by: Option<String>,
    /// Received then, in ms.
    pub received_ms: RangeInclusive<i64>,
    /// Newest first.
    pub is_newest_first: bool,
    /// Behind this place.
    pub after: Option<Place>,
    /// At most so many, [`MOST_TICKETS`] at most.
    pub limit: usize,
}

/// Who is in a ticket. Names are those of an app: it must be named as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A user, by the key as it came in.
    User(String),
    /// A reporter: the report's uniqid.
    Reporter(String),
}

/// A place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When the ticket was received, in ms.
    pub received_at_ms: i64,
    /// Its number.
    pub id: i64,
}

/// Some tickets of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the list's order.
    pub tickets: Vec<Ticket>,
    /// Where the list goes on, where it does.
    pub next: Option<Place>,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            apps: None,
            categories: None,
            states: Vec::new(),
            about: None,
            claimed_by: None,
            received_ms: 0..=i64::MAX,
            is_newest_first: false,
            after: None,
            limit: MOST_TICKETS,
        }
    }
}

impl Listing {
    /// The app, where it is one.
    fn only_app(&self) -> Option<AppNo> {
        match self.apps.as_deref() {
            Some(&[app]) => Some(app),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), TicketError> {
        if self.about.is_some() && self.only_app().is_none() {
            return Err(invalid(
                "app",
                "expected with a user or a reporter: both are names of an app",
            ));
        }
        let categories = self.categories.as_ref().map_or(0, Vec::len);
        if categories > MOST_CATEGORIES {
            return Err(invalid(
                "category",
                format!("expected at most {MOST_CATEGORIES}"),
            ));
        }
        Ok(())
    }

    /// What the index does not tell.
    fn fits(&self, ticket: &Ticket) -> bool {
        let categories = self.categories.as_ref();
        let holder = ticket.claim.as_ref().map(|claim| &claim.by);
        let is_held = self.claimed_by.is_none() || self.claimed_by.as_ref() == holder;
        is_held
            && (self.states.is_empty() || self.states.contains(&ticket.state))
            && categories.is_none_or(|only| only.contains(&ticket.category))
    }

    /// The indexes that are read: a name with the columns that are given.
    fn sources(&self) -> Vec<Source<'_>> {
        if let (Some(about), Some(app)) = (&self.about, self.only_app()) {
            let (table, column, name) = match about {
                About::User(key) => ("dialogue_user", "user_key", key),
                About::Reporter(uniqid) => ("dialogue_reporter", "uniqid", uniqid),
            };
            return vec![Source {
                table,
                id: "ticket",
                given: vec![("app", app.into()), (column, name.into())],
            }];
        }
        let states = if self.states.is_empty() {
            &TicketState::ALL[..]
        } else {
            &self.states
        };
        let state = |state: &TicketState| ("state", Value::Int(state.number()));
        let source = |given| Source {
            table: "dialogue_ticket",
            id: "id",
            given,
        };
        let Some(apps) = &self.apps else {
            return states.iter().map(|one| source(vec![state(one)])).collect();
        };
        let mut sources = Vec::new();
        for &app in apps {
            let Some(categories) = &self.categories else {
                let given = |one| vec![("app", app.into()), state(one)];
                sources.extend(states.iter().map(|one| source(given(one))));
                continue;
            };
            for category in categories {
                let given = |one| {
                    let category = ("category", category.into());
                    vec![("app", app.into()), category, state(one)]
                };
                sources.extend(states.iter().map(|one| source(given(one))));
            }
        }
        sources
    }
}

/// An index: a table, its column of the ticket, and the columns that are given.
struct Source<'a> {
    table: &'static str,
    id: &'static str,
    given: Vec<(&'static str, Value<'a>)>,
}

/// A page of tickets.
pub(crate) fn list(tx: &mut Tx<'_>, listing: &Listing) -> Result<Page, TicketError> {
    listing.check()?;
    let limit = listing.limit.clamp(1, MOST_TICKETS);
    let sources = listing.sources();
    let mut page = Page {
        tickets: Vec::with_capacity(limit),
        next: listing.after,
    };
    for _ in 0..LOOKS {
        let places = places(tx, listing, &sources, page.next, limit + 1)?;
        let is_last = places.len() <= limit;
        let keys: Vec<[Value<'_>; 1]> = places.iter().map(|place| [place.id.into()]).collect();
        let rows = tx.find(&TICKET, &keys)?;
        for (place, row) in places.iter().zip(rows) {
            if page.tickets.len() == limit {
                return Ok(page);
            }
            page.next = Some(*place);
            let ticket = row.map(|row| Ticket::from_row(place.id, row)).transpose()?;
            page.tickets
                .extend(ticket.filter(|ticket| listing.fits(ticket)));
        }
        if is_last {
            page.next = None;
            return Ok(page);
        }
    }
    Ok(page)
}

/// The next places of all sources, in the list's order.
fn places(
    tx: &mut Tx<'_>,
    listing: &Listing,
    sources: &[Source<'_>],
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Place>, DbError> {
    let mut places = Vec::new();
    for source in sources {
        places.extend(places_of(tx, listing, source, after, limit)?);
    }
    places.sort_unstable();
    if listing.is_newest_first {
        places.reverse();
    }
    places.truncate(limit);
    Ok(places)
}

fn places_of(
    tx: &mut Tx<'_>,
    listing: &Listing,
    source: &Source<'_>,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Place>, DbError> {
    let (from_ms, to_ms) = (*listing.received_ms.start(), *listing.received_ms.end());
    // The list begins at one end of the time that is asked for, or behind the last page, and ends at the other end.
    let (start, end_ms, beyond, within, order) = if listing.is_newest_first {
        let start = Place {
            received_at_ms: to_ms,
            id: i64::MAX,
        };
        (
            after.map_or(start, |after| after.min(start)),
            from_ms,
            "<",
            ">=",
            " DESC",
        )
    } else {
        let start = Place {
            received_at_ms: from_ms,
            id: 0,
        };
        (
            after.map_or(start, |after| after.max(start)),
            to_ms,
            ">",
            "<=",
            "",
        )
    };
    let Source { table, id, given } = source;
    let mut sql = format!("SELECT received_at, {id} FROM {table} WHERE ");
    let mut values = Vec::new();
    for (column, value) in given {
        values.push(*value);
        sql.push_str(&format!("{column} = ${} AND ", values.len()));
    }
    let n = values.len();
    sql.push_str(&format!(
        "(received_at, {id}) {beyond} (${}, ${}) AND received_at {within} ${} \
         ORDER BY received_at{order}, {id}{order} LIMIT ${}",
        n + 1,
        n + 2,
        n + 3,
        n + 4
    ));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    values.extend([start.received_at_ms, start.id, end_ms, limit].map(Value::from));
    let rows = tx.query(&sql, &values)?;
    let place = |row: &reportd_db::Row| {
        Ok(Place {
            received_at_ms: row.int(0)?,
            id: row.int(1)?,
        })
    };
    rows.iter().map(place).collect()
}
