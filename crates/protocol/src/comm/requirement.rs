//! What an operation requires of a field.

use serde::{Deserialize, Serialize};

use super::field::Field;
use super::item::Item;

/// A required field. As JSON one of `{"field":"gid"}`, `{"field":"ext1","equals":"youtube"}`,
/// `{"field":"ext1","non_negative_integer":true}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RequirementJson", into = "RequirementJson")]
pub struct Requirement {
    /// The field that must be there; an empty string is not.
    pub field: Field,
    /// What its value must be.
    pub rule: Rule,
}

/// What the value of a required field must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Anything but an empty string.
    Present,
    /// This text, by [`Item::text`].
    Equals(String),
    /// Decimal digits, at most 2⁶³ − 1.
    NonNegativeInteger,
}

impl Requirement {
    /// `field` must be there.
    #[must_use]
    pub const fn present(field: Field) -> Self {
        Self {
            field,
            rule: Rule::Present,
        }
    }

    /// `field` must be `value`.
    #[must_use]
    pub fn equals(field: Field, value: impl Into<String>) -> Self {
        Self {
            field,
            rule: Rule::Equals(value.into()),
        }
    }

    /// `field` must be a non-negative integer in text.
    #[must_use]
    pub const fn non_negative_integer(field: Field) -> Self {
        Self {
            field,
            rule: Rule::NonNegativeInteger,
        }
    }

    /// What `item` lacks, in words.
    pub(super) fn unmet_by(&self, item: &Item<'_>) -> Option<String> {
        if !item.has(self.field) {
            return Some("required".to_owned());
        }
        match &self.rule {
            Rule::Present => None,
            Rule::Equals(value) => (item.text(self.field).as_deref() != Some(value))
                .then(|| format!("must be {value:?}")),
            Rule::NonNegativeInteger => {
                let is_met = item
                    .text(self.field)
                    .is_some_and(|text| is_non_negative_integer(&text));
                (!is_met).then(|| "must be a non-negative integer".to_owned())
            }
        }
    }
}

fn is_non_negative_integer(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

/// A field that a report must have. Without more it must be there, and not be empty; `equals` and
/// `non_negative_integer` exclude each other.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = comm::Requirement))]
struct RequirementJson {
    /// The field that must be there.
    field: Field,
    /// The text that it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 1024, example = "youtube")
    )]
    equals: Option<String>,
    /// It must be decimal digits, at most 2⁶³ − 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    non_negative_integer: bool,
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Requirement {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        RequirementJson::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Requirement {
    fn name() -> std::borrow::Cow<'static, str> {
        RequirementJson::name()
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        RequirementJson::schemas(schemas);
    }
}

impl From<Requirement> for RequirementJson {
    fn from(requirement: Requirement) -> Self {
        let (equals, non_negative_integer) = match requirement.rule {
            Rule::Present => (None, false),
            Rule::Equals(value) => (Some(value), false),
            Rule::NonNegativeInteger => (None, true),
        };
        Self {
            field: requirement.field,
            equals,
            non_negative_integer,
        }
    }
}

impl TryFrom<RequirementJson> for Requirement {
    type Error = &'static str;

    fn try_from(json: RequirementJson) -> Result<Self, Self::Error> {
        let rule = match (json.equals, json.non_negative_integer) {
            (None, false) => Rule::Present,
            (Some(value), false) => Rule::Equals(value),
            (None, true) => Rule::NonNegativeInteger,
            (Some(_), true) => {
                return Err("a requirement has either `equals` or `non_negative_integer`");
            }
        };
        Ok(Self {
            field: json.field,
            rule,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_same_there_and_back() {
        for json in [
            r#"{"field":"gid"}"#,
            r#"{"field":"ext1","equals":"youtube"}"#,
            r#"{"field":"ext1","non_negative_integer":true}"#,
        ] {
            let requirement: Requirement = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&requirement).unwrap(), json);
        }
    }

    #[test]
    fn json_that_could_be_misread_is_refused() {
        for json in [
            r#"{"field":"ext11"}"#,
            r#"{"field":"oper_id"}"#,
            r#"{"field":"gid","equal":"1"}"#,
            r#"{"field":"gid","equals":1}"#,
            r#"{"field":"ext1","equals":"1","non_negative_integer":true}"#,
            r#"{"equals":"1"}"#,
        ] {
            assert!(serde_json::from_str::<Requirement>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn non_negative_integers_are_digits_within_64_bits() {
        for text in ["0", "007", "9223372036854775807"] {
            assert!(is_non_negative_integer(text), "{text}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "１", "9223372036854775808"] {
            assert!(!is_non_negative_integer(text), "{text}");
        }
    }
}
