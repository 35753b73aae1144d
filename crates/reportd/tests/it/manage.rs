//! The API of the server itself: apps, credentials, keys, people, settings, status; who may call it, and what it refuses.

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Data, Http, Reply, Server, TOKEN, wait_until};
use crate::requests::active_message;

const ROLES: [&str; 5] = ["ingest", "viewer", "moderator", "lead", "admin"];

fn call(server: &Server, key: &str, method: &str, path: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let mut http = Http::connect(server.address());
    http.call(method, path, &headers, body.as_bytes()).unwrap()
}

/// A problem: its status and the member that it names.
fn refused(reply: &Reply) -> (u16, Option<String>) {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{}",
        reply.text()
    );
    let told = reply.json();
    assert!(!told["detail"].as_str().unwrap().is_empty());
    (reply.status, told["field"].as_str().map(str::to_owned))
}

/// A key that is limited to the app `bots`.
fn limited_admin(data: &Data) -> String {
    let arguments = [
        "key", "create", "of-bots", "--role", "admin", "--app", "bots", "--json",
    ];
    let told: Value = serde_json::from_str(&data.run(&arguments)).unwrap();
    told["key"].as_str().unwrap().to_owned()
}

fn reports(server: &Server, token: &str) -> u16 {
    let mut http = Http::connect(server.address());
    let body = active_message("n", 1);
    http.report(token, body.as_bytes()).unwrap().status
}

/// Method, path, body, and the status of who may.
fn calls() -> Vec<(&'static str, &'static str, Value, u16)> {
    let none = Value::Null;
    vec![
        ("GET", "/api/apps", none.clone(), 200),
        ("GET", "/api/apps/bots", none.clone(), 200),
        ("POST", "/api/apps", json!({"app_id": "made"}), 201),
        ("PATCH", "/api/apps/bots", json!({"name": "Bots"}), 200),
        (
            "POST",
            "/api/apps/bots/credentials/aes_key/rotate",
            json!({}),
            200,
        ),
        ("GET", "/api/keys", none.clone(), 200),
        (
            "POST",
            "/api/keys",
            json!({"name": "made", "role": "viewer"}),
            201,
        ),
        ("DELETE", "/api/keys/made", none.clone(), 204),
        ("GET", "/api/people", none.clone(), 200),
        (
            "POST",
            "/api/people",
            json!({"name": "mei", "role": "lead"}),
            201,
        ),
        ("PATCH", "/api/people/mei", json!({"role": "viewer"}), 200),
        ("POST", "/api/people/mei/password", none.clone(), 200),
        ("GET", "/api/settings", none, 200),
    ]
}

#[rstest]
fn only_admins_manage_and_all_but_feeders_see_the_status(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let keys = ROLES.map(|role| data.key(role, role));
    for (method, path, body, status) in calls() {
        for (role, key) in ROLES.iter().zip(&keys) {
            let reply = call(&server, key, method, path, &body);
            if *role == "admin" {
                assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
            } else {
                assert_eq!(refused(&reply), (403, None), "{role} {method} {path}");
            }
        }
        let stranger = call(&server, "rk_stranger", method, path, &body);
        assert_eq!(refused(&stranger).0, 401, "{method} {path}");
    }
    let seen = keys.map(|key| server.get("/api/status", &key).status);
    assert_eq!(seen, [403, 200, 200, 200, 200]);
}

