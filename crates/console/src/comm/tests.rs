//! What the pages make of what the API tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use reportd_platform::access::Role;
use serde_json::{Value, json};

use crate::testing::{Visitor, World};

const HOSTILE: &str = "\"><script>alert(1)</script>";
const ACTIVE: &str = "/console/apps/bots/comm";

/// An API of fixed replies that keeps what it is asked.
#[derive(Clone)]
struct Stub {
    replies: Arc<HashMap<String, (StatusCode, Value)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Replies by method and path, such as `GET series`, or `GET series by hour` where hours are asked for.
    fn new(replies: &[(&str, Value)]) -> Self {
        let reply = |(call, value): &(&str, Value)| {
            let status = value["status"]
                .as_u64()
                .and_then(|status| u16::try_from(status).ok());
            let status = status.and_then(|status| StatusCode::from_u16(status).ok());
            let (method, path) = call.split_once(' ').unwrap();
            let call = format!("{method} /api/apps/bots/comm/{path}");
            (call, (status.unwrap_or(StatusCode::OK), value.clone()))
        };
        let mut all: HashMap<_, _> = replies.iter().map(reply).collect();
        let operations = "GET /api/apps/bots/comm/operations".to_owned();
        all.entry(operations)
            .or_insert((StatusCode::OK, operations_reply()));
        Self {
            replies: Arc::new(all),
            asked: Arc::default(),
        }
    }

