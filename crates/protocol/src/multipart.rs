//! Reads multipart bodies, `multipart/form-data` of RFC 7578.
//!
//! A crate for it would bring streams and temporary files. Here all is in memory and short, and a part
//! that is a file is passed over. Lines may end with LF alone. What a part says of its own type and
//! encoding is ignored: nothing that is sent here has any but plain text.

use std::borrow::Cow;

/// Most parts of a body, known or not. Our limit.
const MAX_PARTS: usize = 128;

const MAX_BOUNDARY_BYTES: usize = 70;

/// A part that is no file.
pub(crate) struct Part<'a> {
    pub(crate) name: Cow<'a, [u8]>,
    pub(crate) value: &'a [u8],
}

/// The boundary in the parameters of a `Content-Type`, of 1 to 70 bytes.
pub(crate) fn boundary(parameters: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    parameter(parameters, b"boundary")
        .filter(|boundary| (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()))
        .ok_or("Content-Type: no boundary of 1 to 70 bytes")
}

/// The parts of `body`, or what is wrong with it.
pub(crate) fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Vec<Part<'a>>, &'static str> {
    // What stands before the first delimiter is no part.
    let (_, mut rest) = next_delimiter(body, boundary).ok_or(NO_DELIMITER)?;
    let mut parts = Vec::new();
    let mut count = 0;
    while !rest.starts_with(b"--") {
        count += 1;
        if count > MAX_PARTS {
            return Err("more than 128 fields");
        }
        // The delimiter's own line may end with blanks.
        let (_, part) = split_once(rest, b'\n').ok_or(CUT_OFF)?;
        let (part, after) = next_delimiter(part, boundary).ok_or(CUT_OFF)?;
        parts.extend(read_part(part)?);
        rest = after;
    }
    Ok(parts)
}

const NO_DELIMITER: &str = "body: the boundary of Content-Type is not there";
const CUT_OFF: &str = "body: cut off within a part";
const NO_NAME: &str = "body: a part without a name";

/// What stands before and behind the next `--boundary` that begins a line; the line break before it
/// is part of it.
fn next_delimiter<'a>(text: &'a [u8], boundary: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut start = 0;
    loop {
        let line = &text[start..];
        let after = line
            .strip_prefix(b"--")
            .and_then(|line| line.strip_prefix(boundary))
            .filter(|after| ends_a_delimiter(after));
        if let Some(after) = after {
            let before = &text[..start];
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            return Some((before, after));
        }
        start += line.iter().position(|byte| *byte == b'\n')? + 1;
    }
}

/// Whether what follows is no longer boundary, of which this one is but the beginning.
fn ends_a_delimiter(after: &[u8]) -> bool {
    matches!(after, [] | [b'\r' | b'\n' | b' ' | b'\t', ..]) || after.starts_with(b"--")
}

/// `None` of a file.
fn read_part(part: &[u8]) -> Result<Option<Part<'_>>, &'static str> {
    let mut rest = part;
    let mut name = None;
    let mut is_file = false;
    loop {
        let (line, after) = split_once(rest, b'\n').ok_or(CUT_OFF)?;
        rest = after;
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        let (header, value) = split_once(line, b':').ok_or(NO_NAME)?;
        if header.eq_ignore_ascii_case(b"content-disposition") {
            let (_, parameters) = split_once(value, b';').ok_or(NO_NAME)?;
            name = parameter(parameters, b"name");
            is_file = parameter(parameters, b"filename").is_some()
                || parameter(parameters, b"filename*").is_some();
        }
    }
    let name = name.ok_or(NO_NAME)?;
    Ok((!is_file).then_some(Part { name, value: rest }))
}

/// The value of a parameter in `; name="…"; other=…`, without quotes and the backslashes within.
fn parameter<'a>(mut text: &'a [u8], sought: &[u8]) -> Option<Cow<'a, [u8]>> {
    loop {
        text = text.trim_ascii_start();
        text = text.strip_prefix(b";").unwrap_or(text).trim_ascii_start();
        let (name, value) = split_once(text, b'=')?;
        let (value, rest) = value_and_rest(value.trim_ascii_start());
        if name.trim_ascii().eq_ignore_ascii_case(sought) {
            return Some(value);
        }
        text = rest;
    }
}

fn value_and_rest(text: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';');
        let (value, rest) = text.split_at(end.unwrap_or(text.len()));
        return (Cow::Borrowed(value.trim_ascii_end()), rest);
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match byte {
            b'"' => return (Cow::Owned(value), &quoted[place + 1..]),
            b'\\' => value.extend(bytes.next().map(|(_, byte)| byte)),
            byte => value.push(*byte),
        }
    }
    (Cow::Owned(value), b"")
}

/// What stands before and behind the first of these bytes.
pub(crate) fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}
