//! What stands in a path under `/v2`: the app, task ids, the name of a group.
//!
//! Segments are taken **as they were sent**, with their percent codes: a framework that decodes
//! them first would decode `%252C` twice.

use std::borrow::Cow;
use std::collections::HashSet;

use super::refusal::{Fault, Refusal};
use super::{MAX_GROUP_NAME_CHARS, MAX_TASK_ID_CHARS};
use crate::percent;
use crate::values::limit_chars;

/// Most task ids in one request (`seed push-report`).
pub const MAX_TASK_IDS: usize = 200;

/// Whether a text can be the id of an app: `[A-Za-z0-9_-]{1,64}`, case-sensitive (`spec
/// push-report`).
#[must_use]
pub fn is_app_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// The task ids of a path's segment, in the order of their first mention. They are parted by commas
/// or `%2C`; blanks and repeats are ignored, and do not count (`spec push-report`). An id that no
/// task can have is left out, as is any unknown one.
///
/// # Errors
/// 20001 with `taskid`: more than 200, none, or percent codes that are wrong.
pub fn task_ids(segment: &str) -> Result<Vec<String>, Refusal> {
    let fault = |fault| Refusal::parameter("taskid", fault);
    let text = percent::decode(segment, false).ok_or_else(|| fault(Fault::Invalid))?;
    let ids = split_list(&text, MAX_TASK_IDS).map_err(fault)?;
    if ids.is_empty() {
        return Err(fault(Fault::Empty));
    }
    let can_be =
        |id: &&str| limit_chars(id, MAX_TASK_ID_CHARS).is_ok() && !id.chars().any(char::is_control);
    Ok(ids.into_iter().filter(can_be).map(str::to_owned).collect())
}

/// The name of a group from a path's segment.
///
/// # Errors
/// 20001 with `group_name`: empty, longer than 100 characters, with U+0000 in it, or percent codes
/// that are wrong.
pub fn group_name(segment: &str) -> Result<Cow<'_, str>, Refusal> {
    let fault = |fault| Err(Refusal::parameter("group_name", fault));
    match percent::decode(segment, false) {
        None => fault(Fault::Invalid),
        Some(name) if name.is_empty() => fault(Fault::Empty),
        Some(name) if name.contains('\0') => fault(Fault::Invalid),
        Some(name) if limit_chars(&name, MAX_GROUP_NAME_CHARS).is_err() => fault(Fault::OverLimit),
        Some(name) => Ok(name),
    }
}

/// The distinct elements of a list parted by commas, without the blanks around them; empty ones are
/// ignored.
pub(super) fn split_list(text: &str, max: usize) -> Result<Vec<&str>, Fault> {
    let mut seen = HashSet::new();
    let mut list = Vec::new();
    for element in text.split(',').map(str::trim) {
        if !element.is_empty() && seen.insert(element) {
            if list.len() == max {
                return Err(Fault::OverLimit);
            }
            list.push(element);
        }
    }
    Ok(list)
}