#[rstest]
fn an_app_is_made_changed_and_replaced_by_calls(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let admin = data.key("root", "admin");
    let body = json!({
        "app_id": "late", "name": "Späte <App>", "zone": "UTC",
        "settings": {"comm.max_age": "48h", "dialogue.aes_iv": "zero"}, "master_secret": "brought along",
    });
    let made = call(&server, &admin, "POST", "/api/apps", &body).json();
    assert_eq!(
        (&made["app_id"], &made["master_secret"], &made["aes_iv"]),
        (&"late".into(), &"brought along".into(), &"zero".into())
    );
    let first = made["comm_token"].as_str().unwrap();
    assert_eq!(reports(&server, first), 200, "at once");

    let app = server.get("/api/apps/late", &admin).json();
    assert_eq!(
        (&app["name"], &app["zone_fixed"]),
        (&"Späte <App>".into(), &true.into())
    );
    assert_eq!(app["settings"]["comm.max_age"], "48h");
    assert_eq!(app["credentials"].as_array().unwrap().len(), 5);
    assert!(!app.to_string().contains("brought along") && !app.to_string().contains(first));
    let shown: Value = serde_json::from_str(&data.run(&["app", "show", "late", "--json"])).unwrap();
    assert_eq!(shown, app, "as the command tells it");

    let rotate = "/api/apps/late/credentials/comm_token/rotate";
    let told = call(&server, &admin, "POST", rotate, &json!({"grace": "1h"})).json();
    let second = told["comm_token"].as_str().unwrap();
    assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
    assert_eq!(
        (reports(&server, first), reports(&server, second)),
        (200, 200)
    );
    let told = json!({"grace": "0s", "secret": "the third token"});
    assert_eq!(call(&server, &admin, "POST", rotate, &told).status, 200);
    assert_eq!(reports(&server, "the third token"), 200);
    wait_until("the others have ended", || {
        reports(&server, first) == 401 && reports(&server, second) == 401
    });

    let off = json!({"disabled": true, "name": "Late"});
    let changed = call(&server, &admin, "PATCH", "/api/apps/late", &off).json();
    assert_eq!(
        (&changed["name"], &changed["disabled"]),
        (&"Late".into(), &true.into())
    );
    wait_until("it is disabled", || {
        reports(&server, "the third token") == 401
    });
    let on = json!({"disabled": false});
    assert_eq!(
        call(&server, &admin, "PATCH", "/api/apps/late", &on).status,
        200
    );
    assert_eq!(reports(&server, "the third token"), 200);
}

/// Method, path, body, status, and the member that is named.
#[expect(clippy::too_many_lines, reason = "a table")]
fn mistakes() -> Vec<(&'static str, &'static str, Value, u16, Option<&'static str>)> {
    let app = "/api/apps/bots";
    let rotate = "/api/apps/bots/credentials/aes_key/rotate";
    let of_app = |settings: Value| json!({ "settings": settings });
    vec![
        ("GET", "/api/apps/nowhere", Value::Null, 404, None),
        ("POST", "/api/apps", json!({"app_id": "bots"}), 409, None),
        (
            "POST",
            "/api/apps",
            json!({"app_id": "a b"}),
            400,
            Some("app_id"),
        ),
        ("POST", "/api/apps", json!({}), 400, Some("body")),
        (
            "POST",
            "/api/apps",
            json!({"app_id": "x", "zone": "Mars"}),
            400,
            Some("zone"),
        ),
        (
            "POST",
            "/api/apps",
            json!({"app_id": "x", "colour": 1}),
            400,
            Some("colour"),
        ),
        (
            "POST",
            "/api/apps",
            json!({"app_id": "x", "comm_token": TOKEN}),
            400,
            Some("comm_token"),
        ),
        (
            "PATCH",
            app,
            of_app(json!({"comm.max_age": "soon"})),
            400,
            Some("settings.comm.max_age"),
        ),
        (
            "PATCH",
            app,
            of_app(json!({"comm.colour": "1"})),
            400,
            Some("settings.comm.colour"),
        ),
        (
            "PATCH",
            app,
            of_app(json!({"name": "x"})),
            400,
            Some("settings.name"),
        ),
        ("PATCH", app, json!({"name": "a\nb"}), 400, Some("name")),
        ("PATCH", "/api/apps/nowhere", json!({}), 404, None),
        ("POST", rotate, json!({"grace": "soon"}), 400, Some("grace")),
        (
            "POST",
            rotate,
            json!({"grace": "9999d"}),
            400,
            Some("grace"),
        ),
        (
            "POST",
            rotate,
            json!({"secret": "hex:0"}),
            400,
            Some("secret"),
        ),
        (
            "POST",
            "/api/apps/bots/credentials/password/rotate",
            json!({}),
            400,
            Some("kind"),
        ),
        (
            "POST",
            "/api/keys",
            json!({"name": "k", "role": "king"}),
            400,
            Some("role"),
        ),
        (
            "POST",
            "/api/keys",
            json!({"name": "", "role": "lead"}),
            400,
            Some("name"),
        ),
        (
            "POST",
            "/api/keys",
            json!({"name": "root", "role": "lead"}),
            400,
            Some("name"),
        ),
        (
            "POST",
            "/api/keys",
            json!({"name": "k", "role": "lead", "app_id": "nowhere"}),
            400,
            Some("app_id"),
        ),
        (
            "POST",
            "/api/keys",
            json!({"name": "k", "role": "lead", "app_id": "bots", "categories": ["chat"]}),
            400,
            Some("categories"),
        ),
        ("DELETE", "/api/keys/nobody", Value::Null, 404, None),
        (
            "POST",
            "/api/people",
            json!({"name": "p", "role": "ingest"}),
            400,
            Some("role"),
        ),
        (
            "POST",
            "/api/people",
            json!({"name": "p", "role": "lead", "app_ids": ["bots", "nowhere"]}),
            400,
            Some("app_ids[1]"),
        ),
        (
            "PATCH",
            "/api/people/nobody",
            json!({"disabled": true}),
            404,
            None,
        ),
        (
            "POST",
            "/api/people/nobody/password",
            Value::Null,
            404,
            None,
        ),
    ]
}

