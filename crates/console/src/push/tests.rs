//! The pages over a stub of the API: what they show of its replies.

use std::collections::HashMap;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use reportd_platform::access::Role;
use reportd_testbed::run;
use serde_json::{Value, json};

use crate::testing::{Visitor, World};

/// A name that is markup, and turns the page where it may.
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}\"'&";

fn figures(numbers: [i64; 5]) -> Value {
    let [msg, target, receive, display, click] = numbers;
    json!({"msg_num": msg, "target_num": target, "receive_num": receive, "display_num": display, "click_num": click})
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn funnel() -> Value {
    let channel = |code: &str, has_display: bool, numbers| {
        with(
            figures(numbers),
            json!({"channel": code, "has_display": has_display}),
        )
    };
    json!({
        "total": figures([2000, 1600, 1200, 600, 60]),
        "channels": [channel("gt", true, [0, 1000, 800, 600, 50]), channel("hw", false, [0, 600, 400, 777, 10])],
        "brands": [with(figures([0, 900, 700, 500, 40]), json!({"brand": "xm"})),
            with(figures([0, 100, 100, 100, 10]), json!({"brand": HOSTILE}))],
        "actions": [{"action_id": HOSTILE, "count": 5}],
    })
}

fn losses() -> Value {
    let text = |zh: &str, en: &str| json!({"zh": zh, "en": en});
    json!([{
        "phase": "sf", "phase_text": text("下发成功-到达阶段折损", "lost between sent and received"), "channel": "hw",
        "class": 13, "class_text": text("无效用户", "invalid user"),
        "reason": 13001, "reason_text": text("请求无效用户", "request for an invalid user"), "count": 31,
    }, {
        "phase": "fd", "phase_text": text("到达-展示阶段折损", "lost between received and displayed"), "channel": "gt",
        "class": 10, "class_text": text("关闭通知", "notifications are off"),
        "reason": 10, "reason_text": text("关闭通知", "notifications are off"), "count": 69,
    }])
}

fn task(id: &str, group: Option<&str>) -> Value {
    json!({"taskid": id, "kind": "list", "group_name": group, "created_at": 1_795_233_600_000_i64,
        "is_announced": true, "total": figures([2000, 1600, 1200, 600, 60])})
}

fn days(from: &str, to: &str) -> Value {
    let day = |day: &str, sent: i64| {
        let total = figures([sent * 2, sent, sent / 2, 0, 0]);
        let channel = json!({"channel": "hw", "has_display": false});
        let channels = json!([with(total.clone(), channel)]);
        json!({"day": day, "total": total, "channels": channels})
    };
    let sent = [(18, 600), (19, 800), (20, 1000), (21, 1500)];
    let days = sent.map(|(of_month, sent)| day(&format!("2026-11-{of_month}"), sent));
    let days = days.into_iter().filter(|day| {
        let day = day["day"].as_str().unwrap();
        (from..=to).contains(&day)
    });
    json!({"days": days.collect::<Vec<_>>()})
}

/// The days that are asked for.
async fn days_asked(Query(asked): Query<HashMap<String, String>>) -> String {
    days(&asked["from"], &asked["to"]).to_string()
}

async fn tasks(Query(asked): Query<HashMap<String, String>>) -> String {
    let all = !asked.contains_key("cursor");
    let (tasks, next) = match all {
        true => (
            json!([
                task("RASL_1", Some(HOSTILE)),
                task(HOSTILE, None),
                task("..", None)
            ]),
            json!("5.7"),
        ),
        false => (json!([task("=cmd|' /C'!A0", Some("spring"))]), Value::Null),
    };
    json!({"tasks": tasks, "next_cursor": next}).to_string()
}

/// A call that says the same whatever it is asked.
fn says(body: Value) -> axum::routing::MethodRouter {
    let body = body.to_string();
    get(|| std::future::ready(body))
}

fn api() -> Router {
    let points = json!([{"at": 1_795_232_400_000_i64, "users": 7}, {"at": 1_795_233_000_000_i64, "users": 31_000},
        {"at": 1_795_233_600_000_i64, "users": 12}]);
    let quotas = json!([{"channel": "vv", "kind": "general", "total": 1000, "sent": 5000, "received": 250,
        "remaining": 0, "is_used_up": false},
        {"channel": "gt", "kind": "list", "total": 0, "sent": 0, "received": 0, "remaining": 0, "is_used_up": true}]);
    let whole = with(
        task(HOSTILE, Some(HOSTILE)),
        json!({"funnel": funnel(), "losses": losses(), "days": days("2026-11-20", "2026-11-21")["days"]}),
    );
    let missing = || {
        std::future::ready((
            StatusCode::NOT_FOUND,
            r#"{"detail":"there is no such task"}"#,
        ))
    };
    let user = json!({"day": "2026-11-21", "accumulative_num": 20_000, "register_num": 120, "active_num": 9_000, "online_num": 700});
    Router::new()
        .route("/api/apps/{app}/push/tasks", get(tasks))
        .route("/api/apps/{app}/push/tasks/{task}", says(whole))
        .route("/api/apps/{app}/push/tasks/none", get(missing))
        .route(
            "/api/apps/{app}/push/groups/{name}",
            says(json!({"group_name": "g", "funnel": funnel()})),
        )
        .route("/api/apps/{app}/push/days", get(days_asked))
        .route(
            "/api/apps/{app}/push/days/{day}",
            says(json!({"day": "2026-11-20", "funnel": funnel(), "losses": losses()})),
        )
        .route(
            "/api/apps/{app}/push/settings",
            says(json!({"channels_without_display": ["hw", "st"]})),
        )
        .route(
            "/api/apps/{app}/push/users",
            says(json!({"days": [user]})),
        )
        .route(
            "/api/apps/{app}/push/online",
            says(json!({"peak": 31_000, "points": points})),
        )
        .route(
            "/api/apps/{app}/push/quotas",
            says(json!({"day": "2026-11-21", "quotas": quotas})),
        )
        .route(
            "/api/apps/{app}/push/today",
            says(json!({"day": "2026-11-21", "funnel": funnel(), "losses": losses(), "quotas": quotas,
                "online": {"now": 12, "points": points}})),
        )
}

/// A page that must be there.
async fn page(visitor: &Visitor, path: &str) -> String {
    let (status, html) = visitor.get(&format!("/console/apps/bots/push{path}")).await;
    assert_eq!(status, StatusCode::OK, "{path}: {html}");
    html
}

fn assert_has(html: &str, parts: &[&str]) {
    for part in parts {
        assert!(html.contains(part), "«{part}» is missing in {html}");
    }
}

#[test]
fn tasks_are_listed_and_what_strangers_wrote_is_text() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let html = page(&visitor, "?from=2026-11-21&to=2026-11-21").await;
        assert_has(
            &html,
            &[
                r#"href="/console/apps/bots/push/tasks/RASL_1""#,
                "&#60;script&#62;alert(1)",
                "group=%3Cscript%3Ealert%281%29",
                "cursor=5.7",
                "csv=tasks",
                "To a list",
                "75.0 %",
                "Today is not over: no change is shown.",
                "Huawei, Smartisan: no display counts",
            ],
        );
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(!html.contains("class=\"change up\""), "{html}");
        assert!(
            !html.contains(r#"/push/tasks/..""#),
            "no browser can ask for it"
        );
    });
}

