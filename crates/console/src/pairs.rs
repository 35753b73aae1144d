//! The fields of a form as they came, where the form is not one that a type describes.

use std::ops::Deref;

use serde::Deserialize;

/// Fields in their order; a name may stand several times.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl Deref for Pairs {
    type Target = [(String, String)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Pairs {
    /// The value of a field; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The values of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.iter().filter(move |(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// The fields whose names begin so, without that.
    pub(crate) fn behind<'a>(&'a self, front: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let behind =
            move |(name, value): &'a (String, String)| Some((name.strip_prefix(front)?, &**value));
        self.iter().filter_map(behind)
    }
}
