//! What the two feeds have in common: lines or an array of JSON objects, and an error that names
//! the place.
//!
//! Objects are handed on one by one as they are found, borrowing from the body; nothing of the size
//! of the body is built. UTF-8 is checked once for all.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use thiserror::Error;

use crate::fields::{Fields, FieldsSeed};
use crate::values::{self, Problem};

/// Most events in one request, each cid of `cids` counting as one, and most lines of receipts
/// (`spec push-report`).
pub const MAX_EVENTS: u32 = 10_000;

/// Most bytes of one request, after unpacking: 8 MiB (`spec push-report`).
pub const MAX_FEED_BYTES: usize = 8 * 1024 * 1024;

/// Most that a time may be ahead of now: 10 minutes (`spec push-report`).
pub const MAX_AHEAD_MS: i64 = 600_000;

/// Why a feed is refused, whole: nothing of the request counts. The text names the place,
/// `[1].type: …` in an array (from 0) or `line 2: …` (from 1), and repeats nothing that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{msg}")]
pub struct FeedError {
    /// Gives the HTTP status.
    pub kind: FeedErrorKind,
    /// The place, and what is wrong there.
    pub msg: String,
}

/// What sort of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedErrorKind {
    /// Not JSON, a field that is wrong, or too many events.
    Malformed,
    /// A receipt's sign is not the app's.
    BadSign,
}

impl FeedErrorKind {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::BadSign => 401,
        }
    }
}

/// What a feed held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepted {
    /// How many events, each cid of `cids` counting as one; or how many receipts.
    pub events: u32,
    /// How many fields had a name that nobody knows; they are ignored.
    pub unknown_fields: u32,
}

/// Where an object stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// In an array, from 0.
    Index(usize),
    /// On a line, from 1.
    Line(usize),
}

impl Place {
    /// An error in a field of the object: `problem` begins with the field's name.
    pub(super) fn field(self, problem: impl fmt::Display) -> FeedError {
        let msg = match self {
            Self::Index(index) => format!("[{index}].{problem}"),
            Self::Line(line) => format!("line {line}: {problem}"),
        };
        malformed(msg)
    }

    /// An error in the object as a whole.
    pub(super) fn object(self, problem: impl fmt::Display) -> FeedError {
        let msg = match self {
            Self::Index(index) => format!("[{index}]: {problem}"),
            Self::Line(line) => format!("line {line}: {problem}"),
        };
        malformed(msg)
    }

    fn unreadable(self, error: &serde_json::Error) -> FeedError {
        if error.is_data() {
            // The error's own text would repeat what was sent.
            self.object(Problem::Expected("an object"))
        } else {
            self.object(format_args!("not JSON: {error}"))
        }
    }
}

fn malformed(msg: String) -> FeedError {
    FeedError {
        kind: FeedErrorKind::Malformed,
        msg,
    }
}

/// The text of a body.
pub(super) fn text(body: &[u8]) -> Result<&str, FeedError> {
    str::from_utf8(body)
        .map_err(|error| malformed(format!("body: not UTF-8 at byte {}", error.valid_up_to())))
}

/// Whether a text is an array, by its first byte that is not white space.
pub(super) fn is_array(text: &str) -> bool {
    text.trim_start_matches(JSON_SPACE).starts_with('[')
}

const JSON_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Hands each line's object to `take`; empty lines are skipped, and count in line numbers.
pub(super) fn read_lines<'a, const N: usize>(
    text: &'a str,
    names: &'static [&'static str; N],
    mut take: impl FnMut(Place, &Fields<'a, N>) -> Result<(), FeedError>,
) -> Result<(), FeedError> {
    for (index, line) in text.split('\n').enumerate() {
        if line.trim_matches(JSON_SPACE).is_empty() {
            continue;
        }
        let place = Place::Line(index + 1);
        let fields = Fields::parse(line, names).map_err(|error| place.unreadable(&error))?;
        take(place, &fields)?;
    }
    Ok(())
}

/// Hands each object of an array to `take`.
pub(super) fn read_array<'a, const N: usize>(
    text: &'a str,
    names: &'static [&'static str; N],
    take: impl FnMut(Place, &Fields<'a, N>) -> Result<(), FeedError>,
) -> Result<(), FeedError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut reading = Reading {
        names,
        take,
        index: 0,
        refusal: None,
    };
    let end = reading.deserialize(&mut deserializer);
    if let Some(refusal) = reading.refusal {
        return Err(refusal);
    }
    end.map_err(|error| Place::Index(reading.index).unreadable(&error))?;
    deserializer
        .end()
        .map_err(|error| malformed(format!("body: not JSON: {error}")))
}

