//! The users of a reported conversation: `users`.

use std::borrow::Cow;
use std::collections::HashSet;

use super::entries::{Entries, object};
use super::{MAX_ID_CHARS, MAX_TEXT_CHARS, MAX_USERS};
use crate::dialogue::refusal::Refusal;
use crate::fields::FieldError;
use crate::values::{Problem, limit_chars, scalar_text};

const NAMES: [&str; 3] = ["name", "avatar", "sex"];

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User<'a> {
    /// The key, exactly as it was sent: verdicts name the user by it.
    pub key: String,
    /// `name`
    pub name: Option<Cow<'a, str>>,
    /// `avatar`, an address or what else the app has.
    pub avatar: Option<Cow<'a, str>>,
    /// `sex`, in the app's own words.
    pub sex: Option<Cow<'a, str>>,
}

/// Reads `users`; `place` is its path in messages, in which a user has a number: a key is what the
/// client sent.
pub(super) fn read<'a>(text: &'a str, place: &str) -> Result<Vec<User<'a>>, Refusal> {
    let refuse = |problem: Problem| Refusal::bad_field(format!("{place}: {problem}"));
    let entries = Entries::read(text, MAX_USERS).map_err(refuse)?;
    if entries.has_more {
        return Err(refuse(Problem::Refused("more than 1000 users")));
    }
    if entries.list.is_empty() {
        return Err(refuse(Problem::Empty));
    }
    let mut users = Vec::with_capacity(entries.list.len());
    for (index, (key, raw)) in entries.list.into_iter().enumerate() {
        let wrong = |problem: Problem| Refusal::bad_field(format!("{place}[{index}]: {problem}"));
        let named = |error: FieldError| Refusal::bad_field(format!("{place}[{index}].{error}"));
        check_key(&key).map_err(wrong)?;
        let fields = object(raw.get(), &NAMES).map_err(wrong)?;
        fields.refuse_repeated().map_err(named)?;
        let text = |slot| fields.optional(slot, |text| scalar_text(text, MAX_TEXT_CHARS));
        users.push(User {
            key,
            name: text(0).map_err(named)?,
            avatar: text(1).map_err(named)?,
            sex: text(2).map_err(named)?,
        });
    }
    let mut keys = HashSet::new();
    if !users.iter().all(|user| keys.insert(user.key.as_str())) {
        return Err(refuse(Problem::Refused("a key given twice")));
    }
    Ok(users)
}

fn check_key(key: &str) -> Result<(), Problem> {
    if key.is_empty() {
        return Err(Problem::Empty);
    }
    if key.contains('\0') {
        return Err(Problem::Nul);
    }
    limit_chars(key, MAX_ID_CHARS)
}
