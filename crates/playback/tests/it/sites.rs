//! What an app sets: hosts by which a request without a session is its own, and origins whose pages may call.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ONE, Reply, TWO, World};

const TOTAL: &str = "/x/player/online/total?aid=1";

#[rstest]
fn a_request_without_a_session_is_that_of_the_host_or_of_the_only_app(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    world.put_settings(ONE, &json!({"playback_hosts": ["One.example", "[::1]:80"]}));
    let code = |host: &str| {
        let headers = [("host", host)];
        world.send(&Method::GET, TOTAL, &headers, "").code()
    };
    for (host, expected) in [
        ("one.example", 0),
        ("ONE.example:8443", 0),
        ("[::1]:80", 0),
        ("[::1]:81", -404),
        ("two.example", -404),
        ("", -404),
    ] {
        assert_eq!(code(host), expected, "{host}");
    }
    world.set_disabled(TWO, true);
    assert_eq!(code("two.example"), 0, "it is the only one");
    world.set_disabled(ONE, true);
    assert_eq!((code("one.example"), code("")), (-404, -404));
}

#[rstest]
fn settings_are_checked_and_hosts_are_of_one_app(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let path = |app: &str| format!("{app}/playback/settings");
    let set = world.put_settings(
        ONE,
        &json!({"playback_hosts": ["a.example"], "finish": {"within_s": 9}}),
    );
    let expected = json!({"playback_hosts": ["a.example"], "cors_origins": [],
        "finish": {"within_s": 9, "within_percent": 3}});
    assert_eq!(set, expected);
    let put = |app: &str, body: &str| {
        let reply = world.api(&world.keys.admin, &Method::PUT, &path(app), body);
        (reply.status, reply.json()["field"].clone())
    };
    for (body, field) in [
        (
            r#"{"playback_hosts":["b","A.example"]}"#,
            "playback_hosts[1]",
        ),
        (r#"{"cors_origins":["*"]}"#, "cors_origins[0]"),
        (r#"{"finish":{"within_s":-1}}"#, "finish.within_s"),
        (r#"{"finish":[null,null]}"#, "finish"),
        (r#"[null,null,null]"#, "body"),
        (
            r#"{"finish":{"within_percent":51}}"#,
            "finish.within_percent",
        ),
        (r#"{"origins":[]}"#, "origins"),
    ] {
        assert_eq!(put(TWO, body), (400, json!(field)), "{body}");
    }
    assert_eq!(put(ONE, r#"{"playback_hosts":[]}"#).0, 200);
    assert_eq!(put(TWO, r#"{"playback_hosts":["a.example"]}"#).0, 200);
    let read = |key: &str| world.api(key, &Method::GET, &path(TWO), "");
    assert_eq!(
        read(&world.keys.viewer).json()["playback_hosts"][0],
        "a.example"
    );
    assert_eq!(read(&world.keys.ingest).status, 403);
    let reply = world.api(&world.keys.lead, &Method::PUT, &path(TWO), "{}");
    assert_eq!(reply.status, 403);
}

fn allowed(reply: &Reply) -> (&str, &str) {
    let credentials = reply.header("access-control-allow-credentials");
    (reply.header("access-control-allow-origin"), credentials)
}

#[rstest]
fn pages_of_listed_origins_may_call_with_credentials(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    const LISTED: &str = "https://www.one.example";
    let world = World::new(kind);
    let origins = json!({"cors_origins": [LISTED], "playback_hosts": ["api.one.example"]});
    world.put_settings(ONE, &origins);
    world.put_settings(TWO, &json!({"playback_hosts": ["api.two.example"]}));
    let (one, two) = (world.session(ONE, 7), world.session(TWO, 7));
    let preflight = |origin: &str, host: &str| {
        let headers = [
            ("origin", origin),
            ("host", host),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ];
        world.send(&Method::OPTIONS, "/x/v2/history/report", &headers, "")
    };
    for host in ["api.one.example", "unknown.example", ""] {
        let reply = preflight(LISTED, host);
        assert_eq!((reply.status, allowed(&reply)), (200, (LISTED, "true")));
        let methods = reply.header("access-control-allow-methods");
        assert!(methods.contains("POST"));
        assert_eq!(reply.header("access-control-allow-headers"), "content-type");
        assert_eq!(reply.header("vary"), "Origin");
    }
    for (origin, host) in [
        (LISTED, "api.two.example"),
        ("https://evil.example", "api.one.example"),
        ("http://www.one.example", ""),
        ("null", ""),
    ] {
        let reply = preflight(origin, host);
        assert_eq!((reply.status, allowed(&reply)), (200, ("", "")), "{origin}");
        assert_eq!(reply.header("access-control-allow-methods"), "");
    }
    let call = |origin: &str, cookie: &str| {
        let headers = [("origin", origin), ("cookie", cookie)];
        let path = "/x/report/web/heartbeat?aid=1";
        world.send(&Method::POST, path, &headers, "")
    };
    let reply = call(LISTED, &one.cookie());
    assert_eq!((reply.code(), allowed(&reply)), (0, (LISTED, "true")));
    let reply = call(LISTED, &two.cookie());
    assert_eq!(
        (reply.code(), allowed(&reply)),
        (0, ("", "")),
        "another app's"
    );
    let reply = call(LISTED, "SESSDATA=old");
    assert_eq!((reply.code(), allowed(&reply)), (-101, (LISTED, "true")));
    let reply = call("https://evil.example", &one.cookie());
    assert_eq!(allowed(&reply), ("", ""));
}
