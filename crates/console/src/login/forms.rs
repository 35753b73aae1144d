//! The forms that are kept where a session ends before they are sent. These alone, and of them these fields alone: what
//! is kept comes back on a page, so a form that may hold a secret is not named here.

use crate::comm;
use crate::settings::{self, Field, Input};
use crate::texts::{Locale, fill};

use super::texts::LoginTexts;

/// A form that is kept.
struct Form {
    /// Its address; `{}` stands for one segment.
    path: &'static str,
    /// What it is; `{1}` is the first of those segments.
    title: fn(&LoginTexts) -> &'static str,
    /// Names of fields, where `*` ends one that is only begun, and what each is called; those without are sent unseen.
    fields: &'static [(&'static str, Option<FieldText>)],
}

type FieldText = fn(&LoginTexts) -> &'static str;

/// The form of a verdict, which is shown on its ticket.
const VERDICT: &str = "/console/tickets/{}/verdict";
/// The form of a verdict of several tickets, whose labels are those of an app.
const BULK: &str = "/console/tickets/bulk";
/// The form of an operation.
const OPERATION: &str = "/console/apps/{}/comm/operations";
/// Forms of settings, which know their fields themselves.
const SETTINGS: &str = "/console/settings/apps/{}/set/{}";

const FORMS: &[Form] = &[
    Form {
        path: VERDICT,
        title: |t| t.of_verdict,
        fields: &[
            ("dialogue", None),
            ("user:*", None),
            ("note", None),
            ("seen", None),
            ("app", None),
            ("category", None),
            ("sort", None),
            ("reports_after", None),
        ],
    },
    Form {
        path: "/console/tickets/{}/reopen",
        title: |t| t.of_reopen,
        fields: &[
            ("reason", Some(|t| t.reason)),
            ("app", None),
            ("category", None),
            ("sort", None),
        ],
    },
    Form {
        path: BULK,
        title: |t| t.of_bulk,
        fields: &[
            ("ticket", Some(|t| t.ticket)),
            ("dialogue", Some(|t| t.verdict)),
            ("note", Some(|t| t.note)),
            ("app", None),
            ("back", None),
        ],
    },
    Form {
        path: OPERATION,
        title: |t| t.of_operation,
        fields: &[
            ("oper_id", Some(|t| t.number)),
            ("name", Some(|t| t.what)),
            ("kind", Some(|t| t.kind)),
            ("is_new", None),
            ("rule_*", Some(|t| t.of_rule)),
            ("value_*", Some(|t| t.value)),
            ("by_*", Some(|t| t.count_by)),
        ],
    },
    Form {
        path: "/console/apps/{}/playback/videos/{}/catalogue",
        title: |t| t.of_entry,
        fields: &[
            ("cid", Some(|_| "cid")),
            ("title", Some(|t| t.title)),
            ("duration", Some(|t| t.duration)),
            ("cover", Some(|t| t.cover)),
            ("author_name", Some(|t| t.author)),
            ("author_mid", Some(|t| t.author_number)),
            ("page", Some(|t| t.part)),
            ("part_title", Some(|t| t.part_title)),
            ("back", None),
        ],
    },
    Form {
        path: SETTINGS,
        title: |t| t.of_settings,
        fields: &[],
    },
];

/// A form that is kept, found by its address.
pub(super) struct Found {
    form: &'static Form,
    /// The segments that differ.
    segments: Vec<String>,
}

impl Found {
    /// The form of an address; none where it is not kept.
    pub(super) fn at(address: &str) -> Option<Self> {
        let path = address.split('?').next().unwrap_or_default();
        let found = |form: &'static Form| {
            let segments = segments(form.path, path)?;
            Some(Self { form, segments })
        };
        let found = FORMS.iter().find_map(found)?;
        (found.form.path != SETTINGS || found.settings(Locale::En).is_some()).then_some(found)
    }

    /// The ticket of a verdict.
    pub(super) fn ticket(&self) -> Option<&str> {
        (self.form.path == VERDICT).then(|| self.segments[0].as_str())
    }

    /// True of a field that is kept.
    pub(super) fn has(&self, field: &str) -> bool {
        let is_named = |name: &str| behind(name, field).is_some();
        self.form.fields.iter().any(|(name, _)| is_named(name))
            || self.field_of_settings(Locale::En, field).is_some()
    }

    /// What the form is, and of what.
    pub(super) fn title(&self, locale: Locale) -> String {
        let title = (self.form.title)(LoginTexts::of(locale));
        let settings = self.settings(locale).map(|(title, _)| title);
        let second = settings.or(self.segments.get(1).map(String::as_str));
        let values = [
            ("1", self.segments.first().map_or("", String::as_str)),
            ("2", second.unwrap_or_default()),
        ];
        fill(title, &values)
    }

    /// What a field is called; none where people have no use for it.
    pub(super) fn label(&self, locale: Locale, field: &str) -> Option<String> {
        let named = self.form.fields.iter().find_map(|(name, text)| {
            let rest = behind(name, field)?;
            Some((text.as_ref()?, rest))
        });
        let Some((text, rest)) = named else {
            let known = self.field_of_settings(locale, field)?;
            return Some(known.label);
        };
        let text = text(LoginTexts::of(locale));
        Some(if rest.is_empty() {
            text.to_owned()
        } else {
            format!("{rest}: {text}")
        })
    }

    /// True of a field that holds the label of a verdict, as an app calls it.
    pub(super) fn is_label(&self, field: &str) -> bool {
        self.form.path == BULK && field == "dialogue"
    }

    /// What the form showed for a value of a field: the text of a choice, else the value.
    pub(super) fn text(&self, locale: Locale, field: &str, value: &str) -> String {
        let yes = LoginTexts::of(locale).yes;
        let own = match self.form.path {
            OPERATION if field.starts_with("by_") => Some(yes.to_owned()),
            OPERATION => comm::text_of_choice(locale, field, value).map(str::to_owned),
            SETTINGS => self.field_of_settings(locale, field).and_then(|known| {
                match known.input == Input::Check {
                    true => Some(yes.to_owned()),
                    false => known.text_of(value).map(str::to_owned),
                }
            }),
            _ => None,
        };
        own.unwrap_or_else(|| value.to_owned())
    }

    /// Title and fields of a form of settings.
    fn settings(&self, locale: Locale) -> Option<(&'static str, Vec<Field>)> {
        (self.form.path == SETTINGS)
            .then(|| settings::form_of_app(locale, &self.segments[1]))
            .flatten()
    }

    fn field_of_settings(&self, locale: Locale, field: &str) -> Option<Field> {
        let (_, fields) = self.settings(locale)?;
        fields.into_iter().find(|known| known.name == field)
    }
}

/// What stands behind a name that is only begun; nothing behind one that is whole.
fn behind<'a>(name: &str, field: &'a str) -> Option<&'a str> {
    match name.strip_suffix('*') {
        Some(front) => field.strip_prefix(front),
        None => (name == field).then_some(""),
    }
}

/// The segments of a path that stand where a pattern has `{}`, decoded; none where it does not fit.
fn segments(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut segments = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(segments),
            (Some("{}"), Some(segment)) if !segment.is_empty() => {
                segments.push(percent_decoded(segment));
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

/// A segment as people read it.
fn percent_decoded(segment: &str) -> String {
    // In a path these stand for themselves.
    let pair = segment
        .replace('+', "%2B")
        .replace('=', "%3D")
        .replace('&', "%26");
    let decoded = form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map_or_else(String::new, |(name, _)| name.into_owned())
}
