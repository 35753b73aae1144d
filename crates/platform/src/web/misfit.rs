//! What is said of a value that does not fit: what was expected, in the words of the API instead of serde's.

use std::fmt::Display;

use serde_json::Value;
use serde_json::error::Category;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};
use utoipa::{IntoParams, Number};

/// What is expected of a parameter of the query, by its description; `None` where that does not tell. `said` is its value.
pub(super) fn of_parameter<P: IntoParams>(name: &str, said: &str) -> Option<String> {
    let parameters = P::into_params(|| Some(ParameterIn::Query));
    let found = parameters.into_iter().find(|known| known.name == name)?;
    let RefOr::T(Schema::Object(schema)) = found.schema? else {
        return None;
    };
    if let Some(values) = &schema.enum_values {
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        return Some(one_of(values.iter().map(text)));
    }
    if is_of(&schema, &Type::Integer) {
        return Some(Integers::described(&schema).expected(said));
    }
    is_of(&schema, &Type::Boolean).then(|| TRUE_OR_FALSE.to_owned())
}

/// What is expected of a member of a JSON body; of a text that is no JSON what its reader says.
pub(super) fn of_member(error: &serde_json::Error) -> String {
    let sentence = error.to_string();
    if error.classify() != Category::Data {
        return sentence;
    }
    // The name of the member tells better where it is.
    let place = format!(" at line {} column {}", error.line(), error.column());
    reworded(sentence.strip_suffix(&*place).unwrap_or(&sentence))
}

/// Why a text is no JSON object.
#[must_use]
pub fn no_object(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => "expected a JSON object".to_owned(),
        Category::Io | Category::Syntax | Category::Eof => {
            format!("expected a JSON object: {error}")
        }
    }
}

const TRUE_OR_FALSE: &str = "expected true or false";

fn one_of(names: impl Iterator<Item = impl Display>) -> String {
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    format!("expected one of {}", names.join(", "))
}

fn is_of(schema: &Object, wanted: &Type) -> bool {
    match &schema.schema_type {
        SchemaType::Type(one) => one == wanted,
        SchemaType::Array(several) => several.contains(wanted),
        SchemaType::AnyValue => false,
    }
}

/// A sentence of serde, such as ``invalid type: string "x", expected u64``, as what was expected. Others stay as they are.
fn reworded(sentence: &str) -> String {
    let kinds = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown variant ",
    ];
    let of_value = kinds.iter().find_map(|kind| sentence.strip_prefix(kind));
    // What a client wrote stands before it, and may say the same.
    let Some((said, expected)) = of_value.and_then(|text| text.rsplit_once(", expected ")) else {
        return sentence.to_owned();
    };
    if let Some(integers) = Integers::of_type(expected) {
        let number = ["integer ", "floating point "];
        let number = number.iter().find_map(|kind| said.strip_prefix(kind));
        return integers.expected(number.unwrap_or_default().trim_matches('`'));
    }
    match expected {
        "a string" => "expected a text".to_owned(),
        "a boolean" => TRUE_OR_FALSE.to_owned(),
        "a sequence" => "expected a list".to_owned(),
        "a map" => "expected an object".to_owned(),
        of_struct if of_struct.starts_with("struct ") => "expected an object".to_owned(),
        // Names of variants, each between two of these.
        names if names.contains('`') => one_of(names.split('`').skip(1).step_by(2)),
        other => format!("expected {other}"),
    }
}

/// The integers that are taken.
struct Integers {
    least: i128,
    most: i128,
}

impl Integers {
    fn described(schema: &Object) -> Self {
        let number = |number: &Number| match number {
            Number::Int(number) => i128::try_from(*number).ok(),
            Number::UInt(number) => i128::try_from(*number).ok(),
            Number::Float(_) => None,
        };
        let (least, most) = (schema.minimum.as_ref(), schema.maximum.as_ref());
        Self {
            least: least.and_then(number).unwrap_or(i64::MIN.into()),
            most: most.and_then(number).unwrap_or(i64::MAX.into()),
        }
    }

    /// Those of a type of Rust.
    fn of_type(name: &str) -> Option<Self> {
        let (is_signed, bits) = match name.split_at_checked(1)? {
            ("i", bits) => (true, bits),
            ("u", bits) => (false, bits),
            _ => return None,
        };
        let bits = match bits {
            "size" => 64,
            bits => bits.parse::<u32>().ok().filter(|bits| *bits <= 64)?,
        };
        let count = 1_i128 << bits;
        let least = if is_signed { -count / 2 } else { 0 };
        Some(Self {
            least,
            most: least + count - 1,
        })
    }

