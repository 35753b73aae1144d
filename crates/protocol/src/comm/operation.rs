//! Operations: what an `oper_id` means for an app (`spec comm-report`, Operations).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::DATA_LIST;
use super::MAX_TEXT_CHARS;
use super::field::{Field, Scope};
use super::item::Item;
use super::refusal::Refusal;
use super::reply::Ret;
use super::requirement::{Requirement, Rule};

/// `oper_id` of the daily census of groups (批量上报, `seed comm-report`).
pub const GROUP_CENSUS: i64 = 1_502_007_320_601;
/// `oper_id` of a message that the bot sent by itself (主动消息, `seed comm-report`).
pub const ACTIVE_MESSAGE: i64 = 1_503_000_120_601;
/// `oper_id` of a message that answers a user (被动消息, `seed comm-report`).
pub const PASSIVE_MESSAGE: i64 = 1_503_000_120_602;

const MAX_NAME_CHARS: usize = 128;
const MAX_REQUIREMENTS: usize = 16;
const MAX_DIMENSIONS: usize = 8;

/// How the reports of an operation add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = comm::Kind))]
pub enum Kind {
    /// Each report is a happening of its own; they are counted.
    Event,
    /// The reports of a day list all that there is; the newest of each group counts.
    Snapshot,
}

impl Kind {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Snapshot => "snapshot",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Event, Self::Snapshot]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A registered operation, in the JSON of the registry's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = comm::Operation))]
pub struct Operation {
    /// Its number; opaque.
    #[cfg_attr(feature = "openapi", schema(example = 1_503_000_120_601_i64))]
    pub oper_id: i64,
    /// What people call it; 1 to 128 characters.
    #[cfg_attr(feature = "openapi", schema(example = "active message"))]
    pub name: String,
    /// How its reports add up.
    pub kind: Kind,
    /// What a report must have; at most 16.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub required: Vec<Requirement>,
    /// By which fields its counts are broken down; at most 8, and never `to_uid`, which is a
    /// person.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub dimensions: Vec<Field>,
}

/// Why an operation cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct InvalidOperation {
    /// Where, e.g. `dimensions[2]`.
    pub field: String,
    /// What is wrong there.
    pub problem: String,
}

impl InvalidOperation {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

impl Operation {
    /// Checks that the operation can be registered.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), InvalidOperation> {
        if !(1..=MAX_NAME_CHARS).contains(&self.name.chars().count()) {
            return Err(InvalidOperation::new(
                "name",
                format!("must have 1 to {MAX_NAME_CHARS} characters"),
            ));
        }
        self.validate_required()?;
        self.validate_dimensions()
    }

    fn validate_required(&self) -> Result<(), InvalidOperation> {
        if self.required.len() > MAX_REQUIREMENTS {
            return Err(InvalidOperation::new(
                "required",
                format!("at most {MAX_REQUIREMENTS} are allowed"),
            ));
        }
        for (index, requirement) in self.required.iter().enumerate() {
            if let Rule::Equals(value) = &requirement.rule
                && !(1..=MAX_TEXT_CHARS).contains(&value.chars().count())
            {
                let problem = format!("must have 1 to {MAX_TEXT_CHARS} characters");
                return Err(InvalidOperation::new(
                    format!("required[{index}].equals"),
                    problem,
                ));
            }
        }
        let has_count = self
            .required
            .contains(&Requirement::non_negative_integer(Field::Ext1));
        let has_group = self
            .required
            .iter()
            .any(|requirement| requirement.field == Field::Gid);
        if self.kind == Kind::Snapshot && !(has_count && has_group) {
            let problem = "a snapshot requires gid, and ext1 as a non-negative integer";
            return Err(InvalidOperation::new("required", problem));
        }
        Ok(())
    }

    fn validate_dimensions(&self) -> Result<(), InvalidOperation> {
        if self.dimensions.len() > MAX_DIMENSIONS {
            return Err(InvalidOperation::new(
                "dimensions",
                format!("at most {MAX_DIMENSIONS} are allowed"),
            ));
        }
        for (index, dimension) in self.dimensions.iter().enumerate() {
            let problem = if *dimension == Field::ToUid {
                "to_uid is a person, not a dimension"
            } else if self.dimensions[..index].contains(dimension) {
                "given twice"
            } else {
                continue;
            };
            return Err(InvalidOperation::new(
                format!("dimensions[{index}]"),
                problem,
            ));
        }
        Ok(())
    }

