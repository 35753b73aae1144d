//! The pages over a stub of the API: what they show, what they ask for, and what no report can make of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use reportd_platform::access::Role;
use serde_json::{Value, json};

use crate::testing::{NOW_MS, PASSWORD, Visitor, World};

/// What the stub says to which call, and what was asked of it.
#[derive(Clone, Default)]
struct Stub(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    says: HashMap<String, (u16, Value)>,
    asked: Vec<(String, Value)>,
}

impl Stub {
    fn new() -> Self {
        let stub = Self::default();
        let labels = json!([
            {"key": "normal", "wire": "normal", "zh": "正常", "en": "Normal"},
            {"key": "ad", "wire": "ad", "zh": "广告", "en": "Advertising"},
        ]);
        let settings =
            json!({"categories": ["chat", "room"], "labels": labels, "undo_seconds": 60});
        for app in crate::testing::APPS {
            stub.say(
                &format!("GET /api/apps/{app}/dialogue/settings"),
                200,
                &settings,
            );
        }
        stub.say("GET /api/tickets/counts", 200, &counts());
        stub.say(
            "GET /api/tickets",
            200,
            &json!({"tickets": [], "next_cursor": null}),
        );
        stub
    }

    fn say(&self, call: &str, status: u16, body: &Value) {
        let mut inner = self.0.lock().unwrap();
        inner.says.insert(call.to_owned(), (status, body.clone()));
    }

    /// The calls of that method and path with their bodies.
    fn asked(&self, call: &str) -> Vec<(String, Value)> {
        let inner = self.0.lock().unwrap();
        let of_call = |(asked, _): &&(String, Value)| asked.starts_with(call);
        inner.asked.iter().filter(of_call).cloned().collect()
    }

    fn router(&self) -> Router {
        let stub = self.clone();
        Router::new().fallback(move |request: Request| stub.clone().answer(request))
    }

    async fn answer(self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let call = format!("{} {}", parts.method, parts.uri.path());
        let mut inner = self.0.lock().unwrap();
        inner
            .asked
            .push((format!("{} {}", parts.method, parts.uri), body));
        match inner.says.get(&call) {
            Some((204, _)) => StatusCode::NO_CONTENT.into_response(),
            Some((status, body)) => {
                let status = StatusCode::from_u16(*status).unwrap();
                (status, Body::from(body.to_string())).into_response()
            }
            None => (
                StatusCode::NOT_FOUND,
                r#"{"detail":"there is no such ticket"}"#,
            )
                .into_response(),
        }
    }
}

fn counts() -> Value {
    json!({
        "open": 3, "claimed": 1, "claimed_by_me": 1, "judged": 2, "delivered": 10_000, "failed": 0,
        "oldest_open_seconds": 7_300, "most": 10_000,
        "categories": [{"app_id": "bots", "category": "chat", "waiting": 4}],
    })
}

fn row(id: &str, state: &str) -> Value {
    json!({
        "ticket_id": id, "app_id": "bots", "group_id": id, "state": state, "category": "chat", "report_id": format!("r{id}"),
        "received_at": NOW_MS - 60_000, "reports": 1, "users": 2, "infos": 2, "claimed_by": null, "claimed_until": null,
        "follows": null, "judged_at": null, "revision": 0,
    })
}

fn with(mut value: Value, members: &Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        value[name] = member.clone();
    }
    value
}

fn report(infos: &Value) -> Value {
    json!({
        "report_no": "41", "uniqid": "1", "redirect": "https://r.example/cb", "received_at": NOW_MS - 60_000,
        "report": {
            "report_evidence": {"reason": "刷屏", "images": ["https://evil.example/e.png"]},
            "users": {"id_1": {"name": "张三", "avatar": "http://evil.example/a.png", "sex": 1}, "id_2": {"name": "李四"}},
            "infos": infos,
        },
    })
}

fn text(user: &str, content: &str) -> Value {
    json!({"id": user, "type": "text", "content": content, "time": 1_795_233_000})
}

