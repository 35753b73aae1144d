//! Writes JSON objects of integers, texts, bools and objects, and of nothing else: a null or a
//! float, on which typed clients break (`spec push-report`), cannot be written by it.

use serde::Serialize;

/// Counters are shown up to this value, 2³¹ − 1: clients keep them in 32 bits (`spec push-report`).
pub const MAX_COUNT: i64 = i32::MAX as i64;

/// An object that is being written. Each method adds a member; keys must differ.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

/// Appends the object that `fill` fills.
pub(super) fn write_object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    let mut object = Object {
        out,
        is_empty: true,
    };
    fill(&mut object);
    object.out.push(b'}');
}

/// A counter as it is shown.
pub(super) fn cap(count: i64) -> i64 {
    count.clamp(0, MAX_COUNT)
}

impl Object<'_> {
    /// A counter, shown within 0 and [`MAX_COUNT`].
    pub(super) fn count(&mut self, key: &str, count: i64) {
        self.integer(key, cap(count));
    }

    /// A counter as text.
    pub(super) fn count_text(&mut self, key: &str, count: i64) {
        self.text(key, &cap(count).to_string());
    }

    pub(super) fn integer(&mut self, key: &str, value: i64) {
        self.member(key, &value);
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.member(key, value);
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.member(key, &value);
    }

    /// A text, if there is one.
    pub(super) fn optional_text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// JSON that is ready.
    pub(super) fn json(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        write_object(self.out, fill);
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.key(key);
        write_value(self.out, value);
    }

    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        if key.bytes().all(is_plain) {
            self.out.push(b'"');
            self.out.extend_from_slice(key.as_bytes());
            self.out.push(b'"');
        } else {
            write_value(self.out, key);
        }
        self.out.push(b':');
    }
}

/// Whether JSON writes it as it is: nearly all keys are of such, and there are thousands in a report.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Appends a text, an integer or a bool.
pub(super) fn write_value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("texts, integers and bools can always be written");
}