    /// Checks that the item at `index` of its list has what this operation requires.
    ///
    /// # Errors
    /// 40006 with the path of the first field that does not.
    pub fn check(&self, item: &Item<'_>, index: usize) -> Result<(), Refusal> {
        for requirement in &self.required {
            if let Some(problem) = requirement.unmet_by(item) {
                let field = requirement.field.name();
                let msg = format!(
                    "{DATA_LIST}[{index}].{field}: {problem} for operation {}",
                    self.oper_id
                );
                return Err(Refusal::new(Ret::RequirementUnmet, msg));
            }
        }
        Ok(())
    }
}

/// The three operations that every new app has (`spec comm-report`, from the data requirements of
/// `seed comm-report`).
#[must_use]
pub fn standard_operations() -> [Operation; 3] {
    let message = || {
        vec![
            Requirement::present(Field::Gid),
            Requirement::present(Field::TargetId),
            Requirement::equals(Field::Scope, Scope::Channel.name()),
            Requirement::equals(Field::Ext1, "youtube"),
            Requirement::present(Field::Ext2),
        ]
    };
    let mut answer = message();
    answer.push(Requirement::present(Field::ToUid));
    let census = vec![
        Requirement::present(Field::Gid),
        Requirement::non_negative_integer(Field::Ext1),
    ];
    let by_uploader = || vec![Field::Gid, Field::TargetId, Field::Ext2];
    let operation = |oper_id, name: &str, kind, required, dimensions| Operation {
        oper_id,
        name: name.to_owned(),
        kind,
        required,
        dimensions,
    };
    [
        operation(
            GROUP_CENSUS,
            "group census",
            Kind::Snapshot,
            census,
            vec![Field::Gid],
        ),
        operation(
            ACTIVE_MESSAGE,
            "active message",
            Kind::Event,
            message(),
            by_uploader(),
        ),
        operation(
            PASSIVE_MESSAGE,
            "passive message",
            Kind::Event,
            answer,
            by_uploader(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_at_fault(change: impl FnOnce(&mut Operation)) -> String {
        let [mut census, ..] = standard_operations();
        change(&mut census);
        census.validate().unwrap_err().field
    }

    #[test]
    fn standard_operations_are_valid_and_survive_json() {
        for operation in standard_operations() {
            assert_eq!(operation.validate(), Ok(()));
            let json = serde_json::to_string(&operation).unwrap();
            assert_eq!(serde_json::from_str::<Operation>(&json).unwrap(), operation);
        }
    }

    #[test]
    fn json_is_readable() {
        let [census, ..] = standard_operations();
        assert_eq!(
            serde_json::to_string(&census).unwrap(),
            concat!(
                r#"{"oper_id":1502007320601,"name":"group census","kind":"snapshot","#,
                r#""required":[{"field":"gid"},{"field":"ext1","non_negative_integer":true}],"#,
                r#""dimensions":["gid"]}"#
            )
        );
        let least: Operation =
            serde_json::from_str(r#"{"oper_id":1,"name":"n","kind":"event"}"#).unwrap();
        assert!(least.required.is_empty() && least.dimensions.is_empty());
        let mistyped = r#"{"oper_id":1,"name":"n","kind":"event","dimension":["gid"]}"#;
        assert!(serde_json::from_str::<Operation>(mistyped).is_err());
    }

    #[test]
    fn validate_names_the_field_at_fault() {
        assert_eq!(field_at_fault(|census| census.name.clear()), "name");
        assert_eq!(
            field_at_fault(|census| census.name = "长".repeat(129)),
            "name"
        );
        assert_eq!(
            field_at_fault(|census| census.required = vec![census.required[0].clone(); 17]),
            "required"
        );
        assert_eq!(
            field_at_fault(|census| census.required = vec![]),
            "required"
        );
        assert_eq!(
            field_at_fault(|census| census.required[1].rule = Rule::Present),
            "required"
        );
        assert_eq!(
            field_at_fault(|census| census.required.remove(0).field = Field::Gid),
            "required"
        );
        assert_eq!(
            field_at_fault(|census| census.required[0].rule = Rule::Equals(String::new())),
            "required[0].equals"
        );
        assert_eq!(
            field_at_fault(|census| census.dimensions.push(Field::Gid)),
            "dimensions[1]"
        );
        assert_eq!(
            field_at_fault(|census| census.dimensions.push(Field::ToUid)),
            "dimensions[1]"
        );
        assert_eq!(
            field_at_fault(|census| census.dimensions = Field::ALL[4..13].to_vec()),
            "dimensions"
        );
    }
}
