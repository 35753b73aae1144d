//! The page of a ticket: what was reported is shown, and nothing of it acts.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use reportd_platform::access::Role;
use serde_json::json;

use super::{Stub, conflict, report, row, text, visit, whole, with};

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