    async fn answer(self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let call = format!("{} {}", parts.method, parts.uri.path());
        let query = parts.uri.query().unwrap_or_default();
        let asked = format!("{call}?{query} {}", String::from_utf8_lossy(&body));
        self.asked.lock().unwrap().push(asked);
        let by_hour = query
            .contains("step=hour")
            .then(|| format!("{call} by hour"));
        let found = by_hour.and_then(|call| self.replies.get(&call));
        match found.or_else(|| self.replies.get(&call)) {
            Some((status, value)) => (*status, Json(value.clone())).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn router(&self) -> Router {
        let stub = self.clone();
        Router::new().fallback(move |request: Request| stub.clone().answer(request))
    }

    fn was_asked(&self, part: &str) -> bool {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .any(|asked| asked.contains(part))
    }
}

fn operations_reply() -> Value {
    let message = |oper_id: i64, name: &str| {
        let dimensions = ["gid", "target_id", "ext2"];
        json!({ "oper_id": oper_id, "name": name, "kind": "event", "dimensions": dimensions,
            "required": [{ "field": "gid" }, { "field": "ext1", "equals": "youtube" }] })
    };
    let census = json!({ "oper_id": 1_502_007_320_601_i64, "name": "group census", "kind": "snapshot",
        "required": [{ "field": "gid" }, { "field": "ext1", "non_negative_integer": true }], "dimensions": ["gid"] });
    json!({ "operations": [
        census,
        message(1_503_000_120_601, "active message"),
        message(1_503_000_120_602, "passive message"),
    ] })
}

async fn world(replies: &[(&str, Value)], role: Role) -> (World, Visitor, Stub) {
    let stub = Stub::new(replies);
    let world = World::new(stub.router());
    let visitor = world.visitor(role).await;
    (world, visitor, stub)
}

fn series(keys: &[Option<&str>]) -> Value {
    let line = |key: &Option<&str>| {
        json!({ "key": key, "total": 1500, "points": [
            { "at": "2026-11-20", "count": 1400 }, { "at": "2026-11-21", "count": 100 }] })
    };
    let lines: Vec<_> = keys.iter().map(line).collect();
    json!({ "total": 4321, "series": lines, "others": 21 })
}

/// A day of which each hour has so many reports.
fn hours(count: i64) -> Value {
    let points: Vec<_> = (0..24)
        .map(|hour| json!({ "at": format!("2026-11-19T{hour:02}:00"), "count": count }))
        .collect();
    json!({ "total": 24 * count, "others": 0, "series": [{ "key": null, "total": 24 * count, "points": points }] })
}

#[tokio::test]
async fn a_series_is_told_with_its_json_and_csv() {
    let replies = [
        ("GET series", series(&[None])),
        ("GET series by hour", hours(20)),
    ];
    let (_world, visitor, stub) = world(&replies, Role::Viewer).await;
    let days = "?from=2026-11-20&to=2026-11-21";
    let (status, page) = visitor.get(&format!("{ACTIVE}{days}")).await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        "<p class=\"big\">4,321</p>",
        // It is noon: of the hours of the last day before, twelve count for nothing.
        "+5.9 % against the 2 days before, up to this time of day",
        "/api/apps/bots/comm/series?oper_id=1503000120601&#38;from=2026-11-20&#38;to=2026-11-21&#38;step=day",
        "highest 1,400 (2026-11-20)",
        "data-live-seconds=\"5\"",
        "csv=series",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(stub.was_asked("from=2026-11-18&to=2026-11-19"));
    let (_, csv) = visitor.get(&format!("{ACTIVE}{days}&csv=series")).await;
    assert_eq!(
        csv,
        "\u{feff}\"Day\",\"Reports\"\r\n\"2026-11-21\",\"100\"\r\n\"2026-11-20\",\"1400\"\r\n"
    );
}

#[tokio::test]
async fn values_that_strangers_wrote_are_shown_as_they_are() {
    let lines = [Some(HOSTILE), Some("\u{202e}evil"), Some("=1+1")];
    let (_world, visitor, stub) = world(&[("GET series", series(&lines))], Role::Admin).await;
    let (_, page) = visitor.get(&format!("{ACTIVE}?by=ext2&top=5")).await;
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("<bdi>\u{202e}evil</bdi>"));
    assert!(stub.was_asked("by=ext2&top=5"));
    let (_, csv) = visitor.get(&format!("{ACTIVE}?by=ext2&csv=points")).await;
    assert!(csv.contains("\"'=1+1\",\"2026-11-20\",\"1400\""), "{csv}");
}

#[tokio::test]
async fn a_field_of_another_operation_is_not_asked_for() {
    let (_world, visitor, stub) = world(&[("GET series", series(&[None]))], Role::Viewer).await;
    let (status, _) = visitor
        .get(&format!("{ACTIVE}?oper_id=1502007320601&by=ext2"))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert!(!stub.was_asked("by=ext2"));
    let (status, page) = visitor.get(&format!("{ACTIVE}?oper_id=%3Cb%3E")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("<code>oper_id</code>"), "{page}");
}

#[tokio::test]
async fn hours_are_asked_for_while_they_are_kept() {
    let (_world, visitor, stub) = world(&[("GET series", series(&[None]))], Role::Viewer).await;
    visitor
        .get(&format!("{ACTIVE}?from=2026-11-21&to=2026-11-21"))
        .await;
    assert!(stub.was_asked("step=hour"));
    let (_, page) = visitor
        .get(&format!("{ACTIVE}?from=2026-10-01&to=2026-10-02&step=hour"))
        .await;
    assert!(
        page.contains("Hours are kept for the last 31 days"),
        "{page}"
    );
    assert!(stub.was_asked("from=2026-10-01&to=2026-10-02&step=day"));
}

#[tokio::test]
async fn active_stands_against_passive() {
    let row = |key: &str| json!({ "key": key, "active": 30, "passive": 10 });
    let reply =
        json!({ "active": 60, "passive": 20, "rows": [row("2026-11-20"), row("2026-11-21")] });
    let replies = [("GET messages", reply), ("GET series by hour", hours(1))];
    let (_world, visitor, stub) = world(&replies, Role::Viewer).await;
    let (_, page) = visitor
        .get(&format!("{ACTIVE}/messages?by=gid&top=20"))
        .await;
    assert!(page.contains("<p class=\"big\">75.0 %</p>"), "{page}");
    assert!(page.contains("Group (gid)") && page.contains("Uploader (ext2)"));
    assert!(stub.was_asked("by=gid&top=20"));
    // Twelve of the sixty came later than at noon.
    let against = "+25.0 % against the 30 days before, up to this time of day";
    assert!(page.contains(against), "{page}");
    assert!(stub.was_asked("oper_id=1503000120602&from=2026-10-22&to=2026-10-22&step=hour"));
    // Of longer ago no hours are kept: the days that are over are compared.
    let (_, page) = visitor
        .get(&format!("{ACTIVE}/messages?from=2026-10-01"))
        .await;
    let against = "±0.0 % over the 51 whole days, against the 51 before them";
    assert!(page.contains(against), "{page}");
    assert!(stub.was_asked("messages?from=2026-10-01&to=2026-11-20"));
    assert!(stub.was_asked("messages?from=2026-08-11&to=2026-09-30"));
    let (_, page) = visitor
        .in_chinese()
        .get(&format!("{ACTIVE}/messages"))
        .await;
    assert!(
        page.contains("主动消息") && page.contains("UP主/频道名 (ext2)"),
        "{page}"
    );
}

#[tokio::test]
async fn the_newest_census_is_shown_and_what_it_gained_and_lost() {
    // What has no census yet has lost nothing, whatever the day before had.
    let none =
        json!({ "groups": 0, "subscriptions": 0, "gained": [], "lost": [3, 249], "list": [] });
    let list: Vec<_> = (0..250)
        .map(|gid| json!({ "gid": gid, "subscriptions": 1000 - gid }))
        .collect();
    let some = json!({ "groups": 250, "subscriptions": 77_000, "gained": [3, 249], "lost": [-7], "list": list });
    let replies = [
        ("GET census/2026-11-21", none),
        ("GET census/2026-11-20", some),
    ];
    let (_world, visitor, _stub) = world(&replies, Role::Viewer).await;
    let (_, page) = visitor.get(&format!("{ACTIVE}/census")).await;
    for part in [
        "value=\"2026-11-20\"",
        "77,000",
        "308 a group",
        ">+2<",
        ">−1<",
        "1–200 of 250",
        "page=1",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let (_, csv) = visitor.get(&format!("{ACTIVE}/census?csv=gained")).await;
    assert!(
        csv.ends_with("\"3\",\"997\"\r\n\"249\",\"751\"\r\n"),
        "{csv}"
    );
    let (_, csv) = visitor
        .get(&format!("{ACTIVE}/census?csv=groups&page=1"))
        .await;
    assert_eq!(csv.lines().count(), 251);
    let (_, page) = visitor
        .get(&format!("{ACTIVE}/census?date=2026-11-21"))
        .await;
    assert!(
        page.contains("There is no census of this day") && !page.contains(">−2<"),
        "{page}"
    );
}

fn report(ext2: &str) -> Value {
    json!({ "received_at": 1_795_233_690_000_i64, "ts": 1_795_233_600_000_i64, "oper_id": 7, "gid": 42,
        "target_id": null, "to_uid": { "uid": "9" }, "scope": "channel", "ext2": ext2 })
}

#[tokio::test]
async fn raw_reports_have_a_column_for_each_field_that_there_is() {
    let reply = json!({ "reports": [report(HOSTILE)], "next_cursor": "1.42.0" });
    let (_world, visitor, stub) = world(&[("GET reports", reply)], Role::Lead).await;
    let (_, page) = visitor
        .get(&format!("{ACTIVE}/raw?gid=42&target_id="))
        .await;
    for part in [
        "2026-11-21 12:00:00",
        "90 s later",
        ">to_uid<",
        "{&#34;uid&#34;:&#34;9&#34;}",
        "cursor=1.42.0",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("<script>alert") && !page.contains(">target_id<"));
    assert!(stub.was_asked("gid=42&limit=50"));
}

#[tokio::test]
async fn a_page_that_found_nothing_yet_goes_on() {
    let reply = json!({ "reports": [], "next_cursor": "1.42.0" });
    let (_world, visitor, _stub) = world(&[("GET reports", reply)], Role::Lead).await;
    let (_, page) = visitor.get(&format!("{ACTIVE}/raw?gid=1")).await;
    assert!(
        page.contains("there is more to search") && page.contains("cursor=1.42.0"),
        "{page}"
    );
}

#[tokio::test]
async fn what_a_role_may_not_is_not_offered() {
    let (_world, visitor, _stub) = world(&[("GET series", series(&[None]))], Role::Viewer).await;
    let (_, page) = visitor.get(ACTIVE).await;
    assert!(
        !page.contains("/comm/raw") && !page.contains("/comm/rejected"),
        "{page}"
    );
    let (_, page) = visitor.get(&format!("{ACTIVE}/operations")).await;
    assert!(
        page.contains("ext1 = youtube") && !page.contains("/operations/new"),
        "{page}"
    );
}

fn rejections() -> Value {
    let unknown = json!({ "data_list": [{ "oper_id": 7 }, { "oper_id": 1_503_000_120_601_i64 }] })
        .to_string();
    let row = |id: i64, ret: i64, body: &str| json!({ "id": id, "at": 1_795_219_200_123_i64, "ret": ret, "msg": "why", "count": 1200, "body": body });
    json!({ "rejections": [row(17, 40005, &unknown), row(16, 40001, HOSTILE)], "next_cursor": "16" })
}

#[tokio::test]
async fn rejected_requests_are_shown_and_replayed() {
    let replies = [
        ("GET rejections", rejections()),
        (
            "POST rejections/17/replay",
            json!({ "replayed": 1, "refused": 0 }),
        ),
        (
            "POST rejections/replay",
            json!({ "replayed": 2, "refused": 3 }),
        ),
    ];
    let (world, visitor, stub) = world(&replies, Role::Admin).await;
    let (_, page) = visitor.get(&format!("{ACTIVE}/rejected")).await;
    for part in [
        "operation not registered",
        "/operations/new?oper_id=7\"",
        "1,200",
        "?cursor=16",
        "17/replay",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("<script>alert") && !page.contains("oper_id=1503000120601\""));
    let (status, to) = visitor
        .post(&format!("{ACTIVE}/rejected/17/replay"), &[])
        .await;
    assert_eq!(
        (status, to.as_str()),
        (
            StatusCode::SEE_OTHER,
            "/console/apps/bots/comm/rejected?replayed=1&refused=0"
        )
    );
    let (_, to) = visitor
        .post(&format!("{ACTIVE}/rejected/replay"), &[("ret", "40005")])
        .await;
    assert!(stub.was_asked("rejections/replay?ret=40005"));
    let (_, page) = visitor.get(&to).await;
    assert!(page.contains("2 taken, 3 refused again."), "{page}");
    let lead = world.visitor(Role::Lead).await;
    let (_, page) = lead.get(&format!("{ACTIVE}/rejected")).await;
    assert!(!page.contains("/replay\""), "{page}");
}

const FILLED: [(&str, &str); 6] = [
    ("oper_id", "7"),
    ("is_new", "1"),
    ("name", "command used"),
    ("kind", "event"),
    ("rule_gid", "present"),
    ("by_ext1", "1"),
];

#[tokio::test]
async fn an_operation_is_registered_as_it_was_filled_in() {
    let put = ("PUT operations/7", json!({}));
    let (_world, visitor, stub) = world(&[put], Role::Admin).await;
    let mut filled = FILLED.to_vec();
    filled.extend([
        ("rule_ext1", "equals"),
        ("value_ext1", "ab"),
        ("rule_ext2", "integer"),
        ("value_ext2", "x"),
    ]);
    let (status, to) = visitor.post(&format!("{ACTIVE}/operations"), &filled).await;
    assert_eq!(
        (status, to.as_str()),
        (
            StatusCode::SEE_OTHER,
            "/console/apps/bots/comm/operations?done=1"
        )
    );
    let body = r#"{"name":"command used","kind":"event","required":[{"field":"gid"},{"field":"ext1","equals":"ab"},{"field":"ext2","non_negative_integer":true}],"dimensions":["ext1"]}"#;
    assert!(stub.was_asked(body), "{:?}", stub.asked);
}

#[tokio::test]
async fn what_is_refused_keeps_the_form() {
    let refusal = json!({ "status": 409, "detail": "its kind is fixed", "field": "kind" });
    let (_world, visitor, _stub) = world(&[("PUT operations/7", refusal)], Role::Admin).await;
    let (status, page) = visitor.post(&format!("{ACTIVE}/operations"), &FILLED).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        page.contains("<bdi>Kind</bdi>: <bdi>its kind is fixed</bdi>")
            && page.contains("value=\"command used\""),
        "{page}"
    );
    let refusal = json!({ "status": 400, "detail": "given twice", "field": "required[0].equals" });
    let (_world, visitor, _stub) = world(&[("PUT operations/7", refusal)], Role::Admin).await;
    let address = format!("{ACTIVE}/operations");
    let (_, page) = visitor.in_chinese().post(&address, &FILLED).await;
    let told = "<bdi>群组 (gid)</bdi>：<bdi>不能重复。</bdi>";
    assert!(page.contains(told), "{page}");
}

#[tokio::test]
async fn an_operation_that_is_there_is_not_registered_again() {
    let (_world, visitor, stub) = world(&[], Role::Admin).await;
    let mut taken = FILLED.to_vec();
    taken[0].1 = "1503000120601";
    let (status, page) = visitor.post(&format!("{ACTIVE}/operations"), &taken).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        page.contains("1503000120601 is registered already"),
        "{page}"
    );
    assert!(!stub.was_asked("PUT /api/apps/bots/comm/operations/1503000120601"));
}

#[tokio::test]
async fn an_operation_is_changed_and_taken_out_of_force() {
    let (_world, visitor, stub) = world(
        &[("DELETE operations/1503000120601", Value::Null)],
        Role::Admin,
    )
    .await;
    let (_, page) = visitor
        .get(&format!("{ACTIVE}/operations/1503000120601"))
        .await;
    assert!(
        page.contains("value=\"youtube\"") && page.contains("data-confirm"),
        "{page}"
    );
    let (status, _) = visitor
        .post(&format!("{ACTIVE}/operations/1503000120601/delete"), &[])
        .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(stub.was_asked("DELETE"));
    let (status, _) = visitor.get(&format!("{ACTIVE}/operations/99")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
