//! The report itself: what a content holds once it is decrypted.

mod digest;
mod entries;
mod info;
mod user;
mod write;

use std::borrow::Cow;

pub use digest::content_digest;
pub use info::{Info, InfoKind};
pub use user::User;

use super::code::Code;
use super::refusal::Refusal;
use crate::fields::{FieldError, Fields};
use crate::values::{Problem, scalar_text};
use entries::{Entries, filled, object, time_ms};

/// Most infos of a report (`seed dialogue-report`).
pub const MAX_INFOS: usize = 50;

/// Most users of a report. Our limit.
pub const MAX_USERS: usize = 1000;

/// Most images of an evidence. Our limit.
pub const MAX_IMAGES: usize = 100;

/// Most characters of an id, a key, a category or a tag. Our limit.
const MAX_ID_CHARS: usize = 256;

/// Most characters of a name, an address or a reason. Our limit.
const MAX_TEXT_CHARS: usize = 8192;

const NAMES: [&str; 9] = [
    "uniqid",
    "report_id",
    "category",
    "redirect",
    "timestamp",
    "report_evidence",
    "users",
    "infos",
    "report_info",
];
const INFO_NAMES: [&str; 2] = ["users", "infos"];
const EVIDENCE_NAMES: [&str; 2] = ["reason", "images"];

/// A report, valid and normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// The app's own id, which goes back with the verdict.
    pub uniqid: Option<Cow<'a, str>>,
    /// The dialogue.
    pub report_id: Cow<'a, str>,
    /// The key of the scene.
    pub category: Cow<'a, str>,
    /// Where the verdict goes, as it was sent; absent, the app has a default.
    pub redirect: Option<Cow<'a, str>>,
    /// When it was sent, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// `report_evidence`; empty if it is absent.
    pub evidence: Evidence<'a>,
    /// In the order in which they came; one at least, of different keys.
    pub users: Vec<User<'a>>,
    /// 1 to [`MAX_INFOS`].
    pub infos: Vec<Info<'a>>,
}

/// What the reporter says and shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence<'a> {
    /// `reason`
    pub reason: Option<Cow<'a, str>>,
    /// `images`: addresses of screenshots.
    pub images: Vec<Cow<'a, str>>,
}

impl<'a> Report<'a> {
    /// Reads the text of a decrypted content.
    ///
    /// # Errors
    /// 400 with the name of the first field that is missing or malformed; 413 for more than
    /// [`MAX_INFOS`].
    pub fn read(json: &'a str) -> Result<Self, Refusal> {
        let fields = Fields::parse(json, &NAMES)
            .map_err(|_| Refusal::bad_field("content: not readable as an object"))?;
        let named = |error: FieldError| Refusal::bad_field(error);
        fields.refuse_repeated().map_err(named)?;
        let id = |text| filled(text, MAX_ID_CHARS);
        let optional = |slot, max| {
            let value = fields.optional(slot, |text| scalar_text(text, max));
            // PHP writes "" for what it does not have.
            value.map(|value| value.filter(|value| !value.is_empty()))
        };
        let (users, infos) = read_conversation(&fields)?;
        Ok(Self {
            uniqid: optional(0, MAX_ID_CHARS).map_err(named)?,
            report_id: fields.required(1, id).map_err(named)?,
            category: fields.required(2, id).map_err(named)?,
            redirect: optional(3, MAX_TEXT_CHARS).map_err(named)?,
            timestamp_ms: fields.required(4, time_ms).map_err(named)?,
            evidence: fields
                .raw(5)
                .map_or(Ok(Evidence::default()), read_evidence)?,
            users,
            infos,
        })
    }

    /// Refuses a report that was sent more than `window_ms` before or after now.
    ///
    /// # Errors
    /// 408
    pub fn check_window(&self, now_ms: i64, window_ms: u64) -> Result<(), Refusal> {
        if self.timestamp_ms.abs_diff(now_ms) > window_ms {
            return Err(Code::OutsideWindow.into());
        }
        Ok(())
    }
}

/// `users` and `infos`: those at the top level (the source's table), or else those of `report_info`
/// (its example).
fn read_conversation<'a>(
    fields: &Fields<'a, { NAMES.len() }>,
) -> Result<(Vec<User<'a>>, Vec<Info<'a>>), Refusal> {
    let inner = fields.optional(8, |text| object(text, &INFO_NAMES));
    let inner = inner.map_err(Refusal::bad_field)?;
    if let Some(inner) = &inner {
        let repeated = inner.refuse_repeated();
        repeated.map_err(|error| Refusal::bad_field(format!("report_info.{error}")))?;
    }
    let find = |slot: usize, places: [&'static str; 2]| {
        let of_inner = || inner.as_ref().and_then(|inner| inner.raw(slot));
        let outer = fields.raw(6 + slot).map(|text| (text, places[0]));
        outer
            .or_else(|| of_inner().map(|text| (text, places[1])))
            .ok_or_else(|| Refusal::bad_field(format!("{}: {}", places[0], Problem::Missing)))
    };
    let (text, place) = find(0, ["users", "report_info.users"])?;
    let users = user::read(text, place)?;
    let (text, place) = find(1, ["infos", "report_info.infos"])?;
    let infos = info::read(text, place, &users)?;
    Ok((users, infos))
}

fn read_evidence(text: &str) -> Result<Evidence<'_>, Refusal> {
    let fields = object(text, &EVIDENCE_NAMES)
        .map_err(|problem| Refusal::bad_field(format!("report_evidence: {problem}")))?;
    let named = |error: FieldError| Refusal::bad_field(format!("report_evidence.{error}"));
    fields.refuse_repeated().map_err(named)?;
    let reason = fields.optional(0, |text| scalar_text(text, MAX_TEXT_CHARS));
    let images = fields.optional(1, |text| {
        let entries = Entries::read(text, MAX_IMAGES)?;
        if entries.has_more {
            return Err(Problem::Refused("more than 100 images"));
        }
        let image =
            |(_, raw): (String, &'_ serde_json::value::RawValue)| -> Result<String, Problem> {
                Ok(scalar_text(raw.get(), MAX_TEXT_CHARS)?.into_owned())
            };
        entries
            .list
            .into_iter()
            .map(image)
            .collect::<Result<Vec<_>, _>>()
    });
    let images = images.map_err(named)?.unwrap_or_default();
    Ok(Evidence {
        reason: reason.map_err(named)?,
        images: images.into_iter().map(Cow::Owned).collect(),
    })
}
