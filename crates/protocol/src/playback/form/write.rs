//! Writes urlencoded forms and queries.

use std::fmt::Display;

use form_urlencoded::Serializer;

use super::Name;

/// A form that is being written.
pub(in crate::playback) struct FormWriter(Serializer<'static, String>);

impl FormWriter {
    pub(in crate::playback) fn new() -> Self {
        Self(Serializer::new(String::with_capacity(256)))
    }

    pub(in crate::playback) fn text(&mut self, name: Name, value: &str) {
        self.0.append_pair(name.text(), value);
    }

    pub(in crate::playback) fn optional_text(&mut self, name: Name, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(in crate::playback) fn number(&mut self, name: Name, number: impl Display) {
        self.text(name, &number.to_string());
    }

    pub(in crate::playback) fn optional(&mut self, name: Name, number: Option<impl Display>) {
        if let Some(number) = number {
            self.number(name, number);
        }
    }

    pub(in crate::playback) fn finish(mut self) -> String {
        self.0.finish()
    }
}
