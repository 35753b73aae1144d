//! The queries of reports, from the text behind the `?` as it was sent.
//!
//! Parameters that no report knows are ignored: clients add their own. Of a parameter that comes
//! twice the last one holds, but lists are united. Booleans parse in any case (`spec push-report`).

use std::borrow::Cow;

use super::MAX_ACTION_ID_CHARS;
use super::date::{Date, GROUP_WINDOW_DAYS};
use super::path::split_list;
use super::refusal::{Fault, Refusal};
use crate::percent;
use crate::values::limit_chars;

/// Most actions in one `actionIdList`. Our limit, that of task ids.
pub const MAX_ACTION_IDS: usize = 200;

/// Whether `gt` is to show brands: `true` or `false`.
pub const BRANDS_PARAMETER: &str = "needGetuiByBrand";

/// Which actions are asked for: ids parted by commas.
pub const ACTIONS_PARAMETER: &str = "actionIdList";

/// The first day, `yyyy-MM-dd`.
pub const START_PARAMETER: &str = "startDate";

/// The last day, included, `yyyy-MM-dd`.
pub const END_PARAMETER: &str = "endDate";

/// The query of `/report/push/task/{ids}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskQuery {
    /// `needGetuiByBrand`: whether `gt` is to show brands.
    pub by_brand: bool,
    /// `actionIdList`: which actions are asked for, in order; empty if none.
    pub actions: Vec<String>,
}

impl TaskQuery {
    /// Reads the query; `None` is an empty one.
    ///
    /// # Errors
    /// 20001 with the name of the parameter that is wrong.
    pub fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        Ok(Self {
            by_brand: wants_brands(query)?,
            actions: action_ids(query)?,
        })
    }
}

/// The query of `/report/push/task_group/{name}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupQuery {
    /// `needGetuiByBrand`: whether `gt` is to show brands.
    pub by_brand: bool,
    /// `startDate`: the first day on which a task was created; 70 days before today if not given.
    pub start: Date,
    /// `endDate`: the last such day, included; today if not given.
    pub end: Date,
}

impl GroupQuery {
    /// Reads the query; `None` is an empty one. `today` is the app's. An end after today is allowed:
    /// nothing was created there.
    ///
    /// # Errors
    /// 20001 with the name of the parameter that is wrong: a day that does not exist, a start before
    /// the 70 days or after the end.
    pub fn parse(query: Option<&str>, today: Date) -> Result<Self, Refusal> {
        let first = today.minus_days(GROUP_WINDOW_DAYS);
        let given = date(query, START_PARAMETER)?;
        let start = given.unwrap_or(first);
        let end = date(query, END_PARAMETER)?.unwrap_or(today);
        if start < first || start > end {
            let at_fault = if given.is_some() {
                START_PARAMETER
            } else {
                END_PARAMETER
            };
            return Err(Refusal::parameter(at_fault, Fault::Invalid));
        }
        Ok(Self {
            by_brand: wants_brands(query)?,
            start,
            end,
        })
    }
}

/// `needGetuiByBrand`, the whole query of `/report/push/date/{date}`: false if not given.
///
/// # Errors
/// 20001 with its name if it is neither `true` nor `false`, in any case of letters.
pub fn wants_brands(query: Option<&str>) -> Result<bool, Refusal> {
    match last_value(query, BRANDS_PARAMETER)? {
        None => Ok(false),
        Some(text) if text.is_empty() => Err(Refusal::parameter(BRANDS_PARAMETER, Fault::Empty)),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(Refusal::parameter(BRANDS_PARAMETER, Fault::Invalid)),
    }
}

fn action_ids(query: Option<&str>) -> Result<Vec<String>, Refusal> {
    let fault = |fault| Refusal::parameter(ACTIONS_PARAMETER, fault);
    let lists = values(query, ACTIONS_PARAMETER).collect::<Result<Vec<_>, _>>()?;
    let text = lists.join(",");
    let ids = split_list(&text, MAX_ACTION_IDS).map_err(fault)?;
    for id in &ids {
        limit_chars(id, MAX_ACTION_ID_CHARS).map_err(|_| fault(Fault::OverLimit))?;
        if id.chars().any(char::is_control) {
            return Err(fault(Fault::Invalid));
        }
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

fn date(query: Option<&str>, name: &'static str) -> Result<Option<Date>, Refusal> {
    let Some(text) = last_value(query, name)? else {
        return Ok(None);
    };
    if text.is_empty() {
        return Err(Refusal::parameter(name, Fault::Empty));
    }
    Date::parse(&text)
        .map(Some)
        .ok_or_else(|| Refusal::parameter(name, Fault::Invalid))
}

fn last_value<'a>(
    query: Option<&'a str>,
    name: &'static str,
) -> Result<Option<Cow<'a, str>>, Refusal> {
    values(query, name).last().transpose()
}

fn values<'a>(
    query: Option<&'a str>,
    name: &'static str,
) -> impl Iterator<Item = Result<Cow<'a, str>, Refusal>> {
    let pairs = query.unwrap_or_default().split('&');
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(move |(found, _)| *found == name)
        .map(move |(_, value)| {
            percent::decode(value, true).ok_or_else(|| Refusal::parameter(name, Fault::Invalid))
        })
}
