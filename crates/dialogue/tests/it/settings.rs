//! Settings of an app: read, changed, refused, noted.

use axum::http::Method;
use reportd_platform::access::{Role, create_key};
use reportd_platform::random::SeededRandom;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{NOON_MS, ONE, World};

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

/// Callbacks to an intranet reach what is no app's alone: who looks after one app cannot let them out.
#[rstest]
fn an_admin_of_some_apps_does_not_let_callbacks_into_the_intranet(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let random = SeededRandom::new(77);
    let key = world.dialogue.state.try_write(|tx| {
        create_key(
            tx,
            "of one app",
            Role::Admin,
            Some(ONE.id),
            &random,
            NOON_MS,
        )
    });
    let bearer = format!("Bearer {}", key.unwrap().reveal());
    let put = |settings: &Value| {
        let headers = [("authorization", bearer.as_str())];
        world.send(&Method::PUT, PATH, &headers, settings.to_string())
    };
    let on = json!({"allow_private_callbacks": true});
    let refused = put(&on);
    assert_eq!(refused.status, 403, "{}", refused.text);
    let is_on = || {
        let settings = world.api(&Method::GET, PATH, &Value::Null).json();
        settings["allow_private_callbacks"].as_bool().unwrap()
    };
    assert!(!is_on());
    world.put_settings(ONE, &on);
    // What is on already is no change, and off it may go.
    assert_eq!(
        put(&json!({"allow_private_callbacks": true, "window_s": 60})).status,
        200
    );
    assert!(is_on());
    assert_eq!(put(&json!({"allow_private_callbacks": false})).status, 200);
    assert!(!is_on());
}
