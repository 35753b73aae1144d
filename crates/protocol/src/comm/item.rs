//! One reported happening: an element of `data_list`.

use std::borrow::Cow;

use super::DATA_LIST;
use super::field::{Field, Scope};
use super::refusal::Refusal;
use super::{MAX_TEXT_CHARS, MAX_TO_UID_CHARS};
use crate::fields::{FieldError, Fields};
use crate::values::{self, Problem};

/// The names of an item's fields: `oper_id`, then those of [`Field::ALL`].
pub(super) const NAMES: [&str; 1 + Field::COUNT] = {
    let mut names = ["oper_id"; 1 + Field::COUNT];
    let mut index = 0;
    while index < Field::COUNT {
        names[slot(Field::ALL[index])] = Field::ALL[index].name();
        index += 1;
    }
    names
};

const OPER_ID: usize = 0;

const fn slot(field: Field) -> usize {
    1 + field.index()
}

/// An item as it was sent, checked and normalised. Texts are borrowed from the request where it had
/// no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// Which operation is reported; opaque.
    pub oper_id: i64,
    /// The group (群组ID).
    pub gid: Option<i64>,
    /// The channel, or the other side of a private chat (频道ID).
    pub target_id: Option<Cow<'a, str>>,
    /// Who the message was for: the raw JSON text of an integer, string, array or object, as sent.
    /// An array or object may have white space in it, line breaks too. In scope `private`, where it
    /// was missing, the raw text of `target_id` (`seed comm-report`).
    pub to_uid: Option<Cow<'a, str>>,
    /// Where the message went.
    pub scope: Scope,
    /// `ext1` … `ext10`; a number or bool is its text, as sent.
    pub ext: [Option<Cow<'a, str>>; Field::EXT_COUNT],
}

impl<'a> Item<'a> {
    /// Reads the item at `index` of the list.
    ///
    /// # Errors
    /// 40002 with the path of the first field that is wrong.
    pub(super) fn read(
        fields: &Fields<'a, { NAMES.len() }>,
        index: usize,
    ) -> Result<Self, Refusal> {
        Self::extract(fields)
            .map_err(|error| Refusal::bad_field(format_args!("{DATA_LIST}[{index}].{error}")))
    }

    fn extract(fields: &Fields<'a, { NAMES.len() }>) -> Result<Self, FieldError> {
        fields.refuse_repeated()?;
        let oper_id = fields.required(OPER_ID, values::integer)?;
        let gid = fields.optional(slot(Field::Gid), values::integer)?;
        let target_id = fields.optional(slot(Field::TargetId), |text| {
            values::string(text, MAX_TEXT_CHARS)
        })?;
        let scope = fields
            .optional(slot(Field::Scope), Scope::read)?
            .unwrap_or_default();
        let to_uid = match fields.optional(slot(Field::ToUid), read_to_uid)? {
            None if scope == Scope::Private => fields.raw(slot(Field::TargetId)),
            to_uid => to_uid,
        };
        let mut ext = [const { None }; Field::EXT_COUNT];
        for (number, value) in ext.iter_mut().enumerate() {
            *value = fields.optional(slot(Field::Ext1) + number, |text| {
                values::scalar_text(text, MAX_TEXT_CHARS)
            })?;
        }
        Ok(Self {
            oper_id,
            gid,
            target_id,
            to_uid: to_uid.map(Cow::Borrowed),
            scope,
            ext,
        })
    }

    /// The value of a field as text, as reports show it and operations compare it: `gid` in
    /// decimal, `scope` by name (absent is `channel`), a string `to_uid` without its quotes and any
    /// other as its raw JSON.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        match field {
            Field::Gid => self.gid.map(|gid| Cow::Owned(gid.to_string())),
            Field::TargetId => self.target_id.as_deref().map(Cow::Borrowed),
            Field::ToUid => self.to_uid.as_deref().map(to_uid_text),
            Field::Scope => Some(Cow::Borrowed(self.scope.name())),
            _ => self.ext_text(field).map(Cow::Borrowed),
        }
    }

    /// Whether a field has a value; an empty string is none.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        match field {
            Field::Gid => self.gid.is_some(),
            Field::TargetId => self
                .target_id
                .as_deref()
                .is_some_and(|text| !text.is_empty()),
            Field::ToUid => self.to_uid.as_deref().is_some_and(|raw| raw != "\"\""),
            Field::Scope => true,
            _ => self.ext_text(field).is_some_and(|text| !text.is_empty()),
        }
    }

    fn ext_text(&self, field: Field) -> Option<&str> {
        self.ext.get(field.ext_index()?)?.as_deref()
    }
}