#[rstest]
fn what_does_not_fit_is_named_and_changes_nothing(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let admin = data.key("root", "admin");
    let state =
        || ["/api/apps", "/api/keys", "/api/people"].map(|path| server.get(path, &admin).json());
    let before = state();
    for (method, path, body, status, field) in mistakes() {
        let reply = call(&server, &admin, method, path, &body);
        let expected = (status, field.map(str::to_owned));
        assert_eq!(refused(&reply), expected, "{method} {path} {body}");
    }
    assert_eq!(state(), before);
}

#[rstest]
fn a_key_is_made_used_and_revoked_by_calls(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let admin = data.key("root", "admin");
    let body = json!({"name": "a/b 鍵", "role": "viewer", "app_id": "bots"});
    let made = call(&server, &admin, "POST", "/api/keys", &body).json();
    let key = made["key"].as_str().unwrap();
    let path = "/api/apps/bots/comm/operations";
    assert_eq!(server.get(path, key).status, 200, "at once");
    let listed = server.get("/api/keys", &admin).text();
    assert!(listed.contains("a/b 鍵") && !listed.contains(key));
    let revoke = "/api/keys/a%2Fb%20%E9%8D%B5";
    let status = |key: &str| call(&server, key, "DELETE", revoke, &Value::Null).status;
    assert_eq!(status(&admin), 204);
    wait_until("it is refused", || server.get(path, key).status == 401);
    assert_eq!(status(&admin), 404, "it is revoked already");
}

