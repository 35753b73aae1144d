//! The console in a real browser: logging in, live counts, a rejected request that is replayed, languages, who may see
//! what, and pages that keep to themselves.

use std::collections::BTreeSet;

use reportd_testbed::StoreKind::Embedded;
use serde_json::Value;

use crate::browser::Browser;
use crate::crawl::crawl;
use crate::harness::{Data, Server, now_seconds, wait_until};
use crate::people::PASSWORD;

/// A store whose app is `bots`, with a person for each role of the console.
fn with_people() -> Data {
    let data = Data::with_app(Embedded);
    for role in ["viewer", "moderator", "lead", "admin"] {
        data.person(role, role);
    }
    data
}

/// A server whose app is `bots`, with a person for each role of the console.
pub(crate) fn served() -> (Data, Server) {
    let data = with_people();
    let server = data.serve();
    (data, server)
}

/// A report of one message.
fn message(nonce: &str, oper_id: i64) -> String {
    format!(
        r#"{{"ts":{},"nonce":"{nonce}","data_list":[{{"oper_id":{oper_id},"gid":1,"target_id":"42","scope":"channel","ext1":"youtube","ext2":"UP"}}]}}"#,
        now_seconds()
    )
}

#[test]
fn a_count_on_a_page_follows_what_is_reported() {
    let (_data, server) = served();
    let browser = Browser::start(&server, "en");
    browser.log_in("viewer", PASSWORD);
    browser.open("/console");
    let big = "[...document.querySelectorAll('.card')].map(card => card.innerText).join('|')";
    let before = browser.script(&format!("return {big}"));
    for number in 0..7 {
        let (status, _) = server.report(&message(&format!("live-{number}"), 1_503_000_120_601));
        assert_eq!(status, 200);
    }
    wait_until("the count has followed, without a click", || {
        let now = browser.script(&format!("return {big}"));
        now != before && now.as_str().is_some_and(|text| text.contains('7'))
    });
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn an_operation_is_registered_and_the_rejected_request_replayed() {
    let (_data, server) = served();
    let (_, told) = server.report(&message("unknown", 77_001));
    assert_ne!(told["ret"], 0, "{told}");
    let browser = Browser::start(&server, "en");
    browser.log_in("admin", PASSWORD);
    browser.open("/console/apps/bots/comm/rejected");
    wait_until("the rejected request is shown", || {
        browser.open("/console/apps/bots/comm/rejected");
        browser.text().contains("77001")
    });
    // The row itself leads to the form that registers what was not known.
    browser.click("tbody a[href*='77001']");
    browser.wait(
        "the form is filled",
        "document.querySelector('#oper_id').value === '77001'",
    );
    browser.fill("#name", "Sign-ins");
    browser.click("form.panel button.primary");
    browser.wait_text("Sign-ins");
    browser.open("/console/apps/bots/comm/rejected");
    browser.click("tbody form button");
    browser.wait(
        "the request is gone from the list",
        "!document.querySelector('tbody form button')",
    );
    browser.open("/console/apps/bots/comm?oper_id=77001");
    wait_until("it counts", || {
        browser.open("/console/apps/bots/comm?oper_id=77001");
        let total =
            "return [...document.querySelectorAll('.card')].map(card => card.innerText).join(' ')";
        browser
            .script(total)
            .as_str()
            .is_some_and(|text| text.contains('1'))
    });
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_language_is_that_of_the_browser_until_another_is_chosen() {
    let (_data, server) = served();
    let browser = Browser::start(&server, "zh-CN");
    browser.log_in("viewer", PASSWORD);
    browser.open("/console");
    assert_eq!(
        browser.script("return document.documentElement.lang"),
        "zh-CN"
    );
    browser.wait_text("概览");
    browser.click("a[href^='/console/language']");
    browser.wait_text("Overview");
    // It holds for the next page too.
    browser.open("/console/apps/bots/push");
    assert_eq!(browser.script("return document.documentElement.lang"), "en");
}

#[test]
fn a_wrong_password_is_throttled_and_the_right_one_waits_too() {
    let data = with_people();
    // One try a minute: however slowly this runs, the next one comes too early.
    let server = data.serve_with(&[("REPORTD_CONSOLE_LOGINS_PER_MINUTE", "1")]);
    let browser = Browser::start(&server, "en");
    let try_password = |password: &str| {
        browser.open("/console/login");
        browser.fill("[name=name]", "lead");
        browser.fill("[name=password]", password);
        browser.click("main button, form button");
        browser.wait("an answer", "document.querySelector('[role=alert]')");
        browser.text().to_lowercase()
    };
    let wrong = try_password("not the password");
    assert!(!wrong.contains("too many"), "{wrong}");
    let throttled = try_password("not the password");
    assert!(throttled.contains("too many"), "{throttled}");
    let right = try_password(PASSWORD);
    assert!(right.contains("too many"), "{right}");
    browser.open("/console");
    assert!(
        browser.path().starts_with("/console/login"),
        "{}",
        browser.text()
    );
}

#[test]
fn a_moderator_reaches_tickets_and_no_settings() {
    let (_data, server) = served();
    let browser = Browser::start(&server, "en");
    browser.log_in("moderator", PASSWORD);
    browser.open("/console");
    let menu = browser
        .script("return [...document.querySelectorAll('header nav a')].map(a => a.pathname)");
    let menu: BTreeSet<_> = menu
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(menu.contains("/console/tickets"), "{menu:?}");
    assert!(
        !menu
            .iter()
            .any(|path| path.starts_with("/console/settings")),
        "{menu:?}"
    );
    for path in [
        "/console/settings",
        "/console/settings/people",
        "/console/settings/keys",
        "/console/settings/apps/bots",
    ] {
        browser.open(path);
        let status =
            browser.script("return performance.getEntriesByType('navigation')[0].responseStatus");
        assert!(status == 403 || status == 404, "{path}: {status}");
    }
}

#[test]
fn no_page_complains_or_asks_another_host() {
    let (data, server) = served();
    server.report(&message("a", 1_503_000_120_601));
    let key = data.key("feeder", "admin");
    let feed = format!(
        r#"[{{"type":"task","taskid":"RASL_1","kind":"list","created_at":{0}}},{{"type":"sent","taskid":"RASL_1","cid":"c","channel":"gt","at":{0}}}]"#,
        now_seconds() * 1_000
    );
    let fed = crate::harness::Http::connect(server.address())
        .call(
            "POST",
            "/api/apps/bots/push/events",
            &[("authorization", &format!("Bearer {key}"))],
            feed.as_bytes(),
        )
        .unwrap();
    assert_eq!(fed.status, 200, "{}", fed.text());
    let browser = Browser::start(&server, "en");
    browser.log_in("admin", PASSWORD);
    let seen = crawl(&browser, &["/console"], 90, |path| {
        let wide = browser.script("return document.documentElement.scrollWidth - innerWidth");
        assert!(
            wide.as_i64().is_some_and(|wide| wide <= 0),
            "{path} is {wide} too wide"
        );
        assert_eq!(refused_json(&browser), [""; 0], "{path}");
        assert_eq!(browser.complaints(), [""; 0], "{path}");
    });
    assert!(seen.len() > 25, "only {seen:?}");
    assert_eq!(browser.strangers(), [""; 0]);
}

/// The links to JSON of a page that lead to none.
fn refused_json(browser: &Browser) -> Vec<String> {
    browser.script(
        "const ask = ({ href }) => fetch(href).then(({ status, headers }) => \
             status === 200 && headers.get('content-type') === 'application/json' ? '' : `${href}: ${status}`); \
         Promise.all([...document.querySelectorAll('a[data-json]')].map(ask)) \
             .then((told) => { window.refused = told.filter(Boolean); });",
    );
    browser.wait("all links have answered", "window.refused");
    let refused = browser.script("return window.refused");
    let refused = refused.as_array().cloned().unwrap_or_default();
    refused.iter().map(Value::to_string).collect()
}

#[test]
fn a_page_survives_a_server_that_starts_again() {
    let data = Data::with_app(Embedded);
    data.person("viewer", "viewer");
    let server = data.serve();
    let address = server.address().to_owned();
    let browser = Browser::start(&server, "en");
    browser.log_in("viewer", PASSWORD);
    browser.open("/console");
    let _ = server.stop();
    let server = Server::start(data.command(&["serve", "--listen", &address]));
    for number in 0..3 {
        assert_eq!(
            server
                .report(&message(&format!("again-{number}"), 1_503_000_120_601))
                .0,
            200
        );
    }
    browser.wait(
        "the page that stayed open shows what came since",
        "document.querySelector('.card').innerText.includes('3')",
    );
}
