//! Reads `data_list`: an array of items, or one item by itself, which a known client sends (`spec
//! comm-report`).
//!
//! The array is read in one pass straight into items. Past the last item that is allowed the rest
//! is only counted, so that a list of a hundred thousand costs no more than its scan.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::DATA_LIST;
use super::item::{Item, NAMES};
use super::refusal::Refusal;
use super::{MAX_ITEMS, Ret};
use crate::fields::{Fields, FieldsSeed};
use crate::values::Problem;

/// What a `data_list` holds.
#[derive(Default)]
pub(super) struct List<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) unknown_fields: u32,
}

/// Reads the raw JSON text of a `data_list`.
///
/// # Errors
/// 40002 with the path of what is wrong, 40003 if there are no items or too many.
pub(super) fn read(text: &str) -> Result<List<'_>, Refusal> {
    match text.as_bytes().first() {
        Some(b'{') => read_single(text),
        Some(b'[') => read_array(text),
        _ => Err(Refusal::bad_field(format_args!(
            "{DATA_LIST}: {}",
            Problem::Expected("a list of objects")
        ))),
    }
}

fn read_single(text: &str) -> Result<List<'_>, Refusal> {
    let fields = Fields::parse(text, &NAMES).map_err(|error| unreadable(0, &error))?;
    let mut list = List::default();
    list.take(&fields)?;
    Ok(list)
}

fn read_array(text: &str) -> Result<List<'_>, Refusal> {
    let mut reading = Reading::default();
    let end = reading.deserialize(&mut serde_json::Deserializer::from_str(text));
    if let Some(refusal) = reading.refusal {
        return Err(refusal);
    }
    end.map_err(|error| unreadable(reading.seen, &error))?;
    match reading.seen {
        1..=MAX_ITEMS => Ok(reading.list),
        seen => Err(Refusal::new(
            Ret::BadListLength,
            format!("{DATA_LIST}: {seen} items, expected 1 to {MAX_ITEMS}"),
        )),
    }
}

impl<'a> List<'a> {
    fn take(&mut self, fields: &Fields<'a, { NAMES.len() }>) -> Result<(), Refusal> {
        let item = Item::read(fields, self.items.len())?;
        self.items.push(item);
        self.unknown_fields = self.unknown_fields.saturating_add(fields.unknown());
        Ok(())
    }
}

/// How far the array has been read. It outlives a failed read, since an error of `serde_json`
/// cannot carry a refusal and does not know the index.
#[derive(Default)]
struct Reading<'a> {
    list: List<'a>,
    seen: usize,
    refusal: Option<Refusal>,
}

impl<'de> DeserializeSeed<'de> for &mut Reading<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while self.seen < MAX_ITEMS && self.refusal.is_none() {
            let Some(fields) = seq.next_element_seed(FieldsSeed(&NAMES))? else {
                return Ok(());
            };
            self.refusal = self.list.take(&fields).err();
            self.seen += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            self.seen += 1;
        }
        Ok(())
    }
}

/// The syntax was checked with the envelope, so an item can fail only by its type, or by what
/// `serde_json` checks when it reads a value and not when it skips one.
fn unreadable(index: usize, error: &serde_json::Error) -> Refusal {
    let problem = if error.is_data() {
        Problem::Expected("an object")
    } else {
        Problem::Unreadable
    };
    Refusal::bad_field(format_args!("{DATA_LIST}[{index}]: {problem}"))
}