#[rstest]
fn who_is_limited_to_an_app_manages_that_alone(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    data.run(&["app", "create", "other"]);
    let server = data.serve();
    let (admin, limited) = (data.key("root", "admin"), limited_admin(&data));
    let person = |name: &str, apps: &[&str]| {
        let body = json!({"name": name, "role": "moderator", "app_ids": apps});
        call(&server, &admin, "POST", "/api/people", &body).status
    };
    let made = [
        person("everywhere", &[]),
        person("both", &["bots", "other"]),
        person("here", &["bots"]),
    ];
    assert_eq!(made, [201; 3]);
    let names = |path: &str, list: &str, member: &str| {
        let told = server.get(path, &limited).json();
        let listed = told[list].as_array().unwrap().iter();
        let names = listed.map(|one| one[member].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("/api/apps", "apps", "app_id"), ["bots"]);
    assert_eq!(names("/api/keys", "keys", "name"), ["of-bots"]);
    assert_eq!(names("/api/people", "people", "name"), ["here"]);

    let key = |app: Value| json!({"name": "k", "role": "viewer", "app_id": app});
    let one = |apps: Value| json!({"name": "p", "role": "viewer", "app_ids": apps});
    for (method, path, body, status) in [
        ("GET", "/api/apps/other", Value::Null, 403),
        ("GET", "/api/apps/nowhere", Value::Null, 403),
        ("PATCH", "/api/apps/other", json!({"name": "x"}), 403),
        (
            "POST",
            "/api/apps/other/credentials/aes_key/rotate",
            json!({}),
            403,
        ),
        ("POST", "/api/apps", json!({"app_id": "new"}), 403),
        ("POST", "/api/keys", key(Value::Null), 403),
        ("POST", "/api/keys", key("other".into()), 403),
        ("POST", "/api/keys", key("bots".into()), 201),
        ("DELETE", "/api/keys/root", Value::Null, 404),
        ("POST", "/api/people", one(json!([])), 403),
        ("POST", "/api/people", one(json!(["bots", "other"])), 403),
        ("POST", "/api/people", one(json!(["bots"])), 201),
        ("PATCH", "/api/people/both", json!({"disabled": true}), 404),
        ("PATCH", "/api/people/here", json!({"app_ids": []}), 403),
        ("PATCH", "/api/people/here", json!({"disabled": true}), 200),
        ("POST", "/api/people/everywhere/password", Value::Null, 404),
        ("GET", "/api/settings", Value::Null, 403),
        ("GET", "/api/status", Value::Null, 403),
    ] {
        let reply = call(&server, &limited, method, path, &body);
        assert_eq!(
            reply.status,
            status,
            "{method} {path} {body}: {}",
            reply.text()
        );
    }
}

#[rstest]
fn people_are_made_and_changed_by_calls(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let admin = data.key("root", "admin");
    let body =
        json!({"name": "mei", "role": "moderator", "app_ids": ["bots"], "categories": ["chat"]});
    let made = call(&server, &admin, "POST", "/api/people", &body).json();
    assert!(made["password"].as_str().unwrap().len() >= 16);
    assert_eq!(
        call(&server, &admin, "POST", "/api/people", &body).status,
        409
    );
    let seen = || {
        let told = server.get("/api/people", &admin).json();
        let people = told["people"].as_array().unwrap().clone();
        people.into_iter().find(|one| one["name"] == "mei").unwrap()
    };
    let mei = seen();
    assert_eq!(
        (
            &mei["role"],
            &mei["app_ids"],
            &mei["categories"],
            &mei["must_change"]
        ),
        (
            &"moderator".into(),
            &json!(["bots"]),
            &json!(["chat"]),
            &true.into()
        )
    );
    let change = |body: Value| call(&server, &admin, "PATCH", "/api/people/mei", &body);
    let lead = json!({"role": "lead", "categories": []});
    assert_eq!(
        change(lead).json()["app_ids"],
        json!(["bots"]),
        "what is left out stays"
    );
    assert_eq!(
        change(json!({"app_ids": []})).json()["app_ids"],
        Value::Null
    );
    assert!(change(json!({"disabled": true})).json()["disabled_at"].is_i64());
    assert_eq!(
        change(json!({"disabled": false})).json()["disabled_at"],
        Value::Null
    );
    let path = "/api/people/mei/password";
    let told = call(&server, &admin, "POST", path, &Value::Null).json();
    assert_ne!(told["password"], made["password"]);
    assert!(!server.log().contains(told["password"].as_str().unwrap()));
}

#[rstest]
fn the_status_tells_rates_kinds_and_what_waits(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let viewer = data.key("viewer", "viewer");
    server.get("/api/status", &viewer);
    assert_eq!(server.report(&active_message("a", 1)).0, 200);
    let mut told = Value::Null;
    wait_until("a second has passed", || {
        told = server.get("/api/status", &viewer).json();
        told["reports_per_second"].as_f64().unwrap() > 0.0
    });
    let kinds = told["kinds"].as_array().unwrap();
    let names: Vec<_> = kinds
        .iter()
        .map(|kind| kind["kind"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["comm", "playback", "push", "dialogue"]);
    assert_eq!(
        (&kinds[0]["requests"], &kinds[0]["reports"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (
            &told["running"],
            &told["journal_writable"],
            &told["waiting"]["tickets open"]
        ),
        (&true.into(), &true.into(), &0.into())
    );
    let command: Value = serde_json::from_str(&data.run(&["status", "--json"])).unwrap();
    let members = |value: &Value| {
        let members = value.as_object().unwrap().keys();
        members.cloned().collect::<Vec<_>>()
    };
    assert_eq!(members(&command), members(&told), "as the command tells it");
}

#[test]
fn settings_are_told_with_their_origin_and_without_secrets() {
    let data = Data::with_app(Postgres);
    let server = data.serve_with(&[("REPORTD_JOURNAL_LINGER_MS", "3")]);
    let admin = data.key("root", "admin");
    let told = server.get("/api/settings", &admin).json();
    let settings = told["settings"].as_array().unwrap();
    let one = |name: &str| settings.iter().find(|one| one["name"] == name).unwrap();
    let linger =
        json!({"name": "journal.linger_ms", "value": "3", "origin": "REPORTD_JOURNAL_LINGER_MS"});
    assert_eq!(one("journal.linger_ms"), &linger);
    assert_eq!(one("log.level")["origin"], "default");
    assert_eq!(one("database_url")["value"], "•••");
}
