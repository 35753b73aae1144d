//! Percent codes of paths, queries, forms and cookies.

use std::borrow::Cow;

/// Decodes percent codes, of upper- and lower-case digits; in a query a `+` is a blank. `None` if a
/// code is cut off or the result is not UTF-8.
pub(crate) fn decode(text: &str, is_query: bool) -> Option<Cow<'_, str>> {
    decode_bytes(text.as_bytes(), is_query)
}

/// As [`decode`], of bytes that may be no UTF-8 as they stand.
pub(crate) fn decode_bytes(text: &[u8], is_query: bool) -> Option<Cow<'_, str>> {
    let is_plain = |byte: &u8| *byte != b'%' && (*byte != b'+' || !is_query);
    if text.iter().all(is_plain) {
        return str::from_utf8(text).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(*bytes.next()?)? << 4 | digit(*bytes.next()?)?,
            b'+' if is_query => b' ',
            byte => *byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Encodes a text for a segment of a path or a value of a query: all but letters, digits, `-`, `.`,
/// `_` and `~` of ASCII. No code can save the segments `.` and `..`, which URLs leave out.
///
/// ```
/// # use reportd_protocol::push::percent_encode;
/// assert_eq!(percent_encode("a b/油"), "a%20b%2F%E6%B2%B9");
/// ```
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                encoded.push('%');
                encoded.extend(
                    [byte >> 4, byte & 15].map(|half| char::from(DIGITS[usize::from(half)])),
                );
            }
        }
    }
    encoded
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
