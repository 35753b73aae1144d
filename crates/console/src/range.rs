//! The days that a page is about: they stand in its address, so that it can be shared.

use axum::http::StatusCode;
use reportd_platform::apps::App;
use reportd_platform::clock::DAY_MS;
use reportd_platform::zones::{day_text, parse_day};
use serde::Deserialize;

use crate::compared::{Comparison, Span, time_of_day_ms};
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
    /// How much of today is over.
    time_of_day_ms: i64,
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
            time_of_day_ms: time_of_day_ms(&app.zone, now_ms),
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

    /// What figures are compared with that are known by whole days.
    pub(crate) fn against_days(&self) -> Comparison {
        if self.count() > MOST_DAYS_BEFORE {
            return Comparison::TooLong;
        }
        Comparison::by_days(Span::new(self.first, self.last), self.today_no)
    }

    /// What figures are compared with that are known by hours, for as long as these are kept.
    pub(crate) fn against_hours(&self) -> Comparison {
        let has_hours_before = self.first - 1 > self.today_no - HOUR_DAYS;
        match self.last == self.today_no && has_hours_before {
            true => Comparison::by_hours(Span::new(self.first, self.last), self.time_of_day_ms),
            false => self.against_days(),
        }
    }

    /// How much of a sum over these days a day has in the mean, as far as they have come; none of a single day.
    pub(crate) fn a_day(&self, sum: i64) -> Option<i64> {
        if self.count() == 1 {
            return None;
        }
        let days_over = self.last.min(self.today_no - 1) - self.first + 1;
        let of_today = if self.has_today() {
            self.time_of_day_ms
        } else {
            0
        };
        let passed_ms = i128::from(days_over.max(0) * DAY_MS + of_today);
        let mean = (i128::from(sum) * i128::from(DAY_MS)).checked_div(passed_ms)?;
        i64::try_from(mean).ok()
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
