//! Each row of the error table under `/v2` (spec push-report).

use axum::http::Method;
use reportd_protocol::push::auth_sign;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{App, NOON_MS, ONE, Setup, TWO, World, per_minute};

/// What a call sends, and what it must be answered with.
struct Case {
    method: Method,
    path: String,
    token: Option<String>,
    body: String,
    expected: (u16, i64, &'static str),
}

fn get(path: &str, token: &str, expected: (u16, i64, &'static str)) -> Case {
    Case {
        method: Method::GET,
        path: format!("/v2/{}/{path}", ONE.id),
        token: Some(token.to_owned()),
        body: String::new(),
        expected,
    }
}

fn auth(body: String, expected: (u16, i64, &'static str)) -> Case {
    Case {
        method: Method::POST,
        path: format!("/v2/{}/auth", ONE.id),
        token: None,
        body,
        expected,
    }
}

fn signed(appkey: &str, timestamp_ms: i64, secret: &str) -> String {
    let timestamp = timestamp_ms.to_string();
    let sign = auth_sign(appkey, &timestamp, secret);
    json!({"sign": sign, "timestamp": timestamp, "appkey": appkey}).to_string()
}

const NO_TOKEN: (u16, i64, &str) = (401, 10001, "token is invalid");
const NO_PATH: (u16, i64, &str) = (404, 404, "no such path");
const NO_METHOD: (u16, i64, &str) = (405, 405, "the path does not take this method");

const fn parameter(msg: &'static str) -> (u16, i64, &'static str) {
    (400, 20001, msg)
}

fn auth_cases() -> Vec<Case> {
    let (key, secret) = (ONE.appkey, ONE.master_secret);
    let sign = auth_sign(key, &NOON_MS.to_string(), secret);
    let without = |name: &str| {
        let mut body = json!({"sign": sign, "timestamp": NOON_MS, "appkey": key});
        body.as_object_mut().unwrap().remove(name);
        body.to_string()
    };
    vec![
        auth("not JSON".to_owned(), (200, 1, "body is not JSON")),
        auth(String::new(), (200, 1, "body is not JSON")),
        auth("[]".to_owned(), parameter("body type error")),
        auth(without("sign"), parameter("sign can not be empty")),
        auth(
            without("timestamp"),
            parameter("timestamp can not be empty"),
        ),
        auth(without("appkey"), parameter("appkey can not be empty")),
        auth(
            json!({"sign": 1, "timestamp": NOON_MS, "appkey": key}).to_string(),
            parameter("sign type error"),
        ),
        auth(
            json!({"sign": "f".repeat(65), "timestamp": NOON_MS, "appkey": key}).to_string(),
            parameter("sign size over limit"),
        ),
        auth("x".repeat(20_000), parameter("body size over limit")),
        auth(signed(key, NOON_MS, "wrong"), parameter("sign is invalid")),
        auth(
            signed("wrong", NOON_MS, secret),
            parameter("appkey is invalid"),
        ),
        auth(
            signed(TWO.appkey, NOON_MS, TWO.master_secret),
            parameter("appkey is invalid"),
        ),
        auth(
            signed(key, NOON_MS - 600_001, secret),
            parameter("timestamp is invalid"),
        ),
        auth(
            signed(key, NOON_MS + 600_001, secret),
            parameter("timestamp is invalid"),
        ),
        auth(
            signed(key, NOON_MS / 1000, secret),
            parameter("timestamp is invalid"),
        ),
        auth(signed(key, NOON_MS - 600_000, secret), (200, 0, "success")),
    ]
}

fn token_cases(token: &str, of_two: &str) -> Vec<Case> {
    let reports = [
        "push/task/RASL_1",
        "push/task/RASL_1/detail",
        "push/task_group/g",
        "push/date/2026-11-20",
        "push/count",
        "user/date/2026-11-20",
        "online_user",
    ];
    let mut cases = Vec::new();
    for report in reports {
        let path = format!("report/{report}");
        cases.push(get(&path, token, (200, 0, "success")));
        cases.push(get(&path, of_two, NO_TOKEN));
        cases.push(get(&path, "neverIssued", NO_TOKEN));
        cases.push(get(&path, "", NO_TOKEN));
        let missing = get(&path, token, NO_TOKEN);
        cases.push(Case {
            token: None,
            ..missing
        });
        let elsewhere = get(&path, token, NO_TOKEN);
        cases.push(Case {
            path: format!("/v2/nobody/{path}"),
            ..elsewhere
        });
        let posted = get(&path, token, NO_METHOD);
        cases.push(Case {
            method: Method::POST,
            ..posted
        });
    }
    cases
}

fn parameter_cases(token: &str) -> Vec<Case> {
    let ids = |count: usize| {
        (0..count)
            .map(|id| format!("RASL_{id}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let report = |path: &str, expected| get(&format!("report/{path}"), token, expected);
    vec![
        report(&format!("push/task/{}", ids(200)), (200, 0, "success")),
        report(
            &format!("push/task/{}", ids(201)),
            parameter("taskid size over limit"),
        ),
        report(
            &format!("push/task/{}/detail", ids(201)),
            parameter("taskid size over limit"),
        ),
        report("push/task/%20", parameter("taskid can not be empty")),
        report("push/task/,,", parameter("taskid can not be empty")),
        report("push/task/a%2", parameter("taskid is invalid")),
        report("push/task/a%FF", parameter("taskid is invalid")),
        report(
            "push/task/a?needGetuiByBrand=yes",
            parameter("needGetuiByBrand is invalid"),
        ),
        report(
            "push/task/a?needGetuiByBrand=",
            parameter("needGetuiByBrand can not be empty"),
        ),
        report(
            "push/task/a?needGetuiByBrand=TRUE&other=1",
            (200, 0, "success"),
        ),
        report(
            &format!("push/task/a?actionIdList={}", ids(201)),
            parameter("actionIdList size over limit"),
        ),
        report(
            &format!("push/task_group/{}", "g".repeat(101)),
            parameter("group_name size over limit"),
        ),
        report(
            &format!("push/task_group/{}", "%E7%BB%84".repeat(100)),
            (200, 0, "success"),
        ),
        report(
            "push/task_group/g?startDate=2026-02-30",
            parameter("startDate is invalid"),
        ),
        report(
            "push/task_group/g?startDate=2026-09-11",
            parameter("startDate is invalid"),
        ),
        report(
            "push/task_group/g?startDate=2026-09-12",
            (200, 0, "success"),
        ),
        report(
            "push/task_group/g?endDate=20261120",
            parameter("endDate is invalid"),
        ),
        report(
            "push/task_group/g?startDate=2026-11-20&endDate=2026-11-19",
            parameter("startDate is invalid"),
        ),
    ]
}

fn date_cases(token: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ["push/date", "user/date"] {
        let report = |date: &str, expected| get(&format!("report/{kind}/{date}"), token, expected);
        for date in [
            "2026-11-21",
            "2026-11-22",
            "2026-02-30",
            "2026-2-3",
            "today",
        ] {
            cases.push(report(date, parameter("date is invalid")));
        }
        cases.push(report("2026-11-20", (200, 0, "success")));
    }
    cases
}

fn path_cases(token: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "",
        "report",
        "report/push",
        "report/push/task",
        "report/push/task/",
        "auth/a/b",
    ]
    .into_iter()
    .map(|path| get(path, token, NO_PATH))
    .collect();
    for path in ["/v2", "/v2/", "/v2//", "/v2/x", "/v2/x/", "/v2/x/y/z"] {
        let whole = get("", token, NO_PATH);
        cases.push(Case {
            path: path.to_owned(),
            ..whole
        });
    }
    cases.push(get("auth", token, NO_METHOD));
    cases.push(get("auth/x", token, NO_METHOD));
    let ended = get("auth/neverIssued", token, NO_TOKEN);
    cases.push(Case {
        method: Method::DELETE,
        ..ended
    });
    cases
}

fn check(world: &World, case: &Case) {
    let headers: Vec<_> = case
        .token
        .iter()
        .map(|token| ("token", token.as_str()))
        .collect();
    let reply = world.send(&case.method, &case.path, &headers, case.body.clone());
    let told = reply.json();
    let msg = told["msg"].as_str().unwrap_or_default();
    let (method, path) = (&case.method, &case.path);
    assert_eq!(
        (reply.status, reply.code(), msg),
        case.expected,
        "{method} {path} {}",
        case.body
    );
    assert!(told["data"].is_object(), "{method} {path}: {told}");
    assert_eq!(
        reply.header("content-type"),
        "application/json;charset=utf-8"
    );
}

#[rstest]
fn each_row_of_the_error_table(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (token, of_two) = (world.token(ONE), world.token(TWO));
    let cases = [
        auth_cases(),
        token_cases(&token, &of_two),
        parameter_cases(&token),
        date_cases(&token),
        path_cases(&token),
    ];
    for case in cases.iter().flatten() {
        check(&world, case);
    }
}

#[rstest]
fn a_report_that_is_not_allowed_is_refused(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let token = world.token(ONE);
    let put = r#"{"detail_allowed":false,"count_allowed":false}"#;
    let reply = world.api(&world.keys.admin, &Method::PUT, "settings", put);
    assert_eq!(reply.status, 200, "{}", reply.text);
    for (path, code) in [("push/task/a/detail", 30017), ("push/count", 30023)] {
        let reply = world.report(ONE, &token, path);
        assert_eq!((reply.status, reply.code()), (403, code), "{}", reply.text);
        assert_eq!(world.report(TWO, &world.token(TWO), path).code(), 0);
    }
}

#[rstest]
fn over_a_rate_limit_the_status_is_401(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let token = world.token(ONE);
    for _ in 1..100 {
        assert_eq!(world.auth(ONE).code(), 0);
    }
    let reply = world.auth(ONE);
    assert_eq!((reply.status, reply.code()), (401, 10003));
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(world.auth(TWO).code(), 0, "apps do not share");

    for _ in 0..60 {
        assert_eq!(world.report(ONE, &token, "push/count").code(), 0);
    }
    let reply = world.report(ONE, &token, "push/count");
    assert_eq!((reply.status, reply.code()), (401, 10005));
    assert_eq!(world.report(ONE, &token, "online_user").code(), 0);
    world.clock.advance(1_000);
    assert_eq!(world.report(ONE, &token, "push/count").code(), 0);
}

#[rstest]
fn other_reports_are_limited_where_that_is_set(#[values(Embedded, Postgres)] kind: StoreKind) {
    let setup = Setup {
        reports: Some(per_minute(1)),
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let token = world.token(ONE);
    let codes = |path| [(); 2].map(|()| world.report(ONE, &token, path).code());
    assert_eq!(codes("push/task/a"), [0, 10005]);
    assert_eq!(codes("push/date/2026-11-20"), [0, 10005]);
    assert_eq!(codes("push/count"), [0, 0]);
}

#[rstest]
fn a_store_that_is_away_is_code_2(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let token = world.token(ONE);
    world.rename("push_token", "elsewhere");
    let report = world.report(ONE, &token, "push/count");
    let auth = world.auth(ONE);
    let path = format!("/v2/{}/auth/{token}", ONE.id);
    let log_out = world.send(&Method::DELETE, &path, &[], "");
    for reply in [report, auth, log_out] {
        assert_eq!((reply.status, reply.code()), (503, 2), "{}", reply.text);
        assert_eq!(reply.header("retry-after"), "1");
    }
    world.rename("elsewhere", "push_token");
    assert_eq!(world.report(ONE, &token, "push/count").code(), 0);
}

#[rstest]
fn nothing_tells_whether_an_app_exists(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let unknown = App {
        id: "nobody",
        ..ONE
    };
    let wrong_key = App {
        appkey: "wrong",
        ..ONE
    };
    let token = world.token(TWO);
    let replies = |app: App| {
        let auth = world.auth(app);
        let report = world.report(app, &token, "push/count");
        (auth.status, auth.text, report.status, report.text)
    };
    let as_unknown = replies(unknown);
    assert_eq!(replies(wrong_key), as_unknown);
    world.set_disabled(ONE, true);
    assert_eq!(replies(ONE), as_unknown);
}

#[rstest]
fn guesses_of_an_address_that_fails_too_often_are_not_looked_up(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let setup = Setup {
        failures: 3,
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let token = world.token(ONE);
    let code = |token: &str| world.report(ONE, token, "push/count").code();
    assert_eq!([(); 4].map(|()| code("neverIssued")), [10001; 4]);
    assert_eq!(code(&token), 0, "what is right passes");
    assert_eq!(world.auth(ONE).code(), 0);
    let forged = App {
        master_secret: "wrong",
        ..ONE
    };
    let reply = world.auth(forged);
    assert_eq!((reply.status, reply.code()), (401, 10003));

    world.rename("push_token", "elsewhere");
    assert_eq!(code("neverIssued"), 10001, "the store is not asked");
    world.clock.advance(60_000);
    assert_eq!(code("neverIssued"), 2, "now it is");
    assert_eq!(world.auth(forged).code(), 20001);
}