#[test]
fn days_are_compared_that_are_over() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let html = page(&visitor, "?from=2026-11-20&to=2026-11-21").await;
        assert_has(
            &html,
            &[
                // Of both days together.
                "<p class=\"big\">2,500</p>",
                "+25.0 %<span class=\"vh\"> yesterday against the day before it",
                "Changes: yesterday against the day before it. Today is not over and is left out.",
            ],
        );
        let html = page(&visitor, "?from=2026-11-19&to=2026-11-20").await;
        assert_has(&html, &["Changes: against the 2 days before."]);
        let html = page(&visitor.in_chinese(), "?from=2026-11-20&to=2026-11-20").await;
        assert_has(&html, &["+25.0 %", "变化幅度：较前一天。"]);
    });
}

#[test]
fn the_csv_of_tasks_goes_on_to_the_last_page() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let csv = page(&visitor, "?csv=tasks").await;
        assert_eq!(csv.lines().count(), 5, "{csv}");
        assert_has(
            &csv,
            &["\"RASL_1\",\"To a list\"", "\"'=cmd|' /C'!A0\"", "\"1600\""],
        );
    });
}

#[test]
fn a_group_has_its_funnel_by_channel_and_brand() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let group = "?group=%3Cb%3E%2F%3F&from=2026-11-20&to=2026-11-21";
        let html = page(&visitor, group).await;
        assert_has(
            &html,
            &[
                "&#60;b&#62;/?",
                "/api/apps/bots/push/groups/%3Cb%3E%2F%3F?from=2026-11-20",
                "Xiaomi",
            ],
        );
        let csv = page(&visitor, &format!("{group}&csv=channels")).await;
        assert_has(
            &csv,
            &["\"Huawei (hw)\",\"37.5 %\",\"600\",\"400\",\"–\",\"10\""],
        );
    });
}

