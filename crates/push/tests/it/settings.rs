//! Settings of an app: read, changed, refused.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, World};

fn put(world: &World, settings: &Value) -> (u16, Value) {
    let reply = world.api(
        &world.keys.admin,
        &Method::PUT,
        "settings",
        &settings.to_string(),
    );
    (reply.status, reply.json())
}

fn get(world: &World) -> Value {
    let reply = world.api(&world.keys.viewer, &Method::GET, "settings", "");
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[rstest]
fn what_a_put_leaves_out_stays(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let mut expected = json!({
        "quotas": {}, "channels_without_display": [],
        "single_reports": false, "detail_allowed": true, "count_allowed": true,
    });
    assert_eq!(get(&world), expected);
    for change in [
        json!({"quotas": {"vv": {"general": 10}, "gt": {"app": 0, "list": 9_007_199_254_740_992_i64}}}),
        json!({"channels_without_display": ["ios", "hw"], "single_reports": true}),
        json!({"quotas": {"op": {"general": 3}}}),
        json!({"count_allowed": false}),
        json!({}),
    ] {
        for (name, value) in change.as_object().unwrap() {
            expected[name] = value.clone();
        }
        assert_eq!(put(&world, &change), (200, expected.clone()));
        assert_eq!(get(&world), expected);
    }
    let world = world.restart();
    assert_eq!(get(&world), expected);
}

#[rstest]
fn what_does_not_fit_is_refused_by_name(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let before = get(&world);
    for (settings, field) in [
        (json!({"quota": {}}), "quota"),
        (json!({"quotas": {"hw": {"general": 1}}}), "quotas.hw"),
        (
            json!({"quotas": {"op": {"special": 1}}}),
            "quotas.op.special",
        ),
        (json!({"quotas": {"gt": {"app": -1}}}), "quotas.gt.app"),
        (
            json!({"quotas": {"gt": {"app": 9_007_199_254_740_993_i64}}}),
            "quotas.gt.app",
        ),
        (json!({"quotas": {"gt": {"app": "1"}}}), "quotas.gt.app"),
        (json!({"quotas": {"gt": {"app": 1.5}}}), "quotas.gt.app"),
        (
            json!({"channels_without_display": ["gt", "xx"]}),
            "channels_without_display[1]",
        ),
        (
            json!({"channels_without_display": "gt"}),
            "channels_without_display",
        ),
        (json!({"single_reports": 1}), "single_reports"),
    ] {
        let (status, problem) = put(&world, &settings);
        assert_eq!(
            (status, problem["field"].as_str()),
            (400, Some(field)),
            "{settings}: {problem}"
        );
    }
    assert_eq!(get(&world), before);
}

#[rstest]
fn settings_are_changed_by_admins_alone(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let status = |key: &str, method| world.api(key, &method, "settings", "{}").status;
    let keys = world.keys.clone();
    assert_eq!(status(&keys.admin, Method::GET), 200);
    assert_eq!(status(&keys.ingest, Method::GET), 403);
    assert_eq!(status(&keys.viewer, Method::PUT), 403);
    assert_eq!(status(&keys.ingest, Method::PUT), 403);
}

#[rstest]
fn quotas_are_shown_as_the_source_shows_them(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let token = world.token(ONE);
    assert_eq!(
        world.report(ONE, &token, "push/count").json()["data"],
        json!({})
    );
    let quotas = json!({"quotas": {
        "vv": {"general": 10}, "op": {"general": 20}, "gt": {"app": 5_000_000_000_i64, "list": 0},
    }});
    assert_eq!(put(&world, &quotas).0, 200);
    let expected = json!({
        "vv": {"general": {"push_num": 0, "total_num": "10", "limit": false}},
        "op": {"general": {"total_num": "20", "limit": false, "remain_num": "20"}},
        "gt": {
            "app": {"total_num": 2_147_483_647, "limit": false, "remain_num": 2_147_483_647},
            "list": {"total_num": 0, "limit": true, "remain_num": 0},
        },
    });
    assert_eq!(
        world.report(ONE, &token, "push/count").json()["data"],
        expected
    );
    let today = world
        .api(&world.keys.viewer, &Method::GET, "today", "")
        .json();
    let shown = json!({
        "channel": "gt", "kind": "app", "total": 5_000_000_000_i64, "sent": 0, "received": 0,
        "remaining": 5_000_000_000_i64, "is_used_up": false,
    });
    assert!(
        today["quotas"].as_array().unwrap().contains(&shown),
        "{today}"
    );
}
