//! The fields of a request: from its body, urlencoded or multipart, and from its query.
//!
//! One rule says which value counts: the first that is not empty, of the body before the query
//! (`spec playback-report`, Tolerance). So the body wins, an empty value never overrides, and of a
//! field that came twice the first counts.

mod name;
mod urlencoded;
mod write;

use std::borrow::Cow;

use super::refusal::Refusal;
use crate::multipart::{self, split_once};
use crate::values::Problem;

pub(super) use name::Name;
pub(super) use write::FormWriter;

/// Most bytes of a body; real reports have a few hundred. Our limit.
pub const MAX_BODY_BYTES: usize = 65_536;

/// Most bytes of a query. Our limit.
pub const MAX_QUERY_BYTES: usize = 16_384;

/// Most fields of a body or a query, known or not. Our limit.
pub const MAX_FIELDS: usize = 128;

/// A request whose fields are to be read.
#[derive(Clone, Copy, Default)]
pub struct Sent<'a> {
    /// What stands behind the `?` of the path, as it was sent.
    pub query: Option<&'a str>,
    /// The header `Content-Type`.
    pub content_type: Option<&'a [u8]>,
    /// The body; empty if there is none.
    pub body: &'a [u8],
}

/// The fields of a request that the protocol knows. Among them are secrets: it cannot be printed.
pub struct Form<'a> {
    slots: [Option<Cow<'a, str>>; Name::COUNT],
    has_foreign_body: bool,
}

enum BodyKind<'a> {
    Urlencoded,
    Multipart(Cow<'a, [u8]>),
    /// Of a type that is no form: its fields cannot be read. Some clients send such a body beside
    /// a query that has it all.
    Foreign,
}

impl<'a> Form<'a> {
    /// Reads body and query. A body without a `Content-Type`, or of `text/plain` (which browsers give
    /// to beacons), is urlencoded; one that is no form is ignored.
    ///
    /// # Errors
    /// -400 if it is too long, has too many fields, is no such multipart as its type says, or a
    /// known field has a cut-off percent code or is not UTF-8.
    pub fn read(sent: &Sent<'a>) -> Result<Self, Refusal> {
        let query = sent.query.unwrap_or_default();
        if sent.body.len() > MAX_BODY_BYTES {
            return Err(Refusal::malformed("body: longer than 64 KiB"));
        }
        if query.len() > MAX_QUERY_BYTES {
            return Err(Refusal::malformed("query: longer than 16 KiB"));
        }
        let mut form = Self {
            slots: [const { None }; Name::COUNT],
            has_foreign_body: false,
        };
        if !sent.body.is_empty() {
            match body_kind(sent.content_type)? {
                BodyKind::Urlencoded => urlencoded::read(sent.body, &mut form)?,
                BodyKind::Multipart(boundary) => read_multipart(sent.body, &boundary, &mut form)?,
                BodyKind::Foreign => form.has_foreign_body = true,
            }
        }
        urlencoded::read(query.as_bytes(), &mut form)?;
        Ok(form)
    }

    /// The `access_key`, a secret: never to be logged.
    #[must_use]
    pub fn access_key(&self) -> Option<&str> {
        self.get(Name::AccessKey)
    }

    /// The csrf token: `csrf`, or else `csrf_token`.
    #[must_use]
    pub fn csrf(&self) -> Option<&str> {
        self.get(Name::Csrf).or_else(|| self.get(Name::CsrfToken))
    }

    /// The value of a field, not empty.
    pub(super) fn get(&self, name: Name) -> Option<&str> {
        self.slots[name as usize].as_deref()
    }

    /// Reads a field by `read`, if it is there.
    pub(super) fn optional<'f, T>(
        &'f self,
        name: Name,
        read: impl FnOnce(&'f str) -> Result<T, Problem>,
    ) -> Result<Option<T>, Refusal> {
        let value = self.get(name).map(read).transpose();
        value.map_err(|problem| Refusal::field(name, problem))
    }

    /// -400 for a field that must be there and is not.
    pub(super) fn missing(&self, name: Name) -> Refusal {
        if self.has_foreign_body {
            let why = "missing; the body is of a type that is no form, so only the query was read";
            return Refusal::field(name, Problem::Refused(why));
        }
        Refusal::field(name, Problem::Missing)
    }

    /// Keeps a value unless the field has one.
    fn put(&mut self, name: Name, value: Cow<'a, str>) {
        let slot = &mut self.slots[name as usize];
        if slot.is_none() && !value.is_empty() {
            *slot = Some(value);
        }
    }
}

impl std::fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

fn body_kind(content_type: Option<&[u8]>) -> Result<BodyKind<'_>, Refusal> {
    let Some(content_type) = content_type else {
        return Ok(BodyKind::Urlencoded);
    };
    let (kind, parameters) = split_once(content_type, b';').unwrap_or((content_type, b""));
    let kind = kind.trim_ascii();
    let is = |known: &[u8]| kind.eq_ignore_ascii_case(known);
    if is(b"application/x-www-form-urlencoded") || is(b"text/plain") || kind.is_empty() {
        Ok(BodyKind::Urlencoded)
    } else if is(b"multipart/form-data") {
        let boundary = multipart::boundary(parameters).map_err(Refusal::malformed)?;
        Ok(BodyKind::Multipart(boundary))
    } else {
        Ok(BodyKind::Foreign)
    }
}

fn read_multipart<'a>(body: &'a [u8], boundary: &[u8], form: &mut Form<'a>) -> Result<(), Refusal> {
    for part in multipart::parts(body, boundary).map_err(Refusal::malformed)? {
        if let Some(name) = str::from_utf8(&part.name).ok().and_then(Name::find) {
            let value = str::from_utf8(part.value);
            let value = value.map_err(|_| urlencoded::unreadable(name))?;
            form.put(name, Cow::Borrowed(value));
        }
    }
    Ok(())
}
