//! Forms over JSON: fields that are filled from what the API told, sent by a browser without script, and read back into
//! the body of a call. What the API refuses comes back with the form as it was sent, beside the field it is about.

use askama::Template;
use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::said::Said;
use crate::texts::Locale;

/// What stands between the parts of a line.
const BETWEEN: char = '|';

/// What a field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A text.
    Text,
    /// A text that is left out where it is empty.
    Optional,
    /// A secret that is brought along; left out where it is empty.
    Secret,
    /// A whole number; left out where it is empty.
    Number,
    /// Yes or no.
    Check,
    /// One of some values: value and text of each.
    Choice(Vec<(String, String)>),
    /// One of some values, of which the empty one is left out.
    OptionalChoice(Vec<(String, String)>),
    /// A value that is not shown.
    Hidden,
    /// Some of some values.
    Checks(Vec<(String, String)>),
    /// Texts, one a line.
    Lines,
    /// Objects, one a line, with these members between bars.
    Rows(&'static [&'static str]),
}

/// A field of a form.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Where its value stands in the body: members with `/` between.
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) hint: String,
    pub(crate) input: Input,
    /// Its value, or all values of [`Input::Checks`].
    pub(crate) values: Vec<String>,
    /// Nothing else is taken without it.
    pub(crate) is_required: bool,
    /// What is wrong with it.
    pub(crate) error: Option<Said>,
}

impl Field {
    pub(crate) fn new(name: &'static str, label: &str, input: Input) -> Self {
        Self {
            name,
            label: label.to_owned(),
            hint: String::new(),
            input,
            values: Vec::new(),
            is_required: false,
            error: None,
        }
    }

