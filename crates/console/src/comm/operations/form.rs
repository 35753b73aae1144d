//! The form of an operation.

use askama::Template;
use serde_json::{Value, json};

use super::super::texts::CommTexts;
use super::super::{FIELDS, Operation, address, field_name, frame};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::pairs::Pairs;
use crate::texts::{Locale, fill};
use crate::visit::Visit;

/// What a report must have of a field, by its name in the form.
const RULES: [&str; 4] = ["", "present", "integer", "equals"];

/// A form as it is filled in.
pub(super) struct Filled {
    pub(super) oper_id: String,
    pub(super) is_new: bool,
    name: String,
    kind: String,
    fields: Vec<FilledField>,
}

#[derive(Default)]
struct FilledField {
    field: &'static str,
    rule: String,
    value: String,
    is_dimension: bool,
}

impl Filled {
    pub(super) fn new(oper_id: String) -> Self {
        let field = |field| FilledField {
            field,
            ..FilledField::default()
        };
        Self {
            oper_id,
            is_new: true,
            name: String::new(),
            kind: "event".to_owned(),
            fields: FIELDS.into_iter().map(field).collect(),
        }
    }

    /// With what is registered.
    pub(super) fn of(operation: &Operation) -> Self {
        let mut filled = Self::new(operation.oper_id.to_string());
        filled.is_new = false;
        filled.name.clone_from(&operation.name);
        filled.kind.clone_from(&operation.kind);
        for field in &mut filled.fields {
            field.is_dimension = operation
                .dimensions
                .iter()
                .any(|known| known == field.field);
            let required = operation
                .required
                .iter()
                .find(|required| required.field == field.field);
            let Some(required) = required else { continue };
            let rule = match &required.equals {
                Some(_) => "equals",
                None if required.non_negative_integer => "integer",
                None => "present",
            };
            rule.clone_into(&mut field.rule);
            field.value = required.equals.clone().unwrap_or_default();
        }
        filled
    }

    pub(super) fn from_form(pairs: &Pairs) -> Self {
        let value = |name: &str| pairs.get(name).trim().to_owned();
        let field = |field: &'static str| FilledField {
            field,
            rule: value(&format!("rule_{field}")),
            value: value(&format!("value_{field}")),
            is_dimension: !value(&format!("by_{field}")).is_empty(),
        };
        Self {
            oper_id: value("oper_id"),
            is_new: value("is_new") == "1",
            name: value("name"),
            kind: value("kind"),
            fields: FIELDS.into_iter().map(field).collect(),
        }
    }

    /// What is sent to the API.
    pub(super) fn body(&self) -> Value {
        let required = self.fields.iter().filter_map(FilledField::required);
        let dimensions = self.fields.iter().filter(|field| field.is_dimension);
        json!({
            "name": self.name,
            "kind": self.kind,
            "required": required.collect::<Vec<_>>(),
            "dimensions": dimensions.map(|field| field.field).collect::<Vec<_>>(),
        })
    }
}

impl FilledField {
    fn required(&self) -> Option<Value> {
        let field = self.field;
        match self.rule.as_str() {
            "present" => Some(json!({ "field": field })),
            "integer" => Some(json!({ "field": field, "non_negative_integer": true })),
            "equals" => Some(json!({ "field": field, "equals": self.value })),
            _ => None,
        }
    }

    fn rules(
        &self,
        t: &'static CommTexts,
    ) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let texts = [t.not_required, t.present, t.integer, t.equals];
        RULES
            .into_iter()
            .zip(texts)
            .map(|(rule, text)| (rule, text, rule == self.rule))
    }

    fn value_label(&self, t: &'static CommTexts) -> String {
        fill(t.exact_value, &[("field", self.field)])
    }

    /// A person is never counted by.
    fn may_count(&self) -> bool {
        self.field != "to_uid"
    }
}

/// What the form shows for a value that is one of its choices.
pub(crate) fn text_of_choice(locale: Locale, field: &str, value: &str) -> Option<&'static str> {
    let t = CommTexts::of(locale);
    match (field, value) {
        ("kind", "event") => Some(t.event),
        ("kind", "snapshot") => Some(t.snapshot),
        _ if field.starts_with("rule_") => {
            let any = FilledField::default();
            let mut rules = any.rules(t);
            rules
                .find(|(rule, ..)| *rule == value)
                .map(|(_, text, _)| text)
        }
        _ => None,
    }
}

#[derive(Template)]
#[template(path = "comm/operation.html")]
pub(super) struct FormPage {
    frame: Frame,
    t: &'static CommTexts,
    filled: Filled,
    /// Why it was not taken.
    fault: Option<Fault>,
    list: String,
    delete: String,
    delete_ask: String,
}

impl FormPage {
    pub(super) fn new(visit: &Visit, app: &str, filled: Filled, fault: Option<Fault>) -> Self {
        let t = CommTexts::of(visit.locale);
        let title = match filled.is_new {
            true => t.new_operation.to_owned(),
            false => fill(t.edit_operation, &[("id", &filled.oper_id)]),
        };
        Self {
            frame: frame(visit, app, &title),
            t,
            fault,
            list: address(app, "/operations"),
            delete: address(app, &format!("/operations/{}/delete", filled.oper_id)),
            delete_ask: fill(t.delete_ask, &[("id", &filled.oper_id)]),
            filled,
        }
    }

    /// What the form calls a member of the call, such as `required[1].equals`.
    fn label_of_path(&self, path: &str) -> String {
        let is_required = |field: &&FilledField| field.required().is_some();
        let is_dimension = |field: &&FilledField| field.is_dimension;
        let fields = &self.filled.fields;
        let (name, place) = path.split_once('[').unwrap_or((path, ""));
        let place = place.split(']').next().and_then(|place| place.parse().ok());
        let at = |place: Option<usize>, listed: Vec<&FilledField>| {
            let field = listed.get(place?).copied()?;
            Some(self.label(field))
        };
        let (list, listed) = match name {
            "oper_id" => return self.t.oper_id.to_owned(),
            "name" => return self.t.name.to_owned(),
            "kind" => return self.t.kind.to_owned(),
            "required" => (self.t.rule, fields.iter().filter(is_required).collect()),
            "dimensions" => (
                self.t.count_by,
                fields.iter().filter(is_dimension).collect(),
            ),
            other => return other.to_owned(),
        };
        at(place, listed).unwrap_or_else(|| list.to_owned())
    }

    fn label(&self, field: &FilledField) -> String {
        let oper_id = self.filled.oper_id.parse().ok();
        field_name(field.field, oper_id, self.frame.locale)
    }
}