#[test]
fn a_task_shows_its_steps_shares_and_losses() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let html = page(&visitor, "/tasks/RASL_1").await;
        assert_has(
            &html,
            &[
                "2,000",
                "gives no display counts",
                "request for an invalid user",
                "notifications are off",
                "Sent → received",
                "2026-11-20",
                "csv=losses",
                "Huawei: no display counts",
            ],
        );
        assert!(!html.contains("777"), "what says nothing is not shown");
        assert!(!html.contains("<script>alert"), "{html}");
        let csv = page(&visitor, "/tasks/RASL_1?csv=funnel").await;
        assert_has(&csv, &["\"Received\",\"1200\",\"75.0 %\",\"60.0 %\""]);
        let chinese = page(&visitor.in_chinese(), "/tasks/RASL_1").await;
        assert_has(
            &chinese,
            &[
                "可下发数",
                "华为",
                "个推",
                "请求无效用户",
                "到达-展示阶段折损",
            ],
        );
        assert!(!chinese.contains("invalid user"));
    });
}

#[test]
fn what_is_not_there_is_a_page_that_says_so() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor_of(Role::Viewer, &["bots"]).await;
        for (path, words) in [
            (
                "/console/apps/bots/push/tasks/none",
                "there is no such task",
            ),
            ("/console/apps/none/push", "There is no app «none»"),
            ("/console/apps/other/push/today", "There is no app «other»"),
        ] {
            let (status, html) = visitor.get(path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert_has(&html, &[words]);
        }
        let (status, _) = visitor.get("/console/apps/bots/push?from=x").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    });
}

#[test]
fn days_have_a_page_each() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let html = page(&visitor, "/days?from=2026-11-20&to=2026-11-21").await;
        assert_has(
            &html,
            &[
                "2,500",
                r#"href="/console/apps/bots/push/days/2026-11-20""#,
                "Huawei",
                "–",
            ],
        );
        let html = page(&visitor, "/days/2026-11-20").await;
        assert_has(
            &html,
            &["days/2026-11-19", "days/2026-11-21", "Pushes of 2026-11-20"],
        );
    });
}

#[test]
fn today_keeps_itself_up_to_date() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let html = page(&visitor, "/today").await;
        assert_has(
            &html,
            &[
                "data-live-seconds=\"10\"",
                "Online now",
                "Operational messages",
            ],
        );
        let csv = page(&visitor, "/today?csv=losses").await;
        assert_has(&csv, &["invalid user (13)"]);
    });
}

/// Just after midnight what was sent yesterday still comes back.
#[test]
fn a_step_that_is_higher_than_the_one_before_has_no_share_of_it() {
    run(async {
        let channel = with(
            figures([0, 10, 25, 9, 1]),
            json!({"channel": "gt", "has_display": true}),
        );
        let total = figures([12, 10, 25, 9, 1]);
        let funnel = json!({"total": total, "channels": [channel], "brands": [], "actions": []});
        let today = json!({"day": "2026-11-21", "funnel": funnel, "losses": [], "quotas": [],
            "online": {"now": 12, "points": []}});
        let world = World::new(Router::new().route("/api/apps/{app}/push/today", says(today)));
        let visitor = world.visitor(Role::Viewer).await;
        let html = page(&visitor, "/today").await;
        assert_has(
            &html,
            &[
                "Each step counts on the day on which it happened.",
                "83.3 % of sendable",
                "36.0 % of received",
            ],
        );
        assert!(!html.contains("250.0"), "{html}");
        let chinese = page(&visitor.in_chinese(), "/today").await;
        assert_has(&chinese, &["各环节计入实际发生的日期"]);
    });
}

#[test]
fn users_and_the_online_curve_are_told() {
    run(async {
        let world = World::new(api());
        let visitor = world.visitor(Role::Viewer).await;
        let html = page(&visitor, "/users").await;
        assert_has(&html, &["20,000", "9,000", "on 2026-11-21"]);
        let html = page(&visitor, "/online").await;
        assert_has(
            &html,
            &[
                "31,000",
                "11-21 11:50",
                "data-live-seconds",
                "date=2026-11-21",
            ],
        );
        let html = page(&visitor, "/online?date=2026-11-20").await;
        assert!(
            !html.contains("data-live-seconds"),
            "a past day stands still"
        );
        assert_has(&html, &["date=2026-11-19", "date=2026-11-21"]);
        let csv = page(&visitor, "/online?csv=online").await;
        assert_has(&csv, &["\"2026-11-21 12:00:00\",\"12\""]);
    });
}

#[test]
fn quotas_count_as_their_channel_does_and_lead_to_settings_who_may() {
    run(async {
        let world = World::new(api());
        let settings = "/console/settings/apps/bots";
        let viewer = world.visitor(Role::Viewer).await;
        let html = page(&viewer, "/quotas").await;
        assert_has(&html, &["25.0 %", "vivo counts what arrives", "used up"]);
        assert!(!html.contains(settings));
        let admin = world.visitor(Role::Admin).await;
        assert_has(&page(&admin, "/quotas").await, &[settings]);
    });
}
