//! Lists and maps of PHP. PHP has one type for both: a map with keys 0..n is written as a list, an
//! empty map as `[]`, and a list with a gap as a map.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::values::Problem;

/// The first entries of a list or a map, and whether there are more.
pub(super) struct Entries<'a> {
    pub(super) list: Vec<(String, &'a RawValue)>,
    pub(super) has_more: bool,
}

impl<'a> Entries<'a> {
    /// Reads at most `max` entries; those of a list have their place as key.
    pub(super) fn read(text: &'a str, max: usize) -> Result<Self, Problem> {
        if !text.starts_with(['[', '{']) {
            return Err(Problem::Expected("an object or a list"));
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer
            .deserialize_any(EntriesVisitor(max))
            .map_err(|_| Problem::Unreadable)
    }
}

struct EntriesVisitor(usize);

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < self.0 {
            let Some(value) = seq.next_element()? else {
                break;
            };
            list.push((list.len().to_string(), value));
        }
        let mut has_more = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            has_more = true;
        }
        Ok(Entries { list, has_more })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < self.0 {
            let Some(entry) = map.next_entry()? else {
                break;
            };
            list.push(entry);
        }
        let mut has_more = false;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            has_more = true;
        }
        Ok(Entries { list, has_more })
    }
}

/// An object with known fields. A list stands for one whose keys are numbers, of which none is
/// known.
pub(super) fn object<'a, const N: usize>(
    text: &'a str,
    names: &'static [&'static str; N],
) -> Result<Fields<'a, N>, Problem> {
    let text = if text.starts_with('[') { "{}" } else { text };
    Fields::parse(text, names).map_err(|error| {
        if error.is_data() {
            Problem::Expected("an object")
        } else {
            Problem::Unreadable
        }
    })
}

/// A text that may not be empty; a number is its text.
pub(super) fn filled(text: &str, max_chars: usize) -> Result<Cow<'_, str>, Problem> {
    let text = crate::values::scalar_text(text, max_chars)?;
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    Ok(text)
}

/// A time of 10 (seconds) or 13 digits (milliseconds), as a number or a text, in milliseconds.
pub(super) fn time_ms(text: &str) -> Result<i64, Problem> {
    let digits = crate::values::scalar_text(text, 64)?;
    let unit_ms = match digits.len() {
        _ if !digits.bytes().all(|byte| byte.is_ascii_digit()) => None,
        10 => Some(1000),
        13 => Some(1),
        _ => None,
    };
    let value: Option<i64> = digits.parse().ok();
    value
        .zip(unit_ms)
        .map(|(value, unit_ms)| value * unit_ms)
        .ok_or(Problem::Expected("a time of 10 or 13 digits"))
}
