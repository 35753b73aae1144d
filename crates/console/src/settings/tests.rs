//! The pages of the settings over a stub of the API, which notes what it is sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use reportd_platform::access::Role;
use reportd_testbed::run;
use serde_json::{Value, json};

use crate::testing::{Visitor, World};

const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";

/// What the stub was sent beside reads: method, path, body.
type Noted = Arc<Mutex<Vec<(String, String, Value)>>>;

/// An API that knows one app, one key and one person; `refusal` is what it says to all that would change something.
#[derive(Clone)]
struct Stub {
    noted: Noted,
    refusal: Option<(StatusCode, Value)>,
    mode: &'static str,
}

impl Stub {
    fn new() -> Self {
        Self {
            noted: Noted::default(),
            refusal: None,
            mode: "aes-128-cbc",
        }
    }

    fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    fn take(&self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.noted.lock().unwrap())
    }
}

fn app(mode: &str) -> Value {
    json!({
        "app_id": "bots", "name": HOSTILE, "zone": "Asia/Shanghai", "zone_fixed": true, "disabled": false,
        "settings": {
            "comm.max_age": "24h", "comm.max_ahead": "10m", "comm.dedupe": "true",
            "comm.unknown_operations": "reject", "comm.rate_limit": "0", "comm.not_before_ms": "0",
            "dialogue.aes_mode": mode, "dialogue.aes_iv": "prepended",
        },
        "credentials": [
            {"kind": "comm_token", "created_at": 1_795_000_000_000_i64, "expires_at": 1_795_233_600_000_i64},
            {"kind": "comm_token", "created_at": 1_795_100_000_000_i64, "expires_at": null},
        ],
    })
}

fn read(path: &str, mode: &str) -> Option<Value> {
    let person = json!({
        "name": HOSTILE, "role": "lead", "app_ids": ["bots"], "categories": null, "must_change": true,
        "created_at": 1_795_000_000_000_i64, "disabled_at": null,
    });
    Some(match path {
        "/api/apps" => json!({"apps": [app(mode)]}),
        "/api/apps/bots" => app(mode),
        "/api/apps/bots/push/settings" => json!({
            "quotas": {"vv": {"general": 1000}}, "channels_without_display": ["hw"], "single_reports": true,
            "detail_allowed": false, "count_allowed": true,
        }),
        "/api/apps/bots/playback/settings" => json!({
            "playback_hosts": ["api.example.com"], "cors_origins": [],
            "finish": {"within_s": 5, "within_percent": 3},
        }),
        "/api/apps/bots/dialogue/settings" => json!({
            "default_redirect": null, "success_ec": 0, "window_s": 600, "categories": ["chat"],
            "labels": [{"key": "normal", "wire": "normal", "zh": "正常", "en": "Normal"}], "undo_seconds": 60,
            "callback_hosts": [], "php_key": false, "zero_padding": false, "allow_private_callbacks": false,
        }),
        "/api/keys" => json!({"keys": [
            {"name": HOSTILE, "role": "viewer", "app_id": null, "categories": null,
                "created_at": 1_795_000_000_000_i64, "revoked_at": null},
        ]}),
        "/api/people" => json!({ "people": [person] }),
        "/api/settings" => json!({"settings": [
            {"name": "journal.linger_ms", "value": "2", "origin": "default"},
        ]}),
        _ => return None,
    })
}

