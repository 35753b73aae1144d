//! Deliveries, the audit trail, and figures.

use axum::http::StatusCode;
use reportd_platform::access::Role;
use serde_json::{Value, json};

use super::{Stub, visit};
use crate::testing::{NOW_MS, World};

/// Tells of one dead callback.
fn say_deliveries(stub: &Stub) {
    let delivery = json!({
        "delivery_id": "5", "webhook_id": "msg_1", "app_id": "bots", "ticket_id": "9", "revision": 1,
        "url": "https://r.example/<b>", "uniqid": "u", "state": "dead", "attempts": 9, "created_at": NOW_MS,
        "next_at": null, "done_at": NOW_MS, "last_status": 500, "last_error": "status 500",
    });
    stub.say(
        "GET /api/deliveries",
        200,
        &json!({"deliveries": [delivery], "next_cursor": null}),
    );
    let counts = json!({"pending": 0, "delivered": 3, "dead": 1, "taken_back": 0, "most": 10_000});
    stub.say("GET /api/deliveries/counts", 200, &counts);
    let attempt = json!({"attempt": 1, "at": NOW_MS, "took_ms": 1_234, "status": 500, "error": null, "excerpt": "<oops>"});
    stub.say(
        "GET /api/deliveries/5",
        200,
        &json!({"delivery": delivery, "attempts": [attempt]}),
    );
}

#[tokio::test]
async fn each_role_sees_the_deliveries_and_who_may_replays_them() {
    for (role, categories, has_counts, may_replay) in [
        (Role::Moderator, &[][..], true, false),
        (Role::Moderator, &["chat"][..], false, false),
        (Role::Lead, &[][..], true, true),
        (Role::Admin, &[][..], true, true),
    ] {
        let stub = Stub::new();
        say_deliveries(&stub);
        if !has_counts {
            let refused = json!({"detail": "a person of role moderator may not do this"});
            stub.say("GET /api/deliveries/counts", 403, &refused);
        }
        let world = World::new(stub.router());
        world.create_limited("one", role, &["bots"], categories);
        let visitor = world.log_in("one").await;
        let who = format!("{role} of {categories:?}");
        let (status, list) = visitor.get("/console/deliveries").await;
        assert_eq!(status, StatusCode::OK, "{who}: {list}");
        let (status, one) = visitor.get("/console/deliveries/5").await;
        assert_eq!(status, StatusCode::OK, "{who}: {one}");
        for html in [&list, &one] {
            assert!(html.contains("href=\"/console/deliveries\""), "{who}");
            assert_eq!(html.contains("/replay\""), may_replay, "{who}: {html}");
        }
        assert_eq!(list.contains("Dead letter 1"), has_counts, "{who}: {list}");
        assert_eq!(list.contains("deliveries/counts"), has_counts, "{who}");
        assert!(list.contains("state=dead"), "{who}");
    }
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Viewer).await;
    let (_, html) = visitor.get("/console").await;
    assert!(!html.contains("/console/deliveries"), "{html}");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn deliveries_audit_and_figures_are_shown_and_kept_as_csv() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Lead).await;
    say_deliveries(&stub);
    let record = json!({
        "record_id": "1", "at": NOW_MS, "actor": "mei", "key": "", "action": "reopened", "app_id": "bots",
        "ticket_id": "9", "details": {"reason": "appeal <17>", "verdict": 4},
    });
    stub.say(
        "GET /api/audit",
        200,
        &json!({"records": [record], "next_cursor": "1"}),
    );
    let moderator =
        json!({"moderator": "mei", "claimed": 60, "judged": 58, "undone": 1, "reopened": 0});
    stub.say(
        "GET /api/apps/bots/dialogue/moderators",
        200,
        &json!({"moderators": [moderator]}),
    );
    let latency = json!({"count": 5, "p50_ms": 31_743, "p95_ms": 98_303, "p99_ms": null});
    stub.say("GET /api/apps/bots/dialogue/monitor", 200, &json!({
        "received": 1_234, "rejected": 3, "judged": 110, "undone": 1, "reopened": 1, "delivered": 108, "failed": 1,
        "rejected_by_cause": [{"ec": 408, "count": 3}], "waiting": 7, "oldest_waiting_seconds": 312,
        "latency": {"claim": latency, "verdict": latency, "delivery": latency},
        "days": [{"day": "2026-11-21", "received": 1_234, "rejected": 3, "judged": 110, "undone": 1, "reopened": 1, "delivered": 108, "failed": 1}],
    }));
    for (page, csv, parts) in [
        (
            "/console/deliveries",
            "deliveries",
            &["Dead letter 1", "/console/deliveries/replay", "&#60;b&#62;"][..],
        ),
        (
            "/console/deliveries/5",
            "attempts",
            &["/console/deliveries/5/replay", "1,234 ms", "&#60;oops&#62;"],
        ),
        (
            "/console/audit?actor=mei",
            "audit",
            &[
                "Reason: appeal &#60;17&#62; · Verdict no.: 4",
                "cursor=1",
                "/console/tickets/9",
            ],
        ),
        (
            "/console/moderators/bots",
            "moderators",
            &["mei", "58", "1.7 %"],
        ),
        (
            "/console/monitor/bots",
            "days",
            &["1,234", "timestamp outside the window", "31.7 s", "5 min"],
        ),
        ("/console/monitor/bots", "latency", &[]),
        ("/console/monitor/bots", "causes", &[]),
    ] {
        let (status, html) = visitor.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}\n{html}");
        for part in parts {
            assert!(html.contains(part), "{page}: {part}\n{html}");
        }
        let sign = if page.contains('?') { '&' } else { '?' };
        let (_, csv) = visitor.get(&format!("{page}{sign}csv={csv}")).await;
        assert!(
            csv.starts_with('\u{feff}') && csv.lines().count() >= 2,
            "{page}: {csv}"
        );
    }
    stub.say(
        "POST /api/deliveries/replay",
        200,
        &json!({"replayed": 1, "has_more": false}),
    );
    let (_, to) = visitor
        .post(
            "/console/deliveries/replay",
            &[("app", "bots"), ("host", "")],
        )
        .await;
    assert_eq!(to, "/console/deliveries?app=bots&replayed=1");
    let body = &stub.asked("POST /api/deliveries/replay")[0].1;
    assert_eq!(
        (&body["app"], &body["host"], &body["to"]),
        (&json!("bots"), &Value::Null, &json!(NOW_MS + 1))
    );
}