fn whole(ticket: Value, reports: &Value) -> Value {
    json!({
        "ticket": ticket, "reports": reports, "has_more_reports": false, "verdicts": [],
        "history": [{"user": "id_2", "tickets": [
            with(row("7", "delivered"), &json!({"dialogue_result": "ad", "user_result": "ad"})),
        ]}],
        "reporters": [{"reporter": "1", "tickets": 12, "judged": 10, "upheld": 2}],
        "deliveries": [], "audit": [],
    })
}

fn verdict(auditor: &str, label: &str) -> Value {
    json!({
        "revision": 1, "dialogue_result": label, "user_result": {"id_1": "normal", "id_2": "ad"}, "note": null,
        "auditor": auditor, "judged_at": NOW_MS - 5_000, "seen_reports": 1, "undone_at": null,
    })
}

fn conflict() -> Value {
    json!({"detail": "this ticket is judged already", "field": null})
}

/// A visitor over a stub that has ticket 9.
async fn visit(stub: &Stub, role: Role) -> (World, Visitor) {
    let talk = json!([text("1", "hello"), text("id_2", "加我微信")]);
    stub.say(
        "GET /api/tickets/9",
        200,
        &whole(row("9", "open"), &json!([report(&talk)])),
    );
    let world = World::new(stub.router());
    let visitor = world.visitor(role).await;
    (world, visitor)
}

#[tokio::test]
async fn a_ticket_is_a_conversation_with_what_was_before() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Moderator).await;
    let (status, html) = visitor.get("/console/tickets/9").await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        "张三",
        "李四",
        "加我微信",
        "刷屏",
        "reporter",
        "reported",
        "Advertising",
        "often wrong",
        "2 of 10 upheld (20.0 %)",
        "2026-11-21 11:50:00",
        r#"name="user:id_2""#,
        r#"data-key="Enter""#,
        r#"name="seen" value="1""#,
        r#"rel="noreferrer noopener""#,
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert!(!html.contains(" src=\"http"), "loaded from elsewhere");
    assert!(
        html.contains(" data-src=\"https://evil.example/e.png\""),
        "{html}"
    );
    assert!(!html.contains("Reopen"), "a moderator does not reopen");
    let (_, html) = visitor.in_chinese().get("/console/tickets/9").await;
    for part in ["工单", "对话", "举报", "判定", "认领", "误报较多"] {
        assert!(html.contains(part), "{part}");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn nothing_that_was_reported_acts_or_breaks_the_page() {
    let stub = Stub::new();
    let hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\u{202e}txt.exe",
        "a\u{0}b",
        "{{ 7*7 }}",
        "\"><svg onload=alert(1)>",
        "<b><script>x</script></b>",
    ];
    let long = "长".repeat(10_000);
    let mut infos: Vec<_> = hostile.iter().map(|content| text("1", content)).collect();
    infos.push(text("2", &long));
    for address in [
        "javascript:alert(1)",
        "data:text/html,<script>",
        "https://evil.example/x\" onload=\"y",
        "//evil.example",
    ] {
        for kind in ["image", "audio", "video"] {
            infos.push(json!({"id": "1", "type": kind, "content": address, "time": 1}));
        }
    }
    infos.push(json!({"id": "2", "type": "image", "content": "data:image/png;base64,AAAA", "time": 1_795_233_000}));
    let mut report = report(&json!(infos));
    for (place, text) in [
        ("/users/id_1/name", hostile[0]),
        (
            "/report_evidence/images/0",
            "https://evil.example/y\" onload=\"y",
        ),
    ] {
        *report["report"].pointer_mut(place).unwrap() = json!(text);
    }
    report["report"]["report_evidence"]["reason"] =
        json!(hostile[5].repeat(8_000 / hostile[5].len() + 1)[..8_000]);
    report["report"]["users"]["id_2"]["name"] = json!(long);
    report["uniqid"] = json!(hostile[1]);
    report["redirect"] = json!(hostile[0]);
    let ticket = with(
        row("9", "open"),
        &json!({"category": hostile[0], "report_id": long}),
    );
    let (world, visitor) = visit(&stub, Role::Lead).await;
    stub.say(
        "GET /api/tickets/9",
        200,
        &whole(ticket.clone(), &json!([report])),
    );
    stub.say(
        "GET /api/tickets",
        200,
        &json!({"tickets": [ticket], "next_cursor": null}),
    );
    for page in [
        "/console/tickets/9",
        "/console/tickets",
        "/console/tickets/decided",
    ] {
        let (status, html) = visitor.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let scripts = html.matches("<script").count();
        assert_eq!(
            scripts,
            html.matches("<script src=\"/console/static/").count(),
            "{page}"
        );
        for bad in [
            "<svg onload",
            "onerror=alert(1)>",
            "href=\"javascript:",
            " src=\"http",
            "href=\"data:",
            "style=",
        ] {
            assert!(!html.contains(bad), "{page}: {bad}");
        }
        assert_eq!(html.matches("onload=\"y").count(), 0, "{page}");
    }
    let (_, html) = visitor.get("/console/tickets/9").await;
    assert!(html.contains("<bdi>\u{202e}txt.exe</bdi>"));
    assert!(html.contains("Show all 10,000 characters"));
    assert_eq!(html.matches("<img src=\"data:image/png").count(), 1);
    assert_eq!(
        html.matches("<img ").count(),
        3,
        "two are loaded where somebody asks"
    );
    // A name or a reason that is long takes no more room than any.
    let cut = format!("<b><bdi>{}…</bdi></b>", "长".repeat(40));
    assert!(html.contains(&cut), "{html}");
    assert!(html.contains("<summary>The whole name</summary>"));
    assert!(html.contains("Show all 8,000 characters"));
    drop(world);
}

