//! The three fields of a request: from a form, urlencoded or multipart, or from JSON.

use std::borrow::Cow;

use super::{MAX_APP_ID_CHARS, MAX_BODY_BYTES};
use crate::dialogue::refusal::Refusal;
use crate::fields::Fields;
use crate::multipart::{self, split_once};
use crate::percent;
use crate::values::{Problem, scalar_text};

pub(super) const NAMES: [&str; 3] = ["appid", "sign", "content"];
const SIGN_CHARS: usize = 128;

/// The values by the order of `NAMES`; of a form's field that came twice the first that is not empty
/// counts.
pub(super) type Values<'a> = [Option<Cow<'a, str>>; 3];

/// Reads a body. A multipart says so in its type; between JSON and an urlencoded form the first
/// byte decides, since many clients post one under the name of the other.
pub(super) fn read<'a>(content_type: Option<&[u8]>, body: &'a [u8]) -> Result<Values<'a>, Refusal> {
    let content_type = content_type.unwrap_or_default();
    let (kind, parameters) = split_once(content_type, b';').unwrap_or((content_type, b""));
    if kind
        .trim_ascii()
        .eq_ignore_ascii_case(b"multipart/form-data")
    {
        return read_multipart(body, parameters);
    }
    if body.trim_ascii_start().first() == Some(&b'{') {
        return read_json(body);
    }
    let mut values = Values::default();
    for pair in body.split(|byte| *byte == b'&') {
        let (name, value) = split_once(pair, b'=').unwrap_or((pair, b""));
        put(&mut values, name, || percent::decode_bytes(value, true))?;
    }
    Ok(values)
}

fn read_multipart<'a>(body: &'a [u8], parameters: &[u8]) -> Result<Values<'a>, Refusal> {
    let boundary = multipart::boundary(parameters).map_err(Refusal::bad_field)?;
    let mut values = Values::default();
    for part in multipart::parts(body, &boundary).map_err(Refusal::bad_field)? {
        let value = || str::from_utf8(part.value).ok().map(Cow::Borrowed);
        put(&mut values, &part.name, value)?;
    }
    Ok(values)
}

fn put<'a>(
    values: &mut Values<'a>,
    name: &[u8],
    value: impl FnOnce() -> Option<Cow<'a, str>>,
) -> Result<(), Refusal> {
    let slot = NAMES.iter().position(|known| known.as_bytes() == name);
    if let Some(slot) = slot.filter(|slot| values[*slot].is_none()) {
        let name = NAMES[slot];
        let unreadable = || format!("{name}: a cut-off percent code, or not UTF-8");
        let value = value().ok_or_else(unreadable).map_err(Refusal::bad_field)?;
        values[slot] = Some(value).filter(|value| !value.is_empty());
    }
    Ok(())
}

fn read_json(body: &[u8]) -> Result<Values<'_>, Refusal> {
    let malformed = || Refusal::bad_field("body: not a JSON object");
    let text = str::from_utf8(body).map_err(|_| malformed())?;
    let fields = Fields::parse(text, &NAMES).map_err(|_| malformed())?;
    fields.refuse_repeated().map_err(Refusal::bad_field)?;
    let mut values = Values::default();
    for (slot, max_chars) in [MAX_APP_ID_CHARS, SIGN_CHARS, MAX_BODY_BYTES]
        .into_iter()
        .enumerate()
    {
        let read = |text| scalar_text(text, max_chars);
        let value = fields.optional(slot, read).map_err(Refusal::bad_field)?;
        values[slot] = value.filter(|value| !value.is_empty());
    }
    Ok(values)
}

/// The value of a field that must be there.
pub(super) fn required<'a>(values: &mut Values<'a>, slot: usize) -> Result<Cow<'a, str>, Refusal> {
    let name = NAMES[slot];
    let missing = || Refusal::bad_field(format!("{name}: {}", Problem::Missing));
    values[slot].take().ok_or_else(missing)
}