    /// With a quieter line.
    #[must_use]
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }

    /// With a value to begin with.
    #[must_use]
    pub(crate) fn value(mut self, value: &str) -> Self {
        self.values = vec![value.to_owned()];
        self
    }

    /// It must not be empty.
    #[must_use]
    pub(crate) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Its value as one text.
    pub(crate) fn text(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }

    /// What the form shows for a value that is one of its choices.
    pub(crate) fn text_of(&self, value: &str) -> Option<&str> {
        let (Input::Choice(choices) | Input::OptionalChoice(choices) | Input::Checks(choices)) =
            &self.input
        else {
            return None;
        };
        let found = choices.iter().find(|(known, _)| known == value);
        found.map(|(_, text)| text.as_str())
    }

    fn has(&self, value: &str) -> bool {
        self.values.iter().any(|known| known == value)
    }

    fn is_on(&self) -> bool {
        self.text() == "true"
    }

    /// Its id on the page; forms of a page may have fields of one name.
    fn id(&self, form: &str) -> String {
        format!("{form}-{}", self.name.replace('/', "-"))
    }

    /// What else its element says; made of names of ours alone.
    fn attributes(&self, id: &str) -> String {
        let required = if self.is_required { " required" } else { "" };
        let described = match (&self.error, self.hint.is_empty()) {
            (Some(_), _) => format!(" aria-invalid=\"true\" aria-describedby=\"{id}-error\""),
            (None, false) => format!(" aria-describedby=\"{id}-hint\""),
            (None, true) => String::new(),
        };
        format!("{required}{described}")
    }

    /// Takes its value from where it stands in a reply.
    fn fill(&mut self, from: &Value) {
        let found = self
            .name
            .split('/')
            .try_fold(from, |value, member| value.get(member));
        let Some(found) = found else { return };
        let parts = |value: &Value, members: &[&str]| {
            let part = |member: &&str| shown(&value[*member]);
            let parts: Vec<String> = members.iter().map(part).collect();
            parts.join(&format!(" {BETWEEN} "))
        };
        self.values = match (&self.input, found) {
            (Input::Lines, Value::Array(items)) => {
                vec![items.iter().map(shown).collect::<Vec<_>>().join("\n")]
            }
            (Input::Rows(members), Value::Array(items)) => {
                let rows: Vec<_> = items.iter().map(|item| parts(item, members)).collect();
                vec![rows.join("\n")]
            }
            (Input::Checks(_), Value::Array(items)) => items.iter().map(shown).collect(),
            (_, Value::Null) => Vec::new(),
            (_, value) => vec![shown(value)],
        };
    }

    /// Takes its value from what a browser sent.
    fn take(&mut self, pairs: &[(String, String)]) {
        let sent = pairs.iter().filter(|(name, _)| name == self.name);
        let sent = sent.map(|(_, value)| value.trim().replace("\r\n", "\n"));
        self.values = match self.input {
            Input::Check => vec![(sent.count() > 0).to_string()],
            _ => sent.collect(),
        };
    }

    /// Its value in a body; none where it is left out.
    fn json(&self) -> Result<Option<Value>, Fault> {
        let text = self.text();
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(match &self.input {
            Input::Text | Input::Choice(_) | Input::Hidden => Some(text.into()),
            Input::Optional | Input::Secret | Input::OptionalChoice(_) => {
                (!text.is_empty()).then(|| text.into())
            }
            Input::Number if text.is_empty() => None,
            Input::Number => {
                let number: i64 = text
                    .parse()
                    .map_err(|_| Fault::invalid(self.name, |t| t.whole_number))?;
                Some(number.into())
            }
            Input::Check => Some(self.is_on().into()),
            Input::Checks(_) => Some(self.values.clone().into()),
            Input::Lines => Some(lines().collect::<Vec<_>>().into()),
            Input::Rows(members) => {
                let row = |line: &str| row(line, members);
                let rows: Option<Vec<Value>> = lines().map(row).collect();
                let unread = || {
                    let members = members.join(" | ");
                    let values = [("members", &*members)];
                    Fault::text(StatusCode::BAD_REQUEST, |t| t.lines_of, &values).at(self.name)
                };
                Some(Value::Array(rows.ok_or_else(unread)?))
            }
        })
    }

    /// True where a refusal that names `field` is about this one: `playback_hosts[0]`, `finish.within_s`.
    fn is_named(&self, field: &str) -> bool {
        let name = self.name.replace('/', ".");
        field
            .strip_prefix(&name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn row(line: &str, members: &[&str]) -> Option<Value> {
    let parts: Vec<&str> = line.split(BETWEEN).map(str::trim).collect();
    if parts.len() != members.len() {
        return None;
    }
    let members = members.iter().zip(parts);
    Some(Value::Object(
        members
            .map(|(name, part)| ((*name).to_owned(), part.into()))
            .collect(),
    ))
}

/// A form. Put it on a page by `{{ form|safe }}`.
#[derive(Template, Debug, Clone)]
#[template(path = "settings_form.html")]
pub(crate) struct Form {
    /// Its id on the page.
    pub(crate) id: &'static str,
    pub(crate) action: String,
    pub(crate) csrf: String,
    pub(crate) fields: Vec<Field>,
    /// What its button says.
    pub(crate) button: String,
    /// Something is lost by it.
    pub(crate) is_danger: bool,
    /// What is asked before it is sent.
    pub(crate) question: Option<String>,
    /// What is wrong with none of its fields, and what of the call it is about.
    pub(crate) error: Option<(Option<String>, Said)>,
    /// What stood there when the page was made: tells whether somebody has changed it since.
    pub(crate) was: Option<String>,
}

impl Form {
    pub(crate) fn new(id: &'static str, action: String, csrf: &str, button: &str) -> Self {
        Self {
            id,
            action,
            csrf: csrf.to_owned(),
            fields: Vec::new(),
            button: button.to_owned(),
            is_danger: false,
            question: None,
            error: None,
            was: None,
        }
    }

    /// With these fields.
    #[must_use]
    pub(crate) fn fields(mut self, fields: Vec<Field>) -> Self {
        self.fields = fields;
        self
    }

    /// Something is lost by it, so it is asked first.
    #[must_use]
    pub(crate) fn danger(mut self, question: String) -> Self {
        self.is_danger = true;
        self.question = Some(question);
        self
    }

    /// With the values of a reply of the API.
    #[must_use]
    pub(crate) fn filled(mut self, from: &Value) -> Self {
        for field in &mut self.fields {
            field.fill(from);
        }
        self
    }

    /// Knows what stands there now.
    #[must_use]
    pub(crate) fn dated(mut self) -> Self {
        self.was = self.body().ok().map(|body| body.to_string());
        self
    }

    /// With what a browser sent.
    #[must_use]
    pub(crate) fn sent(mut self, pairs: &[(String, String)]) -> Self {
        for field in &mut self.fields {
            field.take(pairs);
        }
        self
    }

    /// The body of the call.
    ///
    /// # Errors
    /// 400 that names a field which does not read.
    pub(crate) fn body(&self) -> Result<Value, Fault> {
        let mut body = Map::new();
        for field in &self.fields {
            let mut place = &mut body;
            let mut members = field.name.split('/').peekable();
            while let Some(member) = members.next() {
                if members.peek().is_none() {
                    if let Some(value) = field.json()? {
                        place.insert(member.to_owned(), value);
                    }
                    break;
                }
                // Where all that stands below is empty, that is told too.
                let below = place
                    .entry(member)
                    .or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(below) = below else { break };
                place = below;
            }
        }
        Ok(Value::Object(body))
    }

    /// With what was refused, beside the field that it is about. Secrets that were sent are not shown again.
    #[must_use]
    pub(crate) fn refused(mut self, fault: &Fault, locale: Locale) -> Self {
        let said = fault.told(locale);
        for field in &mut self.fields {
            if field.input == Input::Secret {
                field.values.clear();
            }
        }
        let named = fault
            .field
            .as_deref()
            .and_then(|name| self.fields.iter_mut().find(|field| field.is_named(name)));
        match named {
            Some(field) => field.error = Some(said),
            None => self.error = Some((fault.field.clone(), said)),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        let choices = || {
            vec![
                ("a".to_owned(), "A".to_owned()),
                ("b".to_owned(), "B".to_owned()),
            ]
        };
        Form::new("f", "/do".to_owned(), "token", "Save").fields(vec![
            Field::new("name", "Name", Input::Text),
            Field::new("note", "Note", Input::Optional),
            Field::new("finish/within_s", "Seconds", Input::Number),
            Field::new("quotas/vv/general", "General", Input::Number),
            Field::new("settings/comm.max_age", "Age", Input::Text),
            Field::new("is_on", "On", Input::Check),
            Field::new("one", "One", Input::Choice(choices())),
            Field::new("some", "Some", Input::Checks(choices())),
            Field::new("hosts", "Hosts", Input::Lines),
            Field::new("labels", "Labels", Input::Rows(&["key", "zh"])),
            Field::new("secret", "Secret", Input::Secret),
        ])
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_was_told_is_what_is_sent_where_nobody_changes_it() {
        let told = json!({
            "name": "<b>", "finish": {"within_s": 5}, "quotas": {"vv": {"general": 7}},
            "settings": {"comm.max_age": "24h"}, "is_on": true, "one": "b", "some": ["a", "b"],
            "hosts": ["x", "y:1"], "labels": [{"key": "ad", "zh": "广告"}],
        });
        let filled = form().filled(&told);
        assert_eq!(filled.body().unwrap(), told);
        let page = filled.render().unwrap();
        assert!(
            page.contains("&#60;b&#62;") && !page.contains("<b>"),
            "{page}"
        );
        assert!(page.contains("value=\"token\""));
    }

    #[test]
    fn what_is_sent_is_read_by_its_kind() {
        let sent = pairs(&[
            ("name", " n "),
            ("finish/within_s", ""),
            ("quotas/vv/general", ""),
            ("settings/comm.max_age", "1h"),
            ("one", "a"),
            ("some", "a"),
            ("some", "b"),
            ("hosts", "x\r\n\r\n y "),
            ("labels", "ad | 广告\r\nok|正常"),
            ("unknown", "?"),
        ]);
        let body = form().sent(&sent).body().unwrap();
        let expected = json!({
            "name": "n", "finish": {}, "quotas": {"vv": {}}, "settings": {"comm.max_age": "1h"}, "is_on": false,
            "one": "a", "some": ["a", "b"], "hosts": ["x", "y"],
            "labels": [{"key": "ad", "zh": "广告"}, {"key": "ok", "zh": "正常"}],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn what_does_not_read_is_named() {
        for (name, value) in [("finish/within_s", "five"), ("labels", "ad")] {
            let fault = form().sent(&pairs(&[(name, value)])).body().unwrap_err();
            assert_eq!(fault.field.as_deref(), Some(name));
        }
    }

    #[test]
    fn a_refusal_stands_beside_its_field_and_shows_no_secret() {
        let sent = pairs(&[("secret", "s3cr3t"), ("hosts", "bad host")]);
        for (field, place) in [
            ("hosts[0]", Some("hosts")),
            ("finish.within_s", Some("finish/within_s")),
            ("settings.comm.max_age", Some("settings/comm.max_age")),
            ("elsewhere", None),
        ] {
            let told = ("expected <better>".to_owned(), Some(field.to_owned()));
            let fault = Fault::api(StatusCode::BAD_REQUEST, told.0, told.1);
            let refused = form().sent(&sent).refused(&fault, Locale::En);
            let named = refused.fields.iter().find(|field| field.error.is_some());
            assert_eq!(named.map(|field| field.name), place, "{field}");
            let page = refused.render().unwrap();
            assert!(page.contains("bad host") && page.contains("&#60;better&#62;"));
            assert!(!page.contains("s3cr3t"), "{page}");
        }
    }
}
