use axum::Router;
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use axum::routing::get;
use reportd_platform::access::Role;
use reportd_platform::clock::{DAY_MS, HOUR_MS};
use reportd_platform::people::disable_person;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;
use serde_json::json;

use crate::session;
use crate::testing::{LOGINS_PER_MINUTE, PASSWORD, Visitor, World, text};

const HOME: &str = "/console/password";

async fn log_in(world: &World, name: &str, password: &str) -> Response<Body> {
    let form = [
        ("name", name),
        ("password", password),
        ("to", "/console/password?x=1"),
    ];
    world
        .stranger()
        .post_with("/console/login", &[], &form)
        .await
}

/// The visitor whose cookie a reply has set.
fn with_cookie(world: &World, response: &Response<Body>) -> Option<Visitor> {
    let cookie = response.headers().get("set-cookie")?.to_str().unwrap();
    let value = cookie.strip_prefix("reportd_session=")?;
    Some(world.with_secret(value.split(';').next()?))
}

#[rstest]
fn a_person_logs_in_and_out(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let world = World::on(kind, Router::new());
        world.create(Role::Viewer, &[]);
        let login = "/console/login?to=%2Fconsole%2Fpassword";
        let told = world.stranger().get(HOME).await;
        assert_eq!(told, (StatusCode::SEE_OTHER, login.to_owned()));
        let response = log_in(&world, "viewer", PASSWORD).await;
        let cookie = response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .to_owned();
        let flags = "; Path=/console; Max-Age=604800; HttpOnly; SameSite=Strict";
        assert!(cookie.ends_with(flags), "{cookie}");
        let visitor = with_cookie(&world, &response).unwrap();
        let went = (StatusCode::SEE_OTHER, "/console/password?x=1".to_owned());
        assert_eq!(text(response).await, went);
        assert_eq!(visitor.get(HOME).await.0, StatusCode::OK);
        assert_eq!(
            visitor.get(login).await,
            (StatusCode::SEE_OTHER, HOME.to_owned())
        );
        let left = visitor.post("/console/logout", &[]).await;
        assert_eq!(left, (StatusCode::SEE_OTHER, "/console/login".to_owned()));
        assert_eq!(visitor.get(HOME).await.0, StatusCode::SEE_OTHER);
    });
}

#[test]
fn behind_tls_the_cookie_goes_by_tls_alone() {
    run(async {
        let world = World::new(Router::new());
        world.create(Role::Viewer, &[]);
        let form = [("name", "viewer"), ("password", PASSWORD)];
        let by_tls = [("x-forwarded-proto", "https")];
        let response = world
            .stranger()
            .post_with("/console/login", &by_tls, &form)
            .await;
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.ends_with("; Secure"), "{cookie}");
    });
}

#[rstest]
fn guessing_is_slowed_down(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let world = World::on(kind, Router::new());
        world.create(Role::Viewer, &[]);
        world.create(Role::Lead, &[]);
        for name in ["viewer", "nobody", "a\0b"] {
            for _ in 0..LOGINS_PER_MINUTE {
                let response = log_in(&world, name, "wrong password").await;
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
            }
        }
        for name in ["viewer", "nobody"] {
            let response = log_in(&world, name, PASSWORD).await;
            let wait = response.headers()["retry-after"]
                .to_str()
                .unwrap()
                .to_owned();
            let (status, html) = text(response).await;
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{name}");
            assert!(html.contains(&format!("in {wait} s")), "{html}");
        }
        let lead = log_in(&world, "lead", PASSWORD).await;
        assert_eq!(lead.status(), StatusCode::SEE_OTHER, "another account");
        world.clock.advance(10_000);
        let viewer = log_in(&world, "viewer", PASSWORD).await;
        assert_eq!(
            viewer.status(),
            StatusCode::SEE_OTHER,
            "there is one again after a while"
        );
    });
}

#[rstest]
fn sessions_end_by_age_by_rest_and_with_their_person(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let world = World::on(kind, Router::new());
        world.create_named("root", Role::Admin, &[], false);
        let idle = world.visitor(Role::Viewer).await;
        let busy = world.visitor(Role::Lead).await;
        let is_in = async |visitor: &Visitor| visitor.get(HOME).await.0 == StatusCode::OK;
        for _ in 0..14 {
            world.clock.advance(11 * HOUR_MS);
            assert!(is_in(&busy).await);
        }
        assert!(!is_in(&idle).await, "12 hours without a page");
        world.clock.advance(7 * DAY_MS - 14 * 11 * HOUR_MS);
        assert!(!is_in(&busy).await, "7 days");
        let disabled = world.visitor(Role::Moderator).await;
        assert!(is_in(&disabled).await);
        let disable = |tx: &mut reportd_db::Tx<'_>| disable_person(tx, "moderator", 1);
        world.db.try_write(disable).unwrap();
        // As the server does, a few times a second.
        world.console.directory.refresh().await.unwrap();
        assert!(!is_in(&disabled).await);
        assert_eq!(
            log_in(&world, "moderator", PASSWORD).await.status(),
            StatusCode::UNAUTHORIZED
        );
        let left: i64 = world
            .db
            .read(|tx| tx.query_int("SELECT COUNT(*) FROM console_session", &[]))
            .unwrap();
        assert_eq!(left, 0, "what has ended is dropped");
    });
}

