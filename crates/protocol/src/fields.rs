//! Reads a JSON object into slots, one for each field that a protocol knows.
//!
//! Deriving `Deserialize` would be shorter, but could not say what the protocols must say: which
//! field is wrong (by its path, without repeating what the client sent), which was given twice, and
//! how many nobody knows. So an object is read in two steps: this module finds the raw text of each
//! field, `values` turns that text into a type.
//!
//! Values that are skipped or kept raw are scanned by `serde_json` in a loop, not by recursion:
//! nesting costs no stack.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::values::Problem;

/// The fields of one JSON object, as raw text in the order of the known names.
#[derive(Debug)]
pub(crate) struct Fields<'a, const N: usize> {
    names: &'static [&'static str; N],
    slots: [Option<&'a RawValue>; N],
    unknown: u32,
    repeated: Option<&'static str>,
}

/// What is wrong with a named field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{name}: {problem}")]
pub(crate) struct FieldError {
    pub(crate) name: &'static str,
    pub(crate) problem: Problem,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Reads `text`, which must be one JSON object and nothing else.
    ///
    /// # Errors
    /// Of category `Data` if it is JSON but not an object, of another category if it is not JSON.
    pub(crate) fn parse(
        text: &'a str,
        names: &'static [&'static str; N],
    ) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = FieldsSeed(names).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(fields)
    }

    /// The raw JSON text in `slot`; `None` if the field is absent or `null`.
    pub(crate) fn raw(&self, slot: usize) -> Option<&'a str> {
        self.slots[slot]
            .map(RawValue::get)
            .filter(|text| *text != "null")
    }

    /// Reads `slot` by `read`, if the field is there.
    pub(crate) fn optional<T>(
        &self,
        slot: usize,
        read: impl FnOnce(&'a str) -> Result<T, Problem>,
    ) -> Result<Option<T>, FieldError> {
        let value = self.raw(slot).map(read).transpose();
        value.map_err(|problem| self.error(slot, problem))
    }

    /// Reads `slot` by `read`; an absent field is an error.
    pub(crate) fn required<T>(
        &self,
        slot: usize,
        read: impl FnOnce(&'a str) -> Result<T, Problem>,
    ) -> Result<T, FieldError> {
        let text = self
            .raw(slot)
            .ok_or_else(|| self.error(slot, Problem::Missing))?;
        read(text).map_err(|problem| self.error(slot, problem))
    }

    /// Refuses an object in which a known name came twice: which of the two is meant cannot be
    /// known.
    pub(crate) fn refuse_repeated(&self) -> Result<(), FieldError> {
        match self.repeated {
            None => Ok(()),
            Some(name) => Err(FieldError {
                name,
                problem: Problem::Repeated,
            }),
        }
    }

    /// How many fields had a name that is not known.
    pub(crate) fn unknown(&self) -> u32 {
        self.unknown
    }

    fn error(&self, slot: usize, problem: Problem) -> FieldError {
        FieldError {
            name: self.names[slot],
            problem,
        }
    }
}

/// Reads an object with these known names from any deserializer that borrows from its input.
pub(crate) struct FieldsSeed<const N: usize>(pub(crate) &'static [&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for FieldsSeed<N> {
    type Value = Fields<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for FieldsSeed<N> {
    type Value = Fields<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let names = self.0;
        let mut fields = Fields {
            names,
            slots: [None; N],
            unknown: 0,
            repeated: None,
        };
        let mut expected = 0;
        while let Some(found) = map.next_key_seed(NameSeed { names, expected })? {
            let Some(slot) = found else {
                map.next_value::<IgnoredAny>()?;
                fields.unknown = fields.unknown.saturating_add(1);
                continue;
            };
            let value = map.next_value::<&RawValue>()?;
            if fields.slots[slot].replace(value).is_some() {
                fields.repeated.get_or_insert(names[slot]);
            }
            expected = slot + 1;
        }
        Ok(fields)
    }
}

/// Finds a name's slot. A client sends its fields in the same order each time, mostly ours, so the
/// search starts after the name found last and as a rule ends there.
struct NameSeed<const N: usize> {
    names: &'static [&'static str; N],
    expected: usize,
}

impl<'de, const N: usize> DeserializeSeed<'de> for NameSeed<N> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<const N: usize> Visitor<'_> for NameSeed<N> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let (before, after) = self.names.split_at(self.expected);
        let position = |names: &[&str]| names.iter().position(|known| *known == name);
        Ok(position(after)
            .map(|slot| slot + self.expected)
            .or_else(|| position(before)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::integer;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    #[test]
    fn finds_known_names_in_any_order_and_counts_the_others() {
        let fields = Fields::parse(r#" {"c":3, "x":{"a":9}, "\u0061":1, "x":0} "#, &NAMES).unwrap();
        assert_eq!(
            (fields.raw(0), fields.raw(1), fields.raw(2)),
            (Some("1"), None, Some("3"))
        );
        assert_eq!(fields.unknown(), 2);
        assert_eq!(fields.refuse_repeated(), Ok(()));
    }

    #[test]
    fn names_the_first_known_field_given_twice() {
        let fields = Fields::parse(r#"{"b":1,"a":1,"b":null,"a":1}"#, &NAMES).unwrap();
        let error = fields.refuse_repeated().unwrap_err();
        assert_eq!(error.to_string(), "b: given twice");
    }

    #[test]
    fn null_is_absent() {
        let fields = Fields::parse(r#"{"a":null}"#, &NAMES).unwrap();
        assert_eq!(fields.optional(0, integer), Ok(None));
        assert_eq!(
            fields.required(0, integer).unwrap_err().to_string(),
            "a: missing"
        );
    }

    #[test]
    fn parts_wrong_type_from_wrong_syntax() {
        for not_an_object in ["[]", "1", "\"a\"", "null", "true"] {
            assert!(
                Fields::parse(not_an_object, &NAMES).unwrap_err().is_data(),
                "{not_an_object}"
            );
        }
        for not_json in [
            "",
            "{",
            "{}{}",
            "{\"a\":01}",
            "{\"a\":1,}",
            "{'a':1}",
            "\u{feff}{}",
        ] {
            assert!(
                !Fields::parse(not_json, &NAMES).unwrap_err().is_data(),
                "{not_json}"
            );
        }
    }
}