#[tokio::test]
async fn images_of_other_hosts_are_for_the_page_of_a_ticket_alone() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Moderator).await;
    stub.say("POST /api/tickets/9/verdict", 409, &conflict());
    let policy = |response: &Response| {
        let policy = &response.headers()["content-security-policy"];
        let policy = policy.to_str().unwrap().to_owned();
        let images = policy.split("; ").find(|part| part.starts_with("img-src"));
        assert!(
            policy.contains("script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert_eq!(response.headers()["referrer-policy"], "same-origin");
        images.unwrap().to_owned()
    };
    for (path, images) in [
        ("/console/tickets", "img-src 'self' data:"),
        ("/console/tickets/9", "img-src 'self' data: http: https:"),
        ("/console/tickets/404", "img-src 'self' data:"),
    ] {
        let response = visitor.ask(Method::GET, path, &[], "").await;
        assert_eq!(policy(&response), images, "{path}");
    }
    let form = [("dialogue", "ad")];
    let again = visitor
        .post_with("/console/tickets/9/verdict", &[], &form)
        .await;
    assert_eq!(policy(&again), "img-src 'self' data: http: https:");
}

#[tokio::test]
async fn a_verdict_of_an_ended_session_is_filled_in_again() {
    let stub = Stub::new();
    let (world, visitor) = visit(&stub, Role::Moderator).await;
    let csrf = visitor.csrf();
    let form = "dialogue=ad&user%3Aid_2=ad&note=my+words&seen=1&sort=newest";
    let login = [
        ("name", "moderator"),
        ("password", PASSWORD),
        ("to", "/console/tickets/9/verdict"),
        ("back", "/console/tickets/9?sort=newest"),
        ("form", form),
        ("of", csrf.split_once('.').unwrap().1),
    ];
    let response = world
        .stranger()
        .post_with("/console/login", &[], &login)
        .await;
    let (status, html) = crate::testing::text(response).await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        "you had been logged out",
        ">my words</textarea>",
        r#"name="dialogue" value="ad" required data-label="2" checked"#,
        r#"action="/console/tickets/9/verdict""#,
        r#"name="sort" value="newest""#,
        "to=%2Fconsole%2Ftickets%2F9%3Fsort%3Dnewest\"",
    ] {
        assert!(
            html.to_lowercase().contains(&part.to_lowercase()),
            "{part}\n{html}"
        );
    }
    assert_eq!(stub.asked("POST /api/tickets/9/verdict"), []);
}

