//! Verdicts: given, given twice, undone, not given.

use axum::http::StatusCode;
use reportd_platform::access::Role;
use serde_json::{Value, json};

use super::{Stub, conflict, report, row, text, verdict, visit, whole, with};
use crate::testing::{NOW_MS, PASSWORD};

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