/// How far the array has been read. It outlives a failed read, since an error of `serde_json` can
/// carry no refusal and does not know the index.
struct Reading<const N: usize, F> {
    names: &'static [&'static str; N],
    take: F,
    index: usize,
    refusal: Option<FeedError>,
}

impl<'de, const N: usize, F> DeserializeSeed<'de> for &mut Reading<N, F>
where
    F: FnMut(Place, &Fields<'de, N>) -> Result<(), FeedError>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, const N: usize, F> Visitor<'de> for &mut Reading<N, F>
where
    F: FnMut(Place, &Fields<'de, N>) -> Result<(), FeedError>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(fields) = seq.next_element_seed(FieldsSeed(self.names))? {
            if let Err(refusal) = (self.take)(Place::Index(self.index), &fields) {
                self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
            self.index += 1;
        }
        Ok(())
    }
}

/// A text of 1 to `max_chars` characters.
pub(super) fn read_text(text: &str, max_chars: usize) -> Result<Cow<'_, str>, Problem> {
    let content = values::string(text, max_chars)?;
    if content.is_empty() {
        return Err(Problem::Empty);
    }
    Ok(content)
}

/// A task id of 1 to [`MAX_TASK_ID_CHARS`](super::MAX_TASK_ID_CHARS) characters.
pub(super) fn read_task_id(text: &str) -> Result<Cow<'_, str>, Problem> {
    read_text(text, super::MAX_TASK_ID_CHARS).and_then(refuse_unaskable)
}

/// An action id, text or integer, as text of 1 to
/// [`MAX_ACTION_ID_CHARS`](super::MAX_ACTION_ID_CHARS) characters.
pub(super) fn read_action_id(text: &str) -> Result<Cow<'_, str>, Problem> {
    read_text_or_integer(text, super::MAX_ACTION_ID_CHARS).and_then(refuse_unaskable)
}

/// Refuses an id that could never be asked for: in a path or query a comma parts two ids, blanks
/// around them are ignored, and control characters are nothing that clients send.
fn refuse_unaskable(id: Cow<'_, str>) -> Result<Cow<'_, str>, Problem> {
    let is_odd = |character: char| character == ',' || character.is_control();
    if id.contains(is_odd) || id.trim().len() != id.len() {
        return Err(Problem::Refused(
            "holds a comma or a control character, or begins or ends with a blank",
        ));
    }
    Ok(id)
}

/// A text of 1 to `max_chars` characters; an integer is its decimal text.
pub(super) fn read_text_or_integer(text: &str, max_chars: usize) -> Result<Cow<'_, str>, Problem> {
    if text.starts_with('"') {
        return read_text(text, max_chars);
    }
    match values::integer(text) {
        Ok(_) => Ok(Cow::Borrowed(text)),
        Err(Problem::Expected(_)) => Err(Problem::Expected("a string or an integer")),
        Err(problem) => Err(problem),
    }
}

/// An integer, or a text that is the decimal of one.
pub(super) fn read_integer_or_text(text: &str) -> Result<i64, Problem> {
    if text.starts_with('"') {
        let digits = values::string(text, 20)?;
        return match digits.strip_prefix('-').unwrap_or(&digits).as_bytes() {
            [b'0'..=b'9', ..] => values::integer(&digits),
            _ => Err(Problem::Expected("an integer")),
        };
    }
    values::integer(text)
}

/// A time in milliseconds since 1970: the past is open, the future up to 10 minutes.
pub(super) fn check_time(time_ms: i64, now_ms: i64) -> Result<i64, Problem> {
    if time_ms < 0 {
        Err(Problem::OutOfRange)
    } else if time_ms.saturating_sub(now_ms) > MAX_AHEAD_MS {
        Err(Problem::Refused("more than 10 minutes ahead"))
    } else {
        Ok(time_ms)
    }
}

/// A text of a fixed set.
pub(super) fn read_name<T>(
    text: &str,
    find: impl FnOnce(&str) -> Option<T>,
    expected: &'static str,
) -> Result<T, Problem> {
    let name = values::string(text, 64).map_err(|_| Problem::Expected(expected))?;
    find(&name).ok_or(Problem::Expected(expected))
}
