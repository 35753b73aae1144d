//! The table of codes: each call that is refused, and that nothing of it is recorded.

use std::fmt::Write;

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ONE, Session, Setup, World, per_minute};

const REPORT: &str = "/x/v2/history/report";
const HEARTBEAT: &str = "/x/click-interface/web/heartbeat";
const CURSOR: &str = "/x/web-interface/history/cursor";

/// The texts of the table.
fn message(code: i64) -> &'static str {
    match code {
        0 => "0",
        -101 => "账号未登录",
        -111 => "csrf 校验失败",
        -400 => "请求错误",
        -404 => "啥都木有",
        -509 => "请求过于频繁，请稍后再试",
        -503 => "服务暂不可用",
        other => panic!("{other} is not in the table"),
    }
}

struct Case {
    method: Method,
    path: String,
    cookie: String,
    body: String,
    code: i64,
}

/// Calls with a session where nothing else is said.
struct Calls {
    cookie: String,
    csrf: String,
}

impl Calls {
    fn case(method: &Method, path: &str, cookie: &str, body: &str, code: i64) -> Case {
        Case {
            method: method.clone(),
            path: path.to_owned(),
            cookie: cookie.to_owned(),
            body: body.to_owned(),
            code,
        }
    }

    fn post(&self, path: &str, body: &str, code: i64) -> Case {
        Self::case(&Method::POST, path, &self.cookie, body, code)
    }

    fn get(&self, path: &str, code: i64) -> Case {
        Self::case(&Method::GET, path, &self.cookie, "", code)
    }

    /// What every call that changes something is refused for.
    fn changes(&self, path: &str) -> Vec<Case> {
        let form = format!("aid=1&kid=archive_1&{}", self.csrf);
        let mut many = self.csrf.clone();
        (0..128).for_each(|number| write!(many, "&a{number}=1").unwrap());
        vec![
            Self::case(&Method::POST, path, "", &form, -101),
            Self::case(&Method::POST, path, "SESSDATA=old", &form, -101),
            self.post(path, "aid=1&kid=archive_1&csrf=wrong", -111),
            self.get(path, -400),
            Self::case(&Method::DELETE, path, &self.cookie, &form, -400),
            self.post(path, &format!("{}&aid=%F", self.csrf), -400),
            self.post(path, &"x".repeat(70_000), -400),
            self.post(path, &many, -400),
        ]
    }

    /// Parameters that are missing or malformed.
    fn parameters(&self) -> Vec<Case> {
        const REPORTS: &[&str] = &[
            "aid=0",
            "aid=-1",
            "aid=x",
            "cid=1",
            "aid=1&cid=-1",
            "aid=1&progress=-2",
            "aid=1&progress=2147483649",
            "aid=1&progress=1e3",
            "aid=9223372036854775808",
        ];
        const HEARTBEATS: &[&str] = &[
            "aid=1&bvid=BV1xx411c7mD",
            "bvid=BV1",
            "aid=1&played_time=-2",
            "aid=1&realtime=x",
            "aid=1&played_time=99999999999",
            "aid=1&session=%00",
        ];
        let reports = REPORTS.iter();
        let reports =
            reports.map(|fields| self.post(REPORT, &format!("{fields}&{}", self.csrf), -400));
        let heartbeats = HEARTBEATS.iter();
        let heartbeats = heartbeats.map(|fields| self.post(HEARTBEAT, fields, -400));
        reports.chain(heartbeats).collect()
    }

    fn reads(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for path in [CURSOR, "/x/v2/history", "/x/v2/history/shadow"] {
            cases.push(Self::case(&Method::GET, path, "", "", -101));
            cases.push(self.post(path, "", -400));
        }
        let old = "SESSDATA=old";
        cases.extend([
            self.get("/x/web-interface/history/cursor?max=1", -400),
            self.get("/x/web-interface/history/cursor?ps=x", -400),
            self.get(&format!("{CURSOR}?{}", "a".repeat(17_000)), -400),
            self.get("/x/v2/history?pn=-1", -400),
            self.get("/x/player/v2", -400),
            self.get("/x/player/wbi/v2?aid=1&bvid=BV1xx411c7mD", -400),
            self.get("/x/player/online/total?aid=x", -400),
            Self::case(&Method::GET, "/x/player/v2?aid=1", "", "", -404),
            Self::case(&Method::GET, "/x/player/online/total?aid=1", old, "", -404),
            self.get("/x", -404),
            self.get("/x/", -404),
            self.get("/x/v2/history/", -404),
            self.post("/x/v2/history/reports", "aid=1", -404),
        ]);
        cases
    }
}