fn to_uid_text(raw: &str) -> Cow<'_, str> {
    values::string(raw, usize::MAX).unwrap_or(Cow::Borrowed(raw))
}

/// Checks a `to_uid` and keeps it as it was sent. The bound on its length also bounds its nesting.
/// What is not a plain scalar is read once in full, so that no later reader can fail on it.
fn read_to_uid(text: &str) -> Result<&str, Problem> {
    const EXPECTED: Problem = Problem::Expected("an integer, a string, an array or an object");
    values::limit_chars(text, MAX_TO_UID_CHARS)?;
    match text.as_bytes().first() {
        Some(b'"') => values::string(text, MAX_TEXT_CHARS).map(|_| text),
        Some(b'[' | b'{') => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => Ok(text),
            Err(_) => Err(Problem::Unreadable),
        },
        Some(b'-' | b'0'..=b'9') => match values::integer(text) {
            Err(Problem::Expected(_)) => Err(EXPECTED),
            checked => checked.map(|_| text),
        },
        _ => Err(EXPECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Item<'_>, Refusal> {
        Item::read(&Fields::parse(text, &NAMES).unwrap(), 0)
    }

    #[test]
    fn keeps_to_uid_as_sent() {
        for raw in [
            "7",
            "\"u-7\"",
            r#""\u0041""#,
            r#"{"uid" : "7"}"#,
            "[1, 2.50]",
            "-1",
        ] {
            let text = format!(r#"{{"oper_id":1,"to_uid":{raw}}}"#);
            assert_eq!(read(&text).unwrap().to_uid.as_deref(), Some(raw));
        }
    }

    #[test]
    fn private_to_uid_defaults_to_target_id() {
        let to_uid = |text: &'static str| read(text).unwrap().to_uid;
        assert_eq!(
            to_uid(r#"{"oper_id":1,"scope":"private","target_id":"t"}"#).unwrap(),
            "\"t\""
        );
        assert_eq!(
            to_uid(r#"{"oper_id":1,"scope":"private","target_id":"t","to_uid":null}"#).unwrap(),
            "\"t\""
        );
        assert_eq!(
            to_uid(r#"{"oper_id":1,"scope":"private","target_id":"t","to_uid":5}"#).unwrap(),
            "5"
        );
        assert_eq!(to_uid(r#"{"oper_id":1,"scope":"private"}"#), None);
        assert_eq!(to_uid(r#"{"oper_id":1,"target_id":"t"}"#), None);
    }

    #[test]
    fn text_shows_every_field() {
        let item = read(
            r#"{"oper_id":1,"gid":-5,"target_id":"t","to_uid":"\u0041","scope":"private",
                "ext1":true,"ext10":1.50}"#,
        )
        .unwrap();
        let shown: Vec<_> = Field::ALL
            .into_iter()
            .filter_map(|field| item.text(field))
            .collect();
        assert_eq!(shown, ["-5", "t", "A", "private", "true", "1.50"]);
        let bare = read(r#"{"oper_id":1}"#).unwrap();
        assert_eq!(bare.text(Field::Scope).unwrap(), "channel");
        assert_eq!(bare.text(Field::Gid), None);
    }

    #[test]
    fn an_empty_string_is_no_value() {
        let item =
            read(r#"{"oper_id":1,"gid":0,"target_id":"","to_uid":"","ext1":"","ext2":0}"#).unwrap();
        let present: Vec<_> = Field::ALL
            .into_iter()
            .filter(|field| item.has(*field))
            .collect();
        assert_eq!(present, [Field::Gid, Field::Scope, Field::Ext2]);
    }
}
