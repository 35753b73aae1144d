//! One name for each word of the protocol: in JSON, in `name`, and in the schemas of a document.

use reportd_protocol::push::{Channel, Phase, Quota, Reason, Stage, TaskKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn assert_named<T>(all: &[T], name: fn(T) -> &'static str)
where
    T: Copy + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned,
{
    for word in all {
        let json = serde_json::to_value(word).expect("JSON");
        assert_eq!(json, name(*word));
        assert_eq!(serde_json::from_value::<T>(json).expect("a name"), *word);
    }
}

#[test]
fn json_and_name_agree() {
    assert_named(&Channel::ALL, Channel::name);
    assert_named(&Quota::ALL, Quota::name);
    assert_named(&Stage::ALL, Stage::name);
    assert_named(&Phase::ALL, Phase::name);
    assert_named(&TaskKind::ALL, TaskKind::name);
    let apn: Channel = serde_json::from_value(json!("apn")).unwrap();
    assert_eq!(apn, Channel::Ios);
    assert!(serde_json::from_value::<Channel>(json!("GT")).is_err());
}

#[test]
fn a_reason_is_its_code() {
    for reason in Reason::all() {
        assert_eq!(serde_json::to_value(reason).unwrap(), json!(reason.code()));
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use utoipa::{PartialSchema, ToSchema};

    use super::*;

    fn schema<T: ToSchema + PartialSchema>(name: &str) -> Value {
        assert_eq!(T::name(), name);
        let schema = serde_json::to_value(T::schema()).expect("JSON");
        assert!(schema["description"].is_string(), "{name}");
        schema
    }

    fn assert_lists<T: ToSchema>(name: &str, names: &[&str]) {
        let schema = schema::<T>(name);
        assert_eq!(schema["type"], "string", "{name}");
        assert_eq!(schema["enum"], json!(names), "{name}");
    }

    #[test]
    fn a_schema_lists_the_names() {
        assert_lists::<Channel>("push.Channel", &Channel::ALL.map(Channel::name));
        assert_lists::<Quota>("push.Quota", &Quota::ALL.map(Quota::name));
        assert_lists::<Stage>("push.Stage", &Stage::ALL.map(Stage::name));
        assert_lists::<Phase>("push.Phase", &Phase::ALL.map(Phase::name));
        assert_lists::<TaskKind>("push.TaskKind", &TaskKind::ALL.map(TaskKind::name));
    }

    #[test]
    fn a_schema_lists_the_reasons() {
        let schema = schema::<Reason>("push.Reason");
        let codes: Vec<u16> = Reason::all().map(Reason::code).collect();
        assert_eq!(
            (&schema["type"], &schema["enum"]),
            (&json!("integer"), &json!(codes))
        );
    }
}