async fn answer(State(stub): State<Stub>, method: Method, uri: Uri, body: Bytes) -> Response {
    let told = |status: StatusCode, body: &Value| {
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (status, kind, body.to_string()).into_response()
    };
    if method == Method::GET {
        return match read(uri.path(), stub.mode) {
            Some(body) => told(StatusCode::OK, &body),
            None => told(StatusCode::NOT_FOUND, &json!({"detail": "nothing here"})),
        };
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let path = uri.path().to_owned();
    let call = (method.to_string(), path.clone(), body);
    stub.noted.lock().unwrap().push(call);
    if let Some((status, problem)) = &stub.refusal {
        return told(*status, problem);
    }
    if method == Method::DELETE {
        return StatusCode::NO_CONTENT.into_response();
    }
    let secrets = json!({
        "app_id": "bots", "name": "n", "comm_token": "the-token", "key": "rk_the-key", "password": "the-password",
    });
    told(StatusCode::OK, &secrets)
}

const PAGES: [&str; 7] = [
    "/console/settings",
    "/console/settings/apps",
    "/console/settings/apps/bots",
    "/console/settings/keys",
    "/console/settings/people",
    "/console/settings/people/%3Cscript%3Ealert%281%29%3C%2Fscript%3E%E2%80%AE",
    "/console/settings/server",
];

const FORMS: [&str; 10] = [
    "/console/settings/apps",
    "/console/settings/apps/bots/state",
    "/console/settings/apps/bots/set/comm",
    "/console/settings/apps/bots/credentials/comm_token",
    "/console/settings/keys",
    "/console/settings/keys/revoke",
    "/console/settings/people",
    "/console/settings/people/mei",
    "/console/settings/people/mei/password",
    "/console/settings/people/mei/state",
];

#[test]
fn nobody_but_an_admin_reaches_a_page_or_a_form() {
    run(async {
        let stub = Stub::new();
        let world = World::new(stub.router());
        for role in [Role::Viewer, Role::Moderator, Role::Lead] {
            let visitor = world.visitor(role).await;
            for path in PAGES {
                let (status, page) = visitor.get(path).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{role} {path}");
                assert!(!page.contains("/console/settings"), "{role} {path}");
            }
            for path in FORMS {
                let (status, _) = visitor.post(path, &[("name", "x")]).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{role} {path}");
            }
        }
        assert_eq!(stub.take(), [], "the API was not even asked");
    });
}

async fn admin(world: &World) -> Visitor {
    world.visitor(Role::Admin).await
}

#[test]
fn hostile_names_are_text_on_every_page() {
    run(async {
        let world = World::new(Stub::new().router());
        let admin = admin(&world).await;
        for path in &PAGES[1..] {
            for visitor in [admin.clone(), admin.clone().in_chinese()] {
                let (status, page) = visitor.get(path).await;
                assert_eq!(status, StatusCode::OK, "{path}: {page}");
                assert!(!page.contains("<script>alert"), "{path}");
                assert!(
                    !page.contains(" style=") && !page.contains(" onclick="),
                    "{path}"
                );
            }
        }
        for (path, name) in [("apps", "apps"), ("keys", "keys"), ("people", "people")] {
            let address = format!("/console/settings/{path}?csv={name}");
            let (_, file) = admin.get(&address).await;
            assert!(file.contains(HOSTILE), "a file is no page: {file}");
        }
    });
}

#[test]
fn an_app_shows_all_that_it_has_set() {
    run(async {
        let mut stub = Stub::new();
        stub.mode = "aes-256-ecb";
        let world = World::new(stub.router());
        let (_, page) = admin(&world).await.get("/console/settings/apps/bots").await;
        for shown in [
            "name=\"quotas/vv/general\" value=\"1000\"",
            "name=\"channels_without_display\" value=\"hw\" checked",
            "name=\"single_reports\" value=\"true\" checked",
            "name=\"detail_allowed\" value=\"true\">",
            "name=\"finish/within_s\" value=\"5\"",
            "api.example.com</textarea>",
            "normal | normal | 正常 | Normal</textarea>",
            "<option value=\"aes-256-ecb\" selected>",
            "name=\"settings/comm.max_age\" value=\"24h\"",
            "ECB shows which parts",
            "until 2026-11-21 12:00:00",
            "it stays.",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(
            !page.contains("not_before"),
            "that is kept by the server alone"
        );
    });
}

#[test]
fn a_form_sends_what_the_call_takes_and_comes_back() {
    run(async {
        let stub = Stub::new();
        let world = World::new(stub.router());
        let admin = admin(&world).await;
        let app = "/console/settings/apps/bots";
        for (path, form, method, called, body, back) in [
            (
                format!("{app}/set/comm"),
                vec![
                    ("settings/comm.max_age", "48h"),
                    ("settings/comm.dedupe", "false"),
                ],
                "PATCH",
                "/api/apps/bots",
                json!({"settings": {"comm.max_age": "48h", "comm.max_ahead": "", "comm.dedupe": "false",
                    "comm.unknown_operations": "", "comm.rate_limit": ""}}),
                app,
            ),
            (
                format!("{app}/set/push"),
                vec![
                    ("quotas/gt/app", "7"),
                    ("channels_without_display", "hw"),
                    ("count_allowed", "true"),
                ],
                "PUT",
                "/api/apps/bots/push/settings",
                json!({"quotas": {"vv": {}, "op": {}, "xm": {}, "gt": {"app": 7}}, "channels_without_display": ["hw"],
                    "single_reports": false, "detail_allowed": false, "count_allowed": true}),
                app,
            ),
            (
                format!("{app}/state"),
                vec![("disabled", "true")],
                "PATCH",
                "/api/apps/bots",
                json!({"disabled": true}),
                app,
            ),
            (
                "/console/settings/keys/revoke".to_owned(),
                vec![("name", "a/b")],
                "DELETE",
                "/api/keys/a%2Fb",
                Value::Null,
                "/console/settings/keys",
            ),
            (
                "/console/settings/people/mei".to_owned(),
                vec![
                    ("role", "moderator"),
                    ("app_ids", "bots"),
                    ("app_ids", "other"),
                    ("categories", "chat\r\n"),
                ],
                "PATCH",
                "/api/people/mei",
                json!({"role": "moderator", "app_ids": ["bots", "other"], "categories": ["chat"]}),
                "/console/settings/people/mei",
            ),
        ] {
            let (status, address) = admin.post(&path, &form).await;
            assert_eq!(status, StatusCode::SEE_OTHER, "{path}: {address}");
            assert_eq!(address, format!("{back}?done=1"), "{path}");
            let expected = [(method.to_owned(), called.to_owned(), body)];
            assert_eq!(stub.take(), expected, "{path}");
        }
    });
}

#[test]
fn secrets_are_shown_once_on_the_page_that_answers() {
    run(async {
        let stub = Stub::new();
        let world = World::new(stub.router());
        let admin = admin(&world).await;
        for (path, form, body, secret) in [
            (
                "/console/settings/apps",
                vec![
                    ("app_id", "new"),
                    ("name", ""),
                    ("zone", "UTC"),
                    ("aes_key", "hex:00"),
                ],
                json!({"app_id": "new", "zone": "UTC", "aes_key": "hex:00"}),
                "the-token",
            ),
            (
                "/console/settings/apps/bots/credentials/comm_token",
                vec![("grace", "1h"), ("secret", "")],
                json!({"grace": "1h"}),
                "the-token",
            ),
            (
                "/console/settings/keys",
                vec![("name", "k"), ("role", "viewer"), ("app_id", "")],
                json!({"name": "k", "role": "viewer", "categories": []}),
                "rk_the-key",
            ),
            (
                "/console/settings/people",
                vec![("name", "mei"), ("role", "lead")],
                json!({"name": "mei", "role": "lead", "app_ids": [], "categories": []}),
                "the-password",
            ),
            (
                "/console/settings/people/mei/password",
                vec![],
                Value::Null,
                "the-password",
            ),
        ] {
            let (status, page) = admin.post(path, &form).await;
            assert_eq!(status, StatusCode::OK, "{path}: {page}");
            assert!(
                page.contains(secret) && page.contains("data-copy-of"),
                "{path}: {page}"
            );
            let noted = stub.take();
            assert_eq!(noted.len(), 1, "{path}");
            assert_eq!(noted[0].2, body, "{path}");
        }
    });
}

#[test]
fn what_is_refused_comes_back_with_what_was_sent() {
    run(async {
        let mut stub = Stub::new();
        let problem = json!({"detail": "expected <b>better</b>", "field": "name"});
        stub.refusal = Some((StatusCode::BAD_REQUEST, problem));
        let world = World::new(stub.router());
        let admin = admin(&world).await;
        let sent = [
            ("name", HOSTILE),
            ("app_id", "kept-id"),
            ("role", "lead"),
            ("zone", "UTC"),
        ];
        for path in [
            "/console/settings/apps",
            "/console/settings/apps/bots/set/general",
            "/console/settings/keys",
            "/console/settings/people",
        ] {
            let (status, page) = admin.post(path, &sent).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            assert!(
                page.contains("expected &#60;b&#62;better"),
                "{path}: {page}"
            );
            assert!(page.contains("aria-invalid=\"true\""), "{path}");
            assert!(
                page.contains("value=\"&#60;script"),
                "{path}: what was sent is kept"
            );
        }
        let (status, page) = admin
            .post(
                "/console/settings/apps/bots/set/push",
                &[("quotas/gt/app", "many")],
            )
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(page.contains("Expected a whole number"), "{page}");
    });
}

#[test]
fn who_is_limited_to_apps_is_offered_no_more() {
    run(async {
        let world = World::new(Stub::new().router());
        let visitor = world.visitor_of(Role::Admin, &["bots"]).await;
        let (status, page) = visitor.get("/console/settings/apps").await;
        assert_eq!(status, StatusCode::OK);
        assert!(!page.contains("/console/settings/server") && !page.contains("id=\"new-app\""));
        let (_, page) = visitor.get("/console/settings/keys").await;
        assert!(page.contains("id=\"new-key\"") && !page.contains("<option value=\"\""));
    });
}

#[test]
fn a_form_of_another_session_changes_nothing() {
    run(async {
        let stub = Stub::new();
        let world = World::new(stub.router());
        let admin = admin(&world).await;
        for path in FORMS {
            let reply = admin
                .ask(Method::POST, path, &[], "name=x&csrf=guessed")
                .await;
            assert_eq!(reply.status(), StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(stub.take(), []);
    });
}
