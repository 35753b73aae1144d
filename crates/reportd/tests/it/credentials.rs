//! Credentials made, rotated, disabled and revoked while the server runs.

use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::Value;

use crate::harness::{Data, Http, Server, TOKEN};
use crate::requests::active_message;

fn status(server: &Server, token: &str) -> u16 {
    let body = active_message("n", 1);
    Http::connect(server.address())
        .report(token, body.as_bytes())
        .unwrap()
        .status
}

/// Waits until it is so, a second at most: longer is a failure of the promise.
fn within_a_second(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !holds() {
        assert!(
            clock.monotonic() < Duration::from_secs(1),
            "not within a second: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[rstest]
fn an_app_made_while_the_server_runs_reports_at_once(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let told = data.run(&["app", "create", "late", "--json", "--aes-iv", "zero"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(status(&server, told["comm_token"].as_str().unwrap()), 200);
    let members: Vec<&String> = told.as_object().unwrap().keys().collect();
    let expected = [
        "app_id",
        "comm_token",
        "appkey",
        "master_secret",
        "aes_key",
        "aes_mode",
        "aes_iv",
        "callback_secret",
    ];
    assert_eq!(members, expected);
    assert_eq!(
        (&told["aes_mode"], &told["aes_iv"]),
        (&"aes-128-cbc".into(), &"zero".into())
    );
    assert!(
        told["callback_secret"]
            .as_str()
            .unwrap()
            .starts_with("whsec_")
    );
}

#[rstest]
fn a_disabled_app_is_refused_within_a_second_and_comes_back(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve();
    assert_eq!(status(&server, TOKEN), 200);
    data.run(&["app", "disable", "bots"]);
    within_a_second("the disabled app is refused", || {
        status(&server, TOKEN) == 401
    });
    data.run(&["app", "enable", "bots"]);
    assert_eq!(status(&server, TOKEN), 200, "a miss asks the store");
}

#[rstest]
fn a_rotated_token_works_for_its_grace_and_no_longer(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let rotate = |grace: &str| {
        let told = data.run(&[
            "app",
            "rotate",
            "bots",
            "--grace",
            grace,
            "--only",
            "comm_token",
            "--json",
        ]);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            told.as_object().unwrap().len(),
            2,
            "the id and the token: {told}"
        );
        told["comm_token"].as_str().unwrap().to_owned()
    };
    let second = rotate("1h");
    assert_eq!(
        (status(&server, &second), status(&server, TOKEN)),
        (200, 200)
    );
    let third = rotate("0s");
    within_a_second("the second token is refused", || {
        status(&server, &second) == 401
    });
    assert_eq!(status(&server, &third), 200);
    within_a_second("the first token's grace was cut as well", || {
        status(&server, TOKEN) == 401
    });
}

#[rstest]
fn keys_do_what_their_role_may_and_end_within_a_second(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    data.run(&["app", "create", "other"]);
    let server = data.serve();
    let roles = ["ingest", "viewer", "moderator", "lead", "admin"];
    let keys = roles.map(|role| data.key(role, role));
    let calls = ["operations", "census/2026-11-21", "reports", "rejections"];
    let allowed = |key: &str| {
        calls.map(|call| {
            server
                .get(&format!("/api/apps/bots/comm/{call}"), key)
                .status
        })
    };
    let expected = [
        [403; 4],
        [200, 200, 403, 403],
        [200, 200, 403, 403],
        [200; 4],
        [200; 4],
    ];
    assert_eq!(keys.each_ref().map(|key| allowed(key)), expected);
    let replay = |key: &str| {
        let headers = [("authorization", format!("Bearer {key}"))];
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let path = "/api/apps/bots/comm/rejections/replay";
        Http::connect(server.address())
            .call("POST", path, &headers, b"")
            .unwrap()
            .status
    };
    assert_eq!((replay(&keys[3]), replay(&keys[4])), (403, 200));

    let told = data.run(&[
        "key", "create", "limited", "--role", "viewer", "--app", "bots", "--json",
    ]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let limited = told["key"].as_str().unwrap();
    let census = |app: &str| {
        server
            .get(&format!("/api/apps/{app}/comm/census/2026-11-21"), limited)
            .status
    };
    assert_eq!(["bots", "other", "missing"].map(census), [200, 403, 403]);

    data.run(&["key", "revoke", "limited"]);
    within_a_second("the revoked key is refused", || census("bots") == 401);
    let refused = server.get("/api/apps/bots/comm/operations", "wrong");
    assert_eq!(
        (refused.status, refused.header("content-type")),
        (401, Some("application/problem+json"))
    );
    assert_eq!(
        refused.json()["request_id"].as_str(),
        refused.header("x-request-id")
    );
}

#[rstest]
fn guessing_is_slowed_down_and_does_not_lock_others_out(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve_with(&[("REPORTD_AUTH_FAILURES_PER_MINUTE", "5")]);
    let told: Vec<u16> = (0..8)
        .map(|number| status(&server, &format!("guess-{number}")))
        .collect();
    assert_eq!(told, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(status(&server, TOKEN), 200, "who knows the token is let in");
}
