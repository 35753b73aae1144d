//! The devices of an event: one `cid`, or many in bulk.
//!
//! A list stays the JSON text that was sent. It is checked once, and gone through again by whoever
//! encodes it: that costs less than a list of slices, of which a request could hold ten thousand.

use std::borrow::Cow;

use super::MAX_CID_CHARS;
use super::feed::read_text;
use super::json::write_value;
use crate::values::{self, Problem};

/// One device or many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cids<'a> {
    /// `cid`: one device.
    One(Cow<'a, str>),
    /// `cids`: at least one.
    Many(CidList<'a>),
}

/// A list of devices, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CidList<'a> {
    json: Cow<'a, str>,
    len: u32,
}

impl<'a> Cids<'a> {
    /// How many there are, repeats too.
    #[must_use]
    pub const fn count(&self) -> u32 {
        match self {
            Self::One(_) => 1,
            Self::Many(list) => list.len,
        }
    }

    /// Each of them, in the order in which they were sent.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let (one, json) = match self {
            Self::One(cid) => (Some(Cow::Borrowed(cid.as_ref())), ""),
            Self::Many(list) => (None, list.json.as_ref()),
        };
        let listed = elements(json).map(|raw| {
            values::string(raw, usize::MAX).expect("each was read when the list was made")
        });
        one.into_iter().chain(listed)
    }

    /// A list to send; a server refuses an empty one.
    #[must_use]
    pub fn many<'c>(cids: impl IntoIterator<Item = &'c str>) -> Cids<'static> {
        let mut json = vec![b'['];
        let mut len = 0;
        for cid in cids {
            if len > 0 {
                json.push(b',');
            }
            write_value(&mut json, cid);
            len += 1;
        }
        json.push(b']');
        let json = String::from_utf8(json).expect("JSON of texts is UTF-8");
        Cids::Many(CidList {
            json: Cow::Owned(json),
            len,
        })
    }
}

impl<'a> CidList<'a> {
    /// The list as a JSON array.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Checks the raw text of a JSON value.
    ///
    /// # Errors
    /// What is wrong, and with which element.
    pub(super) fn read(json: &'a str) -> Result<Self, (Option<u32>, Problem)> {
        if !json.starts_with('[') {
            return Err((None, Problem::Expected("an array of strings")));
        }
        let mut len = 0;
        for raw in elements(json) {
            read_text(raw, MAX_CID_CHARS).map_err(|problem| (Some(len), problem))?;
            len += 1;
        }
        if len == 0 {
            return Err((None, Problem::Empty));
        }
        Ok(Self {
            json: Cow::Borrowed(json),
            len,
        })
    }
}

/// The raw elements of an array whose JSON syntax is right: strings with their quotes. Of anything
/// else the first character only, which says that it is no string; then there is no point in going
/// on.
fn elements(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
        let end = match rest.as_bytes().first()? {
            b'"' => 1 + string_end(&rest.as_bytes()[1..])?,
            b']' => return None,
            _ => 1,
        };
        let (element, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(element)
    })
}

/// How many bytes there are up to the closing quote, and with it.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes[at..]
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        // The character behind a backslash belongs to it.
        at += 2;
        if at > bytes.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_gone_through_without_copies() {
        let json = "[ \"a\",\n\"b\\\"]\\\\\" , \"油\",\"\\u6cb9\"\t]";
        let cids = Cids::Many(CidList::read(json).unwrap());
        assert_eq!(cids.count(), 4);
        assert_eq!(cids.iter().collect::<Vec<_>>(), ["a", "b\"]\\", "油", "油"]);
        assert!(matches!(cids.iter().next(), Some(Cow::Borrowed("a"))));
    }

    #[test]
    fn what_is_built_reads_back() {
        let built = Cids::many(["a", "b\"", "\u{1}"]);
        let Cids::Many(list) = &built else {
            panic!("a list")
        };
        assert_eq!(Cids::Many(CidList::read(list.json()).unwrap()), built);
    }

    #[test]
    fn a_refusal_names_the_element() {
        let string = Problem::Expected("a string");
        for (json, error) in [
            ("{}", (None, Problem::Expected("an array of strings"))),
            ("\"a\"", (None, Problem::Expected("an array of strings"))),
            ("[]", (None, Problem::Empty)),
            ("[ ]", (None, Problem::Empty)),
            ("[7]", (Some(0), string)),
            ("[\"a\",[\"b\"]]", (Some(1), string)),
            ("[\"a\",\"b\",null]", (Some(2), string)),
            ("[\"a\",\"\"]", (Some(1), Problem::Empty)),
            ("[\"\\u0000\"]", (Some(0), Problem::Nul)),
        ] {
            assert_eq!(CidList::read(json), Err(error), "{json}");
        }
    }
}
