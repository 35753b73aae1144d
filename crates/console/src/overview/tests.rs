//! The first page over a stub of the API.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use reportd_platform::access::Role;
use reportd_testbed::run;
use serde_json::{Value, json};

use crate::testing::World;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\u{202e}";

/// What the stub does otherwise than all being well.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// Things wait for people.
    Waits,
    /// Push figures cannot be read.
    NoPush,
}

fn hours() -> Value {
    let point = |day: &str, hour: i64, count: i64| json!({"at": format!("{day}T{hour:02}:00"), "count": count});
    let yesterday = (0..24).map(|hour| point("2026-11-20", hour, 10));
    let today = (0..24).map(|hour| point("2026-11-21", hour, i64::from(hour < 12) * 50));
    json!({"series": [{"points": yesterday.chain(today).collect::<Vec<_>>()}]})
}

fn read(path: &str, trouble: Trouble) -> Option<Value> {
    let waits = trouble == Trouble::Waits;
    let total = |sent: i64| json!({"target_num": sent});
    let (_, call) = path
        .strip_prefix("/api/apps/")
        .and_then(|rest| rest.split_once('/'))
        .unwrap_or(("", path));
    Some(match call {
        "comm/series" => hours(),
        "push/today" | "push/days" if trouble == Trouble::NoPush => return None,
        "push/today" => json!({
            "funnel": {"total": total(321)}, "online": {"now": 17},
            "quotas": [{"channel": "vv", "kind": "general", "is_used_up": waits}],
        }),
        "push/days" => json!({"days": [{"day": "2026-11-20", "total": total(300)}]}),
        "playback/days" => {
            json!({"days": [{"day": "2026-11-20", "plays": 40}, {"day": "2026-11-21", "plays": 44}]})
        }
        "playback/now" => json!({"viewers": 9}),
        "dialogue/monitor" => json!({
            "waiting": i64::from(waits) * 7, "oldest_waiting_seconds": 600,
            "days": [{"day": "2026-11-21", "received": 12}],
        }),
        "comm/rejections" if waits => {
            json!({"rejections": [{"at": 1_795_233_500_000_i64, "msg": HOSTILE}]})
        }
        "comm/rejections" => json!({"rejections": []}),
        "/api/deliveries" if waits => json!({"deliveries": [{}, {}], "next_cursor": "1"}),
        "/api/deliveries" => json!({"deliveries": [], "next_cursor": null}),
        "/api/status" => json!({
            "uptime_seconds": 90_000, "requests_per_second": 1.5, "reports_per_second": 20.25,
            "journal_writable": !waits, "journal_entries": 153_000, "journal_bytes": 2_097_152, "views_bytes": 1024,
            "state_bytes": 0, "memory_bytes": 0, "waiting": {"callbacks dead": 3},
            "views": [{"view": "comm", "entries_behind": 0, "lag_ms": 0, "stuck": waits.then_some(HOSTILE)}],
            "kinds": [{"kind": "comm", "requests": 15_300, "reports": 153_000}],
        }),
        _ => return None,
    })
}

async fn answer(State(trouble): State<Trouble>, uri: Uri) -> Response {
    match read(uri.path(), trouble) {
        Some(body) => (
            [(header::CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn page(trouble: Trouble, role: Role, apps: &[&str]) -> String {
    let world = World::new(Router::new().fallback(answer).with_state(trouble));
    let visitor = world.visitor_of(role, apps).await;
    let (status, page) = visitor.get("/console").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page
}

/// The page without tags and blanks between words.
fn words(page: &str) -> String {
    let parts = page
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let text = parts.collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_came_in_stands_beside_yesterday() {
    run(async {
        // Two apps, two operations each: it is noon, so twelve hours of yesterday have passed as well.
        let page = page(Trouble::None, Role::Admin, &[]).await;
        let text = words(&page);
        for told in [
            "Bot messages 2,400 480 yesterday by now",
            "Pushes sent 642 yesterday 600 34 online now",
            "Plays 88 yesterday 80 18 viewing now",
            "Dialogue reports 24 yesterday 0",
            "Nothing waits for you.",
            "Journal 153,000 entries takes entries",
            "Runs for 25 h",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
        assert!(page.contains("data-live-seconds=\"5\""));
        assert!(page.contains("href=\"/console/apps/bots/push\""));
        assert!(page.contains("class=\"vh\">By hour"));
    });
}

#[test]
fn what_waits_leads_to_its_page_and_is_text() {
    run(async {
        let page = page(Trouble::Waits, Role::Admin, &[]).await;
        let text = words(&page);
        for told in [
            "14 tickets wait, the oldest for 10 min",
            "2+ callbacks were given up",
            "the quota of vv general is used up",
            "takes no entries",
            "The view comm is stuck",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
        for address in [
            "/console/tickets",
            "/console/deliveries?state=dead",
            "/console/apps/bots/comm/rejected",
            "/console/apps/other/push/quotas",
        ] {
            assert!(page.contains(&format!("href=\"{address}\"")), "{address}");
        }
        assert!(!page.contains("<img"), "{page}");
    });
}

#[test]
fn roles_are_told_what_they_may_see_to() {
    run(async {
        let viewer = page(Trouble::Waits, Role::Viewer, &[]).await;
        assert!(!viewer.contains("/console/tickets") && !viewer.contains("/console/deliveries"));
        assert!(!viewer.contains("/comm/rejected"));
        assert!(words(&viewer).contains("Requests per second"));
        let limited = page(Trouble::Waits, Role::Moderator, &["bots"]).await;
        assert!(limited.contains("/console/tickets") && !limited.contains("/console/apps/other"));
        assert!(
            !words(&limited).contains("Requests per second"),
            "that is of all apps"
        );
    });
}

#[test]
fn the_rest_is_shown_where_something_cannot_be_read() {
    run(async {
        let page = page(Trouble::NoPush, Role::Viewer, &[]).await;
        let text = words(&page);
        assert!(
            text.contains("Some figures could not be read") && text.contains("Plays 88"),
            "{text}"
        );
    });
}

#[test]
fn the_apps_are_a_file_too() {
    run(async {
        let world = World::new(Router::new().fallback(answer).with_state(Trouble::None));
        let visitor = world.visitor(Role::Viewer).await;
        let (_, file) = visitor.get("/console?csv=today").await;
        assert!(
            file.contains("\"bots\",\"1200\",\"321\",\"44\",\"12\""),
            "{file}"
        );
        for (name, line) in [
            ("views", "\"comm\",\"0\",\"0 ms\",\"well\""),
            ("kinds", "\"comm\",\"15300\",\"153000\""),
        ] {
            let (_, file) = visitor.get(&format!("/console?csv={name}")).await;
            assert!(file.contains(line), "{file}");
        }
        let (status, _) = visitor.get("/console?csv=other").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (_, page) = visitor.in_chinese().get("/console").await;
        assert!(
            words(&page).contains("机器人消息 2,400 昨日同期 480"),
            "{page}"
        );
    });
}