fn cases(session: &Session) -> Vec<Case> {
    let calls = Calls {
        cookie: session.cookie(),
        csrf: format!("csrf={}", session.csrf),
    };
    let changing = [
        REPORT,
        HEARTBEAT,
        "/x/v2/history/delete",
        "/x/v2/history/clear",
    ];
    let mut cases: Vec<_> = changing
        .map(|path| calls.changes(path))
        .into_iter()
        .collect();
    cases.extend([calls.parameters(), calls.reads()]);
    cases.into_iter().flatten().collect()
}

#[rstest]
fn each_refusal_is_http_200_and_records_nothing(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    for case in cases(&session) {
        let what = format!("{} {} {:.80}", case.method, case.path, case.body);
        let headers = [
            ("cookie", case.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let reply = world.send(&case.method, &case.path, &headers, case.body.clone());
        assert_eq!(reply.code(), case.code, "{what}: {}", reply.text);
        let whole = json!({"code": case.code, "message": message(case.code), "ttl": 1});
        assert_eq!(reply.json(), whole, "{what}: no data key");
        assert_eq!(world.entries(), 1, "{what}");
    }
    let viewers = world
        .state
        .read(|tx| tx.query_int("SELECT COUNT(*) FROM playback_viewer", &[]));
    assert_eq!(viewers.unwrap(), 0);
    let metrics = world.metrics.encode();
    for code in [-101, -111, -400, -404] {
        let line = format!("reportd_playback_rejections_total{{cause=\"{code}\"}}");
        assert!(metrics.contains(&line), "{line}");
    }
    assert!(
        metrics.contains("reportd_playback_reports_total 0"),
        "{metrics}"
    );
}

#[rstest]
fn malformed_bodies_are_refused(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let cookie = world.session(ONE, 7).cookie();
    for (content_type, body) in [
        ("multipart/form-data", "--b\r\n"),
        ("multipart/form-data; boundary=b", "no part"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"aid\"\r\n\r\n1",
        ),
        ("application/json", r#"{"aid":1}"#),
        ("application/octet-stream", "aid=1"),
    ] {
        let headers = [("cookie", cookie.as_str()), ("content-type", content_type)];
        let reply = world.send(&Method::POST, HEARTBEAT, &headers, body);
        assert_eq!((reply.code(), world.entries()), (-400, 1), "{content_type}");
    }
}

#[rstest]
fn limits_are_off_by_default_and_hold_where_they_are_set(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    for setup in [
        Setup {
            per_app: Some(per_minute(2)),
            ..Setup::default()
        },
        Setup {
            per_address: Some(per_minute(2)),
            ..Setup::default()
        },
    ] {
        let world = World::with(kind, setup);
        let session = world.session(ONE, 7);
        world.beat(&session, "aid=1");
        world.beat(&session, "aid=1");
        let reply = world.heartbeat(&session.cookie(), "aid=1");
        assert_eq!((reply.code(), world.entries()), (-509, 3));
        assert_eq!(reply.json()["message"], message(-509));
        assert_ne!(reply.header("retry-after"), "");
        assert_eq!(world.get(CURSOR, &session.cookie()).code(), -509);
        world.clock.advance(60_000);
        world.beat(&session, "aid=1");
    }
}

#[rstest]
fn a_store_that_fails_is_told_and_the_report_may_be_sent_again(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let send = || world.heartbeat(&session.cookie(), "aid=1").code();
    world.rename("playback_session", "elsewhere");
    assert_eq!(send(), -503);
    world.rename("elsewhere", "playback_session");
    world.rename("playback_viewer", "elsewhere");
    assert_eq!((send(), send()), (-503, -503));
    world.rename("elsewhere", "playback_viewer");
    assert_eq!(send(), 0);
    // What is known here is served without that store.
    world.rename("playback_session", "elsewhere");
    world.rename("playback_viewer", "elsewhere_too");
    assert_eq!(send(), 0);
    world.rename("elsewhere", "playback_session");
    world.rename("elsewhere_too", "playback_viewer");
    assert_eq!(world.entries(), 3);
    world.journal.close().unwrap();
    let reply = world.heartbeat(&session.cookie(), "aid=1");
    assert_eq!(reply.code(), -503);
    assert_eq!(reply.header("retry-after"), "1");
}
