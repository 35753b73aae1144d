//! Turns the raw JSON text of one field into a type, or says what is wrong with it.
//!
//! The text comes from `fields`, so it is one value of valid JSON syntax without white space around
//! it, and its first byte tells its type. No message repeats what was sent: a refusal may be
//! logged, and a field may hold anything.

use std::borrow::Cow;

use thiserror::Error;

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Problem {
    #[error("missing")]
    Missing,
    #[error("given twice")]
    Repeated,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("out of range")]
    OutOfRange,
    #[error("empty")]
    Empty,
    #[error("longer than {0} characters")]
    TooLong(usize),
    #[error("holds the character U+0000")]
    Nul,
    #[error("{0}")]
    Refused(&'static str),
    #[error("not readable: an invalid escape, a number out of range, or nested too deeply")]
    Unreadable,
}

/// An integer in JSON syntax (no fraction, no exponent) within 64 bits.
pub(crate) fn integer(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Problem::OutOfRange
        } else {
            Problem::Expected("an integer")
        }
    })
}

/// A string of at most `max_chars` characters, borrowed unless it has escapes.
///
/// U+0000 is refused: PostgreSQL keeps no text that holds it.
pub(crate) fn string(text: &str, max_chars: usize) -> Result<Cow<'_, str>, Problem> {
    let content = unquote(text).ok_or(Problem::Expected("a string"))?;
    let content = if content.as_bytes().contains(&b'\\') {
        let content: String = serde_json::from_str(text).map_err(|_| Problem::Unreadable)?;
        if content.contains('\0') {
            return Err(Problem::Nul);
        }
        Cow::Owned(content)
    } else {
        Cow::Borrowed(content)
    };
    limit_chars(&content, max_chars)?;
    Ok(content)
}

/// A string, or a number or bool kept as its text, of at most `max_chars` characters.
pub(crate) fn scalar_text(text: &str, max_chars: usize) -> Result<Cow<'_, str>, Problem> {
    match text.as_bytes().first() {
        Some(b'"') => string(text, max_chars),
        Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
            limit_chars(text, max_chars)?;
            Ok(Cow::Borrowed(text))
        }
        _ => Err(Problem::Expected("a string, a number or a bool")),
    }
}

/// Refuses a text of more than `max_chars` characters. A short text, in bytes, is not counted.
pub(crate) fn limit_chars(text: &str, max_chars: usize) -> Result<(), Problem> {
    if text.len() > max_chars && text.chars().count() > max_chars {
        return Err(Problem::TooLong(max_chars));
    }
    Ok(())
}

/// What stands between the quotes, escapes and all; `None` if it is not a string.
fn unquote(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_of_64_bits_only() {
        assert_eq!(integer("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(integer("9223372036854775808"), Err(Problem::OutOfRange));
        for text in ["1.0", "1e3", "\"1\"", "true", "[1]", "{}"] {
            assert_eq!(
                integer(text),
                Err(Problem::Expected("an integer")),
                "{text}"
            );
        }
    }

    #[test]
    fn borrows_a_string_without_escapes_and_unescapes_the_others() {
        assert!(matches!(string("\"油管\"", 2), Ok(Cow::Borrowed("油管"))));
        assert_eq!(string(r#""a\/\u6cb9\ud83d\ude00""#, 4).unwrap(), "a/油😀");
        assert_eq!(string(r#""\ud800""#, 9), Err(Problem::Unreadable));
        assert_eq!(string("12", 9), Err(Problem::Expected("a string")));
    }

    #[test]
    fn counts_characters_not_bytes() {
        assert!(string("\"四个字符\"", 4).is_ok());
        assert_eq!(string("\"五个字符了\"", 4), Err(Problem::TooLong(4)));
        assert_eq!(scalar_text("12345", 4), Err(Problem::TooLong(4)));
    }

    #[test]
    fn keeps_numbers_and_bools_as_they_were_sent() {
        for text in ["-1.50", "1E+3", "true", "false", "0"] {
            assert_eq!(scalar_text(text, 10).unwrap(), text);
        }
        assert!(scalar_text("[]", 10).is_err());
        assert!(scalar_text("{}", 10).is_err());
    }
}