/// Sends a form that is kept, and logs in with it; the reply to that, and what the login page held.
async fn go_on(world: &World, sender: &Visitor, name: &str) -> (Response<Body>, String) {
    let note = "<b>spam</b> & \u{202e}more";
    let sent = [("reason", note), ("app", "bots"), ("current", "hush")];
    let headers = [("referer", "http://here:8300/console/tickets/7")];
    let path = "/console/tickets/7/reopen";
    let (status, html) = text(sender.post_with(path, &headers, &sent).await).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let held = |field: &str| {
        let begin = format!(r#"name="{field}" value=""#);
        let value = html.split(&begin).nth(1).expect(field).split('"').next();
        value.unwrap().replace("&#38;", "&")
    };
    let (kept, of) = (held("form"), held("of"));
    let form = [
        ("name", name),
        ("password", PASSWORD),
        ("to", path),
        ("form", &*kept),
        ("back", "/console/tickets/7"),
        ("of", &*of),
    ];
    let stranger = world.stranger();
    (stranger.post_with("/console/login", &[], &form).await, html)
}

#[test]
fn a_form_of_an_ended_session_is_kept_until_it_can_be_sent() {
    run(async {
        let world = World::new(Router::new());
        let visitor = world.visitor(Role::Lead).await;
        world.clock.advance(8 * DAY_MS);
        let (response, login) = go_on(&world, &visitor, "lead").await;
        assert!(
            login.contains("nothing is lost") && !login.contains("<b>spam"),
            "{login}"
        );
        let again = with_cookie(&world, &response).unwrap();
        let csrf = again.csrf();
        let token = csrf.split('.').next().unwrap();
        let (status, html) = text(response).await;
        assert_eq!(status, StatusCode::OK);
        for part in [
            r#"action="/console/tickets/7/reopen""#,
            &format!(r#"name="csrf" value="{token}."#),
            r#"name="reason" value="&#60;b&#62;spam&#60;/b&#62; &#38; "#,
            r#"name="app" value="bots""#,
            r#"href="/console/tickets/7""#,
            "Reopen ticket 7",
            "<dt><bdi>Reason</bdi></dt>",
            "/console/language?to=%2Fconsole%2Ftickets%2F7\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        for part in ["<b>spam", "hush", "<bdi>bots</bdi>", "<bdi>app</bdi>"] {
            assert!(
                !html.contains(part) && !login.contains("hush"),
                "{part}: {html}"
            );
        }
    });
}

/// The page of a form that was kept, as it is read in Chinese: what stands between its tags of `dd`.
async fn resumed(
    world: &World,
    visitor: &Visitor,
    path: &str,
    form: &[(&str, &str)],
) -> Vec<String> {
    let csrf = visitor.csrf();
    let kept = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let of = session::filled_in_by(&csrf);
    let login = [
        ("name", "admin"),
        ("password", PASSWORD),
        ("to", path),
        ("form", &*kept),
        ("back", "/console"),
        ("of", of),
    ];
    let stranger = world.stranger().in_chinese();
    let (status, html) = text(stranger.post_with("/console/login", &[], &login).await).await;
    assert_eq!(status, StatusCode::OK, "{html}");
    for (name, value) in form {
        let sent = format!(r#"name="{name}" value="{value}""#);
        assert!(html.contains(&sent), "{sent}: {html}");
    }
    let values = html.split(r#"<dd class="words"><bdi>"#).skip(1);
    let values = values.map(|rest| rest.split("</bdi>").next().unwrap_or_default().to_owned());
    values.collect()
}

#[test]
fn choices_of_a_kept_form_are_told_by_the_names_that_the_form_showed() {
    run(async {
        let settings = json!({"categories": [], "undo_seconds": 60, "labels": [
            {"key": "ad", "wire": "ad", "zh": "广告", "en": "Advertising"},
        ]});
        let told = move || std::future::ready(settings.to_string());
        let world = World::new(Router::new().route("/api/apps/bots/dialogue/settings", get(told)));
        let visitor = world.visitor(Role::Admin).await;
        for (path, form, shown) in [
            (
                "/console/tickets/bulk",
                &[("ticket", "7"), ("dialogue", "ad"), ("app", "bots")][..],
                &["7", "广告"][..],
            ),
            (
                "/console/tickets/bulk",
                &[("dialogue", "ad"), ("app", "nope")],
                &["ad"],
            ),
            (
                "/console/apps/bots/comm/operations",
                &[
                    ("kind", "snapshot"),
                    ("rule_gid", "present"),
                    ("by_gid", "1"),
                    ("name", "event"),
                ],
                &["快照", "任意值", "是", "event"],
            ),
            (
                "/console/settings/apps/bots/set/comm",
                &[
                    ("settings/comm.unknown_operations", "reject"),
                    ("settings/comm.max_age", "24h"),
                ],
                &["拒绝", "24h"],
            ),
            (
                "/console/settings/apps/bots/set/push",
                &[
                    ("channels_without_display", "hw"),
                    ("detail_allowed", "true"),
                ],
                &["华为", "是"],
            ),
        ] {
            assert_eq!(resumed(&world, &visitor, path, form).await, shown, "{path}");
        }
    });
}

#[test]
fn nobody_sends_the_form_of_another() {
    run(async {
        let world = World::new(Router::new());
        let visitor = world.visitor(Role::Lead).await;
        world.create(Role::Admin, &[]);
        world.clock.advance(8 * DAY_MS);
        let (response, _) = go_on(&world, &visitor, "admin").await;
        let (status, html) = text(response).await;
        assert_eq!(status, StatusCode::OK);
        assert!(html.contains("filled in by another person"), "{html}");
        assert!(html.contains(r#"href="/console/tickets/7""#), "{html}");
        assert!(
            !html.contains("spam") && !html.contains("7/reopen"),
            "{html}"
        );
    });
}

#[test]
fn secrets_of_an_ended_session_do_not_come_back() {
    run(async {
        let world = World::new(Router::new());
        let visitor = world.visitor(Role::Admin).await;
        world.clock.advance(8 * DAY_MS);
        let referer = [("referer", "http://here:8300/console/password")];
        for (path, form) in [
            (
                HOME,
                [
                    ("current", "hush-1"),
                    ("new", "hush-2"),
                    ("again", "hush-2"),
                ],
            ),
            (
                "/console/apps/bots/playback/access/keys",
                [("kid", "a"), ("algorithm", "HS256"), ("key", "hush-3")],
            ),
        ] {
            let (status, html) = text(visitor.post_with(path, &referer, &form).await).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(!html.contains("hush"), "{path}: {html}");
            assert!(
                html.contains(r#"name="to" value="/console/password""#),
                "{html}"
            );
        }
    });
}

#[test]
fn scripts_of_an_ended_session_are_told_in_a_word() {
    run(async {
        let world = World::new(Router::new());
        let stranger = world.stranger();
        for headers in [
            [("accept", "application/json")],
            [("accept", "text/event-stream")],
            [("x-requested-with", "fetch")],
        ] {
            for method in [Method::GET, Method::POST] {
                let response = stranger.ask(method, HOME, &headers, "a=1").await;
                assert_eq!(response.headers()["content-type"], "application/json");
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            }
        }
    });
}

#[test]
fn what_other_sites_send_is_not_taken() {
    run(async {
        let world = World::new(Router::new());
        let visitor = world.visitor(Role::Viewer).await;
        let form = [("name", "viewer"), ("password", PASSWORD)];
        let elsewhere = [("origin", "https://evil.example")];
        let login = world
            .stranger()
            .post_with("/console/login", &elsewhere, &form)
            .await;
        assert_eq!(login.status(), StatusCode::FORBIDDEN);
        assert!(with_cookie(&world, &login).is_none());
        let kept = world
            .stranger()
            .post_with(HOME, &elsewhere, &[("note", "sneaky")])
            .await;
        assert!(!text(kept).await.1.contains("sneaky"));
        for csrf in ["", "csrf=", "csrf=0000"] {
            for path in [HOME, "/console/logout"] {
                let response = visitor.ask(Method::POST, path, &[], csrf).await;
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {csrf}");
            }
        }
        let to = "https://evil.example/console";
        let login = world
            .stranger()
            .post_with(
                "/console/login",
                &[],
                &[("name", "viewer"), ("password", PASSWORD), ("to", to)],
            )
            .await;
        assert_eq!(text(login).await.1, "/console");
    });
}

#[rstest]
fn a_given_password_is_changed_before_anything_else(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let world = World::on(kind, Router::new());
        world.create_named("new", Role::Admin, &[], true);
        let response = log_in(&world, "new", PASSWORD).await;
        let visitor = with_cookie(&world, &response).unwrap();
        let (status, html) = text(response).await;
        assert_eq!(status, StatusCode::OK);
        assert!(html.contains("given to you by another"), "{html}");
        let elsewhere = visitor.get("/console/nowhere?a=1").await;
        let page = "/console/password?to=%2Fconsole%2Fnowhere%3Fa%3D1".to_owned();
        assert_eq!(elsewhere, (StatusCode::SEE_OTHER, page));
        let other = world.log_in("new").await;
        let change = async |current: &str, new: &str, again: &str| {
            let form = [
                ("current", current),
                ("new", new),
                ("again", again),
                ("to", "/console"),
            ];
            visitor.post_with(HOME, &[], &form).await
        };
        let new = "battery staple";
        for (current, new, again, why) in [
            ("wrong password", new, new, "current password is wrong"),
            (PASSWORD, new, "battery stable", "differ"),
            (PASSWORD, PASSWORD, PASSWORD, "other than the current"),
            (PASSWORD, "short", "short", "10 to 200"),
        ] {
            let (status, html) = text(change(current, new, again).await).await;
            assert!(
                !status.is_success() && html.contains(why),
                "{status} {html}"
            );
        }
        let changed = change(PASSWORD, new, new).await;
        let fresh = with_cookie(&world, &changed).unwrap();
        assert_eq!(changed.status(), StatusCode::SEE_OTHER);
        let (_, html) = fresh.get(HOME).await;
        assert!(!html.contains("given to you by another"), "{html}");
        for ended in [visitor.clone(), other] {
            assert_eq!(ended.get(HOME).await.0, StatusCode::SEE_OTHER);
        }
        assert_eq!(
            log_in(&world, "new", new).await.status(),
            StatusCode::SEE_OTHER
        );
    });
}

#[test]
fn pages_bring_nothing_from_elsewhere_and_speak_the_visitors_language() {
    run(async {
        let world = World::new(Router::new());
        let visitor = world.visitor(Role::Viewer).await;
        for visitor in [&visitor, &world.stranger()] {
            let response = visitor
                .ask(Method::GET, "/console/login?to=/console/nowhere", &[], "")
                .await;
            let header = |name: &str| response.headers()[name].to_str().unwrap();
            assert!(header("content-security-policy").starts_with("default-src 'none';"));
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("x-frame-options"), "DENY");
        }
        let (_, html) = visitor.clone().in_chinese().get(HOME).await;
        assert!(
            html.contains(r#"<html lang="zh-CN">"#) && html.contains("修改密码"),
            "{html}"
        );
        let path = "/console/language?to=%2Fconsole%2Fpassword";
        let response = visitor.ask(Method::GET, path, &[], "").await;
        let cookie = response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(cookie.starts_with("reportd_lang=zh-CN; Path=/console"));
        assert_eq!(text(response).await.1, HOME);
        let away = visitor.get("/console/language?to=//evil.example").await;
        assert_eq!(away.1, "/console");
    });
}

#[test]
fn a_link_from_elsewhere_is_asked_for_again_from_here() {
    run(async {
        let world = World::new(Router::new());
        let from_elsewhere = [("sec-fetch-site", "cross-site")];
        let path = "/console/login?to=%2Fconsole%2Fpassword%3Fa%3D1%26b%3D2";
        let asked = world
            .stranger()
            .ask(Method::GET, path, &from_elsewhere, "")
            .await;
        let (_, html) = text(asked).await;
        let again = r#"<meta http-equiv="refresh" content="0; url=/console/password?a=1&#38;b=2">"#;
        assert!(html.contains(again), "{html}");
        let (_, html) = world.stranger().get(path).await;
        assert!(!html.contains("refresh"), "{html}");
    });
}

#[test]
fn apps_of_others_are_as_if_they_were_not_there() {
    run(async {
        let world = World::new(Router::new());
        let visitor = world.visitor_of(Role::Viewer, &["bots"]).await;
        for page in ["comm", "push", "playback"] {
            let (status, html) = visitor.get(&format!("/console/apps/other/{page}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{page}");
            assert!(!html.contains("/console/apps/other/push\""), "{html}");
        }
        let (_, html) = visitor.get(HOME).await;
        assert!(html.contains("/console/apps/bots/comm"), "{html}");
    });
}
