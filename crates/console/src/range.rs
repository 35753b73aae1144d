//! The days that a page is about: they stand in its address, so that it can be shared.

use axum::http::StatusCode;
use reportd_platform::apps::App;
use reportd_platform::zones::{day_text, parse_day};
use serde::Deserialize;

use crate::fault::Fault;

/// Counts by hour are kept for so many days.
const HOUR_DAYS: i64 = 31;
/// Most days that are compared with as many before.
const MOST_DAYS_BEFORE: i64 = 366;

/// `from` and `to` of an address.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Days {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// Days from one to another, both included, in the app's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) today: String,
    first: i64,
    last: i64,
    today_no: i64,
}

/// A field that is no date.
pub(crate) fn no_date(field: &str, text: &str) -> Fault {
    Fault::text(StatusCode::BAD_REQUEST, |t| t.no_date, &[("text", text)]).at(field)
}

impl Range {
    /// The days of an address; the last `default` days where it names none.
    ///
    /// # Errors
    /// 400 that names what is no day.
    pub(crate) fn of(days: &Days, app: &App, now_ms: i64, default: i64) -> Result<Self, Fault> {
        let today_no = app.zone.day(now_ms);
        let read = |field: &str, text: &Option<String>, default: i64| match text.as_deref() {
            None | Some("") => Ok(default),
            Some(text) => parse_day(text).map_err(|_| no_date(field, text)),
        };
        let last = read("to", &days.to, today_no)?;
        let first = read("from", &days.from, last - default + 1)?;
        if first > last {
            return Err(Fault::invalid("from", |t| t.from_behind_to));
        }
        Ok(Self {
            from: day_text(first),
            to: day_text(last),
            today: day_text(today_no),
            first,
            last,
            today_no,
        })
    }

    /// How many days.
    pub(crate) fn count(&self) -> i64 {
        self.last - self.first + 1
    }

    /// All days, in order.
    pub(crate) fn days(&self) -> impl Iterator<Item = String> {
        (self.first..=self.last).map(day_text)
    }

    /// As a query: `from=2026-11-01&to=2026-11-21`.
    pub(crate) fn query(&self) -> String {
        format!("from={}&to={}", self.from, self.to)
    }

    /// True where today is among them: figures still move.
    pub(crate) fn has_today(&self) -> bool {
        (self.first..=self.last).contains(&self.today_no)
    }

    /// True where counts by hour are kept for all of them.
    pub(crate) fn has_hours(&self) -> bool {
        self.first > self.today_no - HOUR_DAYS
    }

    /// As many days before them, first and last; none where that is too many for one call.
    pub(crate) fn before(&self) -> Option<(String, String)> {
        let count = self.count();
        (count <= MOST_DAYS_BEFORE)
            .then(|| (day_text(self.first - count), day_text(self.first - 1)))
    }

    /// The first of the last `count` days that end today.
    pub(crate) fn since(&self, count: i64) -> String {
        day_text(self.today_no - count + 1)
    }

    /// True where these are the last `count` days that end today.
    pub(crate) fn is_last(&self, count: i64) -> bool {
        self.last == self.today_no && self.count() == count
    }
}
