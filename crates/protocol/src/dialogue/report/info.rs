//! The messages of a reported conversation: `infos`.

use std::borrow::Cow;

use super::entries::{Entries, filled, object, time_ms};
use super::user::User;
use super::{MAX_ID_CHARS, MAX_INFOS};
use crate::dialogue::code::Code;
use crate::dialogue::refusal::Refusal;
use crate::dialogue::request::MAX_BODY_BYTES;
use crate::fields::FieldError;
use crate::values::{Problem, scalar_text};

const NAMES: [&str; 5] = ["id", "type", "content", "time", "tag"];
const MAX_TYPE_CHARS: usize = 16;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InfoKind {
    /// `text`
    Text,
    /// `image`
    Image,
    /// `audio`
    Audio,
    /// `video`
    Video,
}

impl InfoKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Image, Self::Audio, Self::Video];

    /// Its `type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// The one of that `type`, to the letter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info<'a> {
    /// Who wrote it, as it was sent: the key of a user, or that without `id_`.
    pub id: Cow<'a, str>,
    /// The place of that user in the report's `users`.
    pub user: usize,
    /// What it is.
    pub kind: InfoKind,
    /// The text, which may be rich, or the address of the medium; as it was sent.
    pub content: Cow<'a, str>,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// `tag` as it was sent; see [`is_deleted`](Self::is_deleted).
    pub tag: Option<Cow<'a, str>>,
}

impl Info<'_> {
    /// Whether it is a video tagged `del`. Other tags, and those of other messages, say nothing.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.kind == InfoKind::Video && self.tag.as_deref() == Some("del")
    }
}

/// Reads `infos`; `place` is its path in messages.
pub(super) fn read<'a>(
    text: &'a str,
    place: &str,
    users: &[User<'a>],
) -> Result<Vec<Info<'a>>, Refusal> {
    let refuse = |problem: Problem| Refusal::bad_field(format!("{place}: {problem}"));
    let entries = Entries::read(text, MAX_INFOS).map_err(refuse)?;
    if entries.has_more {
        return Err(Code::TooLarge.into());
    }
    if entries.list.is_empty() {
        return Err(refuse(Problem::Empty));
    }
    let mut infos = Vec::with_capacity(entries.list.len());
    for (index, (_, raw)) in entries.list.iter().enumerate() {
        let fields = object(raw.get(), &NAMES)
            .map_err(|problem| Refusal::bad_field(format!("{place}[{index}]: {problem}")))?;
        let named = |error: FieldError| Refusal::bad_field(format!("{place}[{index}].{error}"));
        fields.refuse_repeated().map_err(named)?;
        let id = |text| {
            let id = filled(text, MAX_ID_CHARS)?;
            let user = find_user(users, &id).ok_or(Problem::Refused("names no user"))?;
            Ok((id, user))
        };
        let (id, user) = fields.required(0, id).map_err(named)?;
        infos.push(Info {
            id,
            user,
            kind: fields.required(1, read_kind).map_err(named)?,
            content: fields
                .required(2, |text| filled(text, MAX_BODY_BYTES))
                .map_err(named)?,
            time_ms: fields.required(3, time_ms).map_err(named)?,
            tag: fields
                .optional(4, |text| scalar_text(text, MAX_ID_CHARS))
                .map_err(named)?,
        });
    }
    Ok(infos)
}

fn read_kind(text: &str) -> Result<InfoKind, Problem> {
    let name = scalar_text(text, MAX_TYPE_CHARS).ok();
    name.and_then(|name| InfoKind::from_name(&name))
        .ok_or(Problem::Expected("text, image, audio or video"))
}

/// A key as it stands wins over one with `id_` before it.
fn find_user(users: &[User<'_>], id: &str) -> Option<usize> {
    let has_key = |user: &User<'_>| user.key == id;
    let has_prefixed_key = |user: &User<'_>| user.key.strip_prefix("id_") == Some(id);
    let place = users.iter().position(has_key);
    place.or_else(|| users.iter().position(has_prefixed_key))
}