#[tokio::test]
async fn twenty_reports_of_fifty_messages_are_shown_at_once() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Moderator).await;
    let infos: Vec<_> = (0..50)
        .map(|n| text(if n % 2 == 0 { "1" } else { "2" }, "hello there"))
        .collect();
    let reports: Vec<_> = (0..20)
        .map(|n| with(report(&json!(infos)), &json!({"report_no": n.to_string()})))
        .collect();
    stub.say(
        "GET /api/tickets/9",
        200,
        &whole(
            with(row("9", "open"), &json!({"reports": 20})),
            &json!(reports),
        ),
    );
    let (_, html) = visitor.get("/console/tickets/9").await;
    assert_eq!(html.matches("hello there").count(), 1_000);
    assert_eq!(
        html.matches("<details class=\"report\" id=\"report-0\" open>")
            .count(),
        1
    );
}

#[tokio::test]
async fn the_queue_asks_for_what_its_address_says() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Moderator).await;
    let first = with(row("1", "open"), &json!({"group_id": "g"}));
    let second = row("2", "claimed");
    let third = with(row("3", "open"), &json!({"group_id": "g", "follows": "1"}));
    stub.say(
        "GET /api/tickets",
        200,
        &json!({"tickets": [first, second, third], "next_cursor": "5.6"}),
    );
    let (_, html) = visitor
        .get("/console/tickets?app=bots&category=chat&age=3600&mine=1")
        .await;
    let asked = stub.asked("GET /api/tickets?").pop().unwrap().0;
    let before = (NOW_MS - 3_600_000).to_string();
    for part in [
        "app=bots",
        "category=chat",
        "state=claimed",
        "claimed_by=moderator",
        "sort=oldest",
        &before,
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    let places: Vec<_> = ["row-1", "row-3", "row-2"]
        .map(|id| html.find(id).unwrap())
        .into();
    assert!(places.is_sorted(), "groups stand together");
    for part in [
        "group of 2",
        "Follow-up",
        "chat 4",
        "Open 3",
        "Claimed by me 1",
        "cursor=5.6",
        "Oldest open: 2 h",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert!(
        !html.contains("id=\"bulk\""),
        "a moderator judges one by one"
    );
    let (_, csv) = visitor.get("/console/tickets?csv=tickets").await;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let (_, html) = visitor.get("/console/tickets/decided").await;
    assert!(html.contains("10,000 and more"));
    let asked = stub.asked("GET /api/tickets?").pop().unwrap().0;
    assert!(
        asked.contains("state=judged%2Cdelivered%2Cfailed") && asked.contains("sort=newest"),
        "{asked}"
    );
}

#[tokio::test]
async fn each_role_is_offered_what_it_may() {
    for (role, may_oversee) in [
        (Role::Moderator, false),
        (Role::Lead, true),
        (Role::Admin, true),
    ] {
        let stub = Stub::new();
        let (_world, visitor) = visit(&stub, role).await;
        stub.say(
            "GET /api/tickets",
            200,
            &json!({"tickets": [row("1", "open")], "next_cursor": null}),
        );
        let (_, html) = visitor.get("/console/tickets?app=bots").await;
        for part in ["/console/audit", "/console/moderators\"", "id=\"bulk\""] {
            assert_eq!(html.contains(part), may_oversee, "{role}: {part}");
        }
        assert!(html.contains("/console/monitor"));
        assert!(html.contains("href=\"/console/deliveries\""));
        let judged = with(
            row("9", "delivered"),
            &json!({"judged_at": NOW_MS - 90_000}),
        );
        stub.say("GET /api/tickets/9", 200, &whole(judged, &json!([])));
        let (_, html) = visitor.get("/console/tickets/9").await;
        assert_eq!(
            html.contains("/console/tickets/9/reopen"),
            may_oversee,
            "{role}"
        );
        assert!(!html.contains("id=\"verdict\""), "{role}");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_verdict_opens_the_next_ticket_and_can_be_undone() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Moderator).await;
    let judged = with(row("9", "judged"), &json!({"judged_at": NOW_MS}));
    stub.say("POST /api/tickets/9/verdict", 200, &judged);
    stub.say("POST /api/tickets/next", 200, &row("10", "claimed"));
    let form = [
        ("dialogue", "ad"),
        ("user:id_1", "normal"),
        ("user:id_2", "ad"),
        ("note", " 加微信 "),
        ("seen", "1"),
        ("app", "bots"),
        ("category", "chat"),
        ("sort", "newest"),
        ("then", "next"),
    ];
    let (status, to) = visitor.post("/console/tickets/9/verdict", &form).await;
    let until = NOW_MS + 60_000;
    assert_eq!(
        (status, &*to),
        (
            StatusCode::SEE_OTHER,
            &*format!(
                "/console/tickets/10?app=bots&category=chat&sort=newest&judged=9&until={until}"
            )
        )
    );
    let body = stub.asked("POST /api/tickets/9/verdict").pop().unwrap().1;
    assert_eq!(
        body,
        json!({"dialogue_result": "ad", "user_result": {"id_2": "ad"}, "note": "加微信", "seen_reports": 1})
    );
    assert_eq!(
        stub.asked("POST /api/tickets/next")[0].1,
        json!({"app": "bots", "category": "chat", "sort": "newest", "after": "9"})
    );
    let mine = json!({"claimed_by": "moderator", "claimed_until": NOW_MS + 600_000});
    stub.say(
        "GET /api/tickets/10",
        200,
        &whole(with(row("10", "claimed"), &mine), &json!([])),
    );
    let (_, html) = visitor.get(&to).await;
    for part in [
        "Ticket 9 is judged.",
        "/console/tickets/9/undo",
        r#"data-left="60""#,
        r#"name="held" value="10""#,
        r#"data-key="z""#,
        r#"data-held="me""#,
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    stub.say("POST /api/tickets/9/undo", 200, &row("9", "claimed"));
    stub.say("POST /api/tickets/10/release", 204, &Value::Null);
    let (_, to) = visitor
        .post("/console/tickets/9/undo", &[("held", "10")])
        .await;
    assert_eq!(to, "/console/tickets/9?undone=1");
    assert_eq!(stub.asked("POST /api/tickets/10/release").len(), 1);
    let undone = with(
        verdict("moderator", "ad"),
        &json!({"undone_at": NOW_MS, "note": "why"}),
    );
    let mut again = whole(
        with(row("9", "claimed"), &mine),
        &json!([report(&json!([text("1", "x"), text("2", "y")]))]),
    );
    again["verdicts"] = json!([undone]);
    stub.say("GET /api/tickets/9", 200, &again);
    let (_, html) = visitor.get(&to).await;
    assert!(
        html.contains(">why</textarea>"),
        "the form begins with what was undone\n{html}"
    );
    assert!(
        html.contains(r#"value="ad" required data-label="2" checked"#),
        "{html}"
    );
    stub.say("POST /api/tickets/next", 204, &Value::Null);
    let passed_over = [("app", ""), ("after", "9")];
    let (_, to) = visitor.post("/console/tickets/next", &passed_over).await;
    assert_eq!(to, "/console/tickets?none=1");
    let asked = stub.asked("POST /api/tickets/next").pop().unwrap().1;
    assert_eq!(asked, json!({"after": "9"}));
    assert!(html.contains(r#"name="after" value="9""#), "{html}");
}

#[tokio::test]
async fn a_form_that_is_sent_twice_judges_once_and_goes_on() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Moderator).await;
    stub.say("POST /api/tickets/9/verdict", 409, &conflict());
    let mut judged = whole(
        with(row("9", "judged"), &json!({"judged_at": NOW_MS - 5_000})),
        &json!([]),
    );
    judged["verdicts"] = json!([verdict("moderator", "ad")]);
    stub.say("GET /api/tickets/9", 200, &judged);
    stub.say(
        "GET /api/tickets",
        200,
        &json!({"tickets": [row("10", "claimed")], "next_cursor": null}),
    );
    let form = [("dialogue", "ad"), ("user:id_2", "ad"), ("then", "next")];
    let (status, to) = visitor.post("/console/tickets/9/verdict", &form).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(
        to.starts_with("/console/tickets/10?judged=9&until="),
        "{to}"
    );
    assert_eq!(
        stub.asked("POST /api/tickets/next"),
        [],
        "the first has taken the next one"
    );
}

#[tokio::test]
async fn a_verdict_that_is_not_given_is_not_lost() {
    let stub = Stub::new();
    let (world, visitor) = visit(&stub, Role::Moderator).await;
    let talk = json!([report(&json!([text("1", "x"), text("2", "y")]))]);
    stub.say("POST /api/tickets/9/verdict", 409, &conflict());
    let form = [
        ("dialogue", "ad"),
        ("user:id_2", "ad"),
        ("note", "my words"),
        ("seen", "1"),
    ];
    // Another has judged it.
    let mut judged = whole(
        with(row("9", "judged"), &json!({"judged_at": NOW_MS - 5_000})),
        &talk,
    );
    judged["verdicts"] = json!([verdict("lin", "normal")]);
    stub.say("GET /api/tickets/9", 200, &judged);
    let (status, html) = visitor.post("/console/tickets/9/verdict", &form).await;
    assert_eq!(status, StatusCode::CONFLICT);
    for part in ["Already judged by lin", "my words", "What you filled in"] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    // Another holds it.
    let held = json!({"claimed_by": "lin", "claimed_until": NOW_MS + 600_000});
    stub.say(
        "GET /api/tickets/9",
        200,
        &whole(with(row("9", "claimed"), &held), &talk),
    );
    let (_, html) = visitor.post("/console/tickets/9/verdict", &form).await;
    assert!(
        html.contains("lin holds this ticket") && html.contains("my words"),
        "{html}"
    );
    assert!(html.contains(r#"id="off" disabled"#));
    // More reports have come: the form stays as it was filled in, and counts them.
    let reports = json!([talk[0], with(talk[0].clone(), &json!({"report_no": "42"}))]);
    stub.say(
        "GET /api/tickets/9",
        200,
        &whole(with(row("9", "open"), &json!({"reports": 2})), &reports),
    );
    let (status, html) = visitor.post("/console/tickets/9/verdict", &form).await;
    assert_eq!(status, StatusCode::CONFLICT);
    for part in [
        "More reports have come",
        ">my words</textarea>",
        r#"name="seen" value="2""#,
        r#"id="report-42" open"#,
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    // No label was chosen.
    let (status, html) = visitor
        .post("/console/tickets/9/verdict", &[("note", "my words")])
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains("Choose a verdict") && html.contains("my words"));
    // The session has ended: the form is kept behind the login.
    let (status, html) = world
        .stranger()
        .post("/console/tickets/9/verdict", &form)
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(html.contains("note=my+words"), "{html}");
}

#[tokio::test]
async fn several_are_judged_at_once_and_who_was_not_is_told() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Lead).await;
    let path = "POST /api/tickets/bulk-verdict";
    let told = |detail: Value| {
        json!({"judged": 1, "results": [
            {"ticket_id": "1", "status": 200, "detail": null}, {"ticket_id": "2", "status": 409, "detail": detail},
        ]})
    };
    stub.say(path, 200, &told(Value::Null));
    let form = [
        ("ticket", "1"),
        ("ticket", "2"),
        ("dialogue", "ad"),
        ("note", ""),
        ("back", "/console/tickets?app=bots&bulk=1.1"),
    ];
    let (_, to) = visitor.post("/console/tickets/bulk", &form).await;
    assert_eq!(to, "/console/tickets?app=bots&bulk=1.2");
    assert_eq!(stub.asked(path)[0].1["ticket_ids"], json!(["1", "2"]));
    stub.say(path, 200, &told(json!("another holds this ticket")));
    let (_, html) = visitor.post("/console/tickets/bulk", &form).await;
    assert!(
        html.contains("another holds this ticket") && html.contains("/console/tickets/2"),
        "{html}"
    );
    let mut elsewhere = form;
    elsewhere[4].1 = "https://evil.example/";
    stub.say(path, 200, &json!({"judged": 0, "results": []}));
    let (_, to) = visitor.post("/console/tickets/bulk", &elsewhere).await;
    assert_eq!(to, "/console/tickets?bulk=0.0");
}

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