    /// What to say where something else came. Limits that are only those of 64 bits are told to who has passed them.
    fn expected(&self, said: &str) -> String {
        let Self { least, most } = self;
        let said = said.parse::<f64>().unwrap_or(0.0);
        // One of them that was refused lies beyond it, however near: a float of 64 bits does not tell.
        let (is_less, is_more) = (said <= *least as f64, said >= *most as f64);
        if *most < i64::MAX.into() {
            format!("expected an integer of {least} to {most}")
        } else if is_more {
            format!("expected an integer of at most {most}")
        } else if *least > i64::MIN.into() || is_less {
            format!("expected an integer of at least {least}")
        } else {
            "expected an integer".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::FromRequestParts;
    use axum::http::Request;
    use serde::Deserialize;
    use utoipa::ToSchema;

    use super::*;
    use crate::web::{Object, Query};

    #[derive(Deserialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    enum Step {
        Hour,
        Day,
    }

    #[derive(Deserialize, IntoParams)]
    #[into_params(parameter_in = Query)]
    #[expect(dead_code, reason = "it is read and not used")]
    struct Parameters {
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<i64>,
        #[param(minimum = 0)]
        cid: Option<i64>,
        gid: Option<i64>,
        is_new: Option<bool>,
        #[param(inline, value_type = Step, required = false)]
        step: Option<Step>,
        from: String,
    }

    #[tokio::test]
    async fn a_parameter_is_expected_as_it_is_described() {
        for (query, expected) in [
            ("limit=x", "limit: expected an integer of 1 to 1000"),
            (
                "limit=9999999999999999999",
                "limit: expected an integer of 1 to 1000",
            ),
            ("cid=1.5", "cid: expected an integer of at least 0"),
            ("gid=x", "gid: expected an integer"),
            ("gid=", "gid: expected an integer"),
            (
                "gid=9999999999999999999",
                "gid: expected an integer of at most 9223372036854775807",
            ),
            (
                "gid=-9999999999999999999",
                "gid: expected an integer of at least -9223372036854775808",
            ),
            ("is_new=1", "is_new: expected true or false"),
            ("step=week", "step: expected one of hour, day"),
            ("gid=1&gid=2", "query: duplicate field `gid`"),
            ("gid=1", "query: missing field `from`"),
        ] {
            let request = Request::get(format!("/?{query}")).body(()).unwrap();
            let mut parts = request.into_parts().0;
            let read = Query::<Parameters>::from_request_parts(&mut parts, &()).await;
            assert_eq!(told(&read.err().unwrap()), expected, "{query}");
        }
    }

    /// The field and the sentence of a problem.
    fn told(problem: &crate::web::Problem) -> String {
        let body: Value = serde_json::from_slice(&problem.body(None)).unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        format!("{}: {}", text("field"), text("detail"))
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "it is read and not used")]
    struct Members {
        byte: Option<u8>,
        count: Option<u64>,
        number: Option<i64>,
        text: Option<String>,
        flag: Option<bool>,
        list: Option<Vec<i64>>,
        inner: Option<Box<Object<Members>>>,
        step: Option<Step>,
    }

    #[test]
    fn a_member_is_expected_as_its_type_is() {
        for (body, expected) in [
            (r#"{"byte": 300}"#, "expected an integer of 0 to 255"),
            (r#"{"byte": "x"}"#, "expected an integer of 0 to 255"),
            (r#"{"count": -5}"#, "expected an integer of at least 0"),
            (r#"{"count": 1.5}"#, "expected an integer of at least 0"),
            (
                r#"{"count": 99999999999999999999}"#,
                "expected an integer of at most 18446744073709551615",
            ),
            (r#"{"number": "-5"}"#, "expected an integer"),
            (
                r#"{"number": 9223372036854775809}"#,
                "expected an integer of at most 9223372036854775807",
            ),
            (
                r#"{"number": "`9e99`, expected u8"}"#,
                "expected an integer",
            ),
            (r#"{"text": 5}"#, "expected a text"),
            (r#"{"flag": "x, expected i64"}"#, "expected true or false"),
            (r#"{"list": 5}"#, "expected a list"),
            (r#"{"inner": [1]}"#, "expected an object"),
            (
                r#"{"step": "`x`, expected `y`"}"#,
                "expected one of hour, day",
            ),
            ("[]", "expected an object"),
            (r#"{"flag": tru}"#, "expected ident at line 1 column 13"),
        ] {
            let error = serde_json::from_str::<Object<Members>>(body).err().unwrap();
            assert_eq!(of_member(&error), expected, "{body}");
        }
        let unknown = serde_json::from_str::<Object<Members>>(r#"{"x": 1}"#);
        let unknown = of_member(&unknown.err().unwrap());
        assert!(
            unknown.starts_with("unknown field `x`, expected one of `byte`"),
            "{unknown}"
        );
        assert!(!unknown.contains("line"), "{unknown}");
    }
}
