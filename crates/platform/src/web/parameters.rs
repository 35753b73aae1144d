//! Parameters that calls of the JSON API share, and replies that tell their lag.

use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Json, Problem, tell_lag};
use crate::zones::parse_day;

/// Rows of a page where the call names no `limit`.
pub const DEFAULT_PAGE: i64 = 100;
/// Most rows of a page.
pub const MOST_PAGE: i64 = 1_000;

/// A reply from views; the header `reportd-lag-ms` tells how far it lags, where it does (spec operating, Fresh reads).
pub struct Fresh<T> {
    /// Age of what was read, in ms; 0 where it is fresh.
    pub lag_ms: i64,
    /// The reply.
    pub body: Json<T>,
}

impl<T: Serialize> IntoResponse for Fresh<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        tell_lag(response.headers_mut(), self.lag_ms);
        response
    }
}

/// The day that a parameter names.
///
/// # Errors
/// 400 that names the parameter.
pub fn day(field: &str, text: &str) -> Result<i64, Problem> {
    parse_day(text).map_err(|expected| Problem::invalid(field, expected))
}

/// The days from `from` to `to`, both included, `most` of them at most.
///
/// # Errors
/// 400 that names the parameter.
pub fn days(from: &str, to: &str, most: i64) -> Result<(i64, i64), Problem> {
    let (from, to) = (day("from", from)?, day("to", to)?);
    match to - from + 1 {
        count if count < 1 => Err(Problem::invalid(
            "to",
            "expected a date that is not before from",
        )),
        count if count > most => Err(Problem::invalid(
            "from",
            format!("expected at most {most} days"),
        )),
        _ => Ok((from, to)),
    }
}

/// A number from 1 to `most`, `default` where it is not given.
///
/// # Errors
/// 400 that names the parameter.
pub fn within(field: &str, value: Option<i64>, default: i64, most: i64) -> Result<i64, Problem> {
    match value.unwrap_or(default) {
        value if (1..=most).contains(&value) => Ok(value),
        _ => Err(Problem::invalid(field, format!("expected 1 to {most}"))),
    }
}

/// A number in the path.
///
/// # Errors
/// 400 that names it.
pub fn path_number(field: &str, text: &str) -> Result<i64, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid(field, format!("«{text}»: expected an integer")))
}
