//! Reads urlencoded bodies, and queries.

use super::{Form, MAX_FIELDS, Name};
use crate::multipart::split_once;
use crate::percent;
use crate::playback::refusal::Refusal;
use crate::values::Problem;

/// Puts the fields of `text` into the form.
pub(super) fn read<'a>(text: &'a [u8], form: &mut Form<'a>) -> Result<(), Refusal> {
    let pairs = text.split(|byte| *byte == b'&');
    let mut count = 0;
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        count += 1;
        if count > MAX_FIELDS {
            return Err(Refusal::malformed("more than 128 fields"));
        }
        let (name, value) = split_once(pair, b'=').unwrap_or((pair, b""));
        let Some(name) = find(name) else {
            continue;
        };
        let value = percent::decode_bytes(value, true).ok_or_else(|| unreadable(name))?;
        form.put(name, value);
    }
    Ok(())
}

/// A name with percent codes is decoded first. What cannot be decoded is no name of ours.
fn find(name: &[u8]) -> Option<Name> {
    Name::find(&percent::decode_bytes(name, true)?)
}

pub(super) fn unreadable(name: Name) -> Refusal {
    Refusal::field(
        name,
        Problem::Refused("a cut-off percent code, or not UTF-8"),
    )
}
