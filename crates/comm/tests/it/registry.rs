//! Operations: registered, changed, deleted; what is fixed once there are reports.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ACTIVE, CENSUS, NOON_MS, TODAY, World, message};

const NOON: i64 = NOON_MS / 1000;

fn own(nonce: &str, members: &str) -> String {
    format!(r#"{{"ts":{NOON},"nonce":"{nonce}","data_list":[{{"oper_id":77{members}}}]}}"#)
}

#[rstest]
fn an_operation_acts_from_the_next_report_on(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    assert_eq!(world.report(&own("1", "")), 40005);
    let operation = r#"{"name":"mine","kind":"event","required":[{"field":"ext3"}],"dimensions":["ext3","scope"]}"#;
    let (status, told) = world.api(Method::PUT, "operations/77", operation);
    assert_eq!((status, &told["oper_id"]), (200, &json!(77)), "{told}");
    assert_eq!(world.report(&own("2", "")), 40006);
    assert_eq!(world.report(&own("3", r#","ext3":true"#)), 0);
    let by = world.get(&format!(
        "series?oper_id=77&from={TODAY}&to={TODAY}&by=ext3"
    ));
    assert_eq!(by["series"][0]["key"], "true");
    assert_eq!(
        world.get("operations")["operations"]
            .as_array()
            .unwrap()
            .len(),
        4
    );

    let (status, told) = world.api(
        Method::PUT,
        "operations/77",
        &operation.replace("event", "snapshot"),
    );
    assert_eq!(status, 400, "a snapshot needs a group and a number: {told}");
    let snapshot = r#"{"name":"mine","kind":"snapshot","required":[{"field":"gid"},{"field":"ext1","non_negative_integer":true}]}"#;
    let (status, told) = world.api(Method::PUT, "operations/77", snapshot);
    assert_eq!(status, 409, "its kind is fixed: {told}");
    assert_eq!(world.api(Method::DELETE, "operations/77", "").0, 204);
    assert_eq!(world.api(Method::DELETE, "operations/77", "").0, 404);
    assert_eq!(world.report(&own("4", r#","ext3":"x""#)), 40005);
    assert_eq!(
        world.api(Method::PUT, "operations/77", snapshot).0,
        409,
        "also after it was deleted"
    );
    assert_eq!(world.counted(77), 1, "its counts stay");
}

#[rstest]
fn bad_operations_are_refused_by_field(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (body, field) in [
        (r#"{"name":"","kind":"event"}"#, "name"),
        (
            r#"{"name":"x","kind":"event","dimensions":["to_uid"]}"#,
            "dimensions[0]",
        ),
        (r#"{"name":"x","kind":"event","colour":1}"#, "colour"),
        (r#"{"name":7,"kind":"event"}"#, "name"),
        (r#"{"name":"x","kind":"weekly"}"#, "kind"),
        (
            r#"{"name":"x","kind":"event","required":[{"field":"gid"},{"field":"nick"}]}"#,
            "required[1].field",
        ),
        (r#"{"kind":"event"}"#, "body"),
        (r#"{"name":"x","kind":"event"} x"#, "body"),
        (r#"{"name":"x","kind":"event","oper_id":8}"#, "oper_id"),
        ("{", "body"),
    ] {
        let (status, problem) = world.api(Method::PUT, "operations/77", body);
        assert_eq!(
            (status, problem["field"].as_str()),
            (400, Some(field)),
            "{body}: {problem}"
        );
    }
}

#[rstest]
fn unknown_operations_are_counted_where_the_app_accepts_them(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    world.set("comm.unknown_operations", "accept");
    assert_eq!(world.report(&own("1", "")), 0);
    assert_eq!(world.counted(77), 1);
    let snapshot = r#"{"name":"mine","kind":"snapshot","required":[{"field":"gid"},{"field":"ext1","non_negative_integer":true}]}"#;
    assert_eq!(
        world.api(Method::PUT, "operations/77", snapshot).0,
        409,
        "it was counted as an event"
    );

    // One that was deleted keeps its rules: a census without a group must not become one of group 0.
    assert_eq!(
        world
            .api(Method::DELETE, &format!("operations/{CENSUS}"), "")
            .0,
        204
    );
    let empty = format!(r#"{{"ts":{NOON},"nonce":"2","data_list":[{{"oper_id":{CENSUS}}}]}}"#);
    assert_eq!(world.report(&empty), 40006);
    assert_eq!(world.get(&format!("census/{TODAY}"))["groups"], 0);
}

#[rstest]
fn the_zone_is_fixed_by_the_first_report(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.set_zone("Europe/Berlin").unwrap();
    world.set_zone("Asia/Shanghai").unwrap();
    assert_eq!(world.report(&message(NOON, "1", ACTIVE, 1, "UP")), 0);
    let refused = world.set_zone("Europe/Berlin").unwrap_err().to_string();
    assert!(refused.starts_with("zone: it is fixed"), "{refused}");
    world.set_zone("Asia/Shanghai").unwrap();
}
