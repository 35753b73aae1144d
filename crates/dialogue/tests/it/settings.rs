//! Settings of an app: read, changed, refused, noted.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::World;

const PATH: &str = "/api/apps/app-One_1/dialogue/settings";

#[rstest]
fn what_a_put_leaves_out_stays(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let get = || world.api(&Method::GET, PATH, &Value::Null).json();
    let mut expected = get();
    assert_eq!(expected["undo_seconds"], 60);
    assert_eq!(expected["labels"][2]["wire"], "porn");
    for change in [
        json!({"default_redirect": "https://d.example/"}),
        json!({"success_ec": 200, "window_s": 30, "undo_seconds": 0}),
        json!({"callback_hosts": ["10.0.0.1:9000"], "allow_private_callbacks": true}),
        json!({"php_key": true, "zero_padding": true, "categories": ["a"]}),
        json!({}),
    ] {
        for (name, value) in change.as_object().unwrap() {
            expected[name] = value.clone();
        }
        let reply = world.api(&Method::PUT, PATH, &change);
        assert_eq!((reply.status, reply.json()), (200, expected.clone()));
        assert_eq!(get(), expected);
    }
    let notes = "SELECT COUNT(*) FROM dialogue_audit WHERE action = 'settings'";
    assert_eq!(world.int(notes), 4, "what changes nothing is not noted");
    let private = world.api(
        &Method::PUT,
        PATH,
        &json!({"default_redirect": "http://10.0.0.1:77/"}),
    );
    assert_eq!(private.status, 200, "private callbacks are allowed");
    let refused = world.api(
        &Method::PUT,
        PATH,
        &json!({"allow_private_callbacks": false}),
    );
    assert_eq!(
        (refused.status, &refused.json()["field"]),
        (400, &json!("default_redirect"))
    );
    let refused = world.api(&Method::PUT, PATH, &json!({"undo": 1}));
    assert_eq!(
        (refused.status, &refused.json()["field"]),
        (400, &json!("undo"))
    );
}
