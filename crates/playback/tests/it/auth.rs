//! Issued sessions: how players carry them, csrf, and how they end.

use axum::http::Method;
use reportd_platform::clock::DAY_MS;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ONE, Setup, TWO, World, pair, urlencoded};

const REPORT: &str = "/x/v2/history/report";
const HEARTBEAT: &str = "/x/click-interface/web/heartbeat";

#[rstest]
fn cookies_come_in_many_spellings(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let secret = &session.sessdata;
    for cookie in [
        format!("SESSDATA={secret}"),
        format!("SESSDATA=\"{secret}\""),
        format!("SESSDATA={}", urlencoded(secret)),
        format!("SESSDATA=%{:02x}{}", secret.as_bytes()[0], &secret[1..]),
        format!("a=b;SESSDATA={secret};bili_jct=wrong"),
        format!("SESSDATA=old; SESSDATA={secret}"),
        format!("SESSDATA=; SESSDATA ={secret}; SESSDATA=other"),
    ] {
        let reply = world.heartbeat(&cookie, "aid=1");
        assert_eq!(reply.code(), 0, "{cookie}");
    }
    // Of several headers too.
    let cookie = session.cookie();
    let headers = [("cookie", "SESSDATA=old"), ("cookie", cookie.as_str())];
    let reply = world.send(&Method::POST, HEARTBEAT, &headers, "aid=1");
    assert_eq!(reply.code(), 0);
    for cookie in ["", "SESSDATA=", "sessdata=x", "SESSDATA=%FF"] {
        assert_eq!(world.heartbeat(cookie, "aid=1").code(), -101, "{cookie}");
    }
}

#[rstest]
fn an_access_key_is_no_cookie_nor_the_other_way_round(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let (sessdata, key) = (&session.sessdata, &session.access_key);
    let report = |cookie: &str, form: &str| world.post(REPORT, cookie, form).code();
    assert_eq!(report("", &format!("aid=1&access_key={key}")), 0);
    assert_eq!(report("", &format!("aid=1&access_key={key}&csrf=no")), 0);
    assert_eq!(report("", &format!("aid=1&access_key={sessdata}")), -101);
    let cookie = format!("SESSDATA={key}");
    let form = format!("aid=1&csrf={}", session.csrf);
    assert_eq!(report(&cookie, &form), -101);
    // A heartbeat takes none; where one is sent that is taken it goes before the cookie.
    let form = format!("aid=1&access_key={key}");
    assert_eq!(world.heartbeat("", &form).code(), -101);
    let form = format!("aid=1&access_key=wrong&csrf={}", session.csrf);
    assert_eq!(report(&session.cookie(), &form), -101);
    assert_eq!(world.heartbeat(&session.cookie(), &form).code(), 0);
    assert_eq!(world.entries(), 4);
}

#[rstest]
fn csrf_is_that_of_the_session(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (session, other) = (world.session(ONE, 7), world.session(ONE, 7));
    let csrf = |token: &str| format!("aid=1&csrf={token}");
    let cookie = format!("{}; bili_jct={}", session.cookie(), other.csrf);
    let cases = [
        (REPORT, csrf(&session.csrf), 0),
        (REPORT, format!("aid=1&csrf_token={}", session.csrf), 0),
        (REPORT, csrf(&other.csrf), -111),
        (REPORT, csrf(&session.csrf.to_lowercase()), -111),
        (REPORT, csrf(""), -111),
        (REPORT, "aid=1".to_owned(), -111),
        // Before the parameters are looked at.
        (REPORT, "aid=none".to_owned(), -111),
        (HEARTBEAT, "aid=1".to_owned(), 0),
        (HEARTBEAT, csrf(""), 0),
        (HEARTBEAT, csrf(&session.csrf), 0),
        (HEARTBEAT, csrf(&other.csrf), -111),
        ("/x/v2/history/clear", String::new(), -111),
        ("/x/v2/history/clear", csrf(&other.csrf), -111),
        ("/x/v2/history/delete", "kid=archive_1".to_owned(), -111),
        ("/x/v2/history/shadow/set", "switch=true".to_owned(), -111),
    ];
    let mut taken = 1;
    for (path, form, code) in cases {
        let reply = world.post(path, &cookie, &form);
        taken += u64::from(code == 0);
        assert_eq!(
            (reply.code(), world.entries()),
            (code, taken),
            "{path} {form}"
        );
    }
}

#[rstest]
fn a_session_ends(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let short = world.session_for(ONE, 7, &json!({"life_seconds": 60, "label": "tv"}));
    let send = |cookie: &str| world.heartbeat(cookie, "aid=1").code();
    assert_eq!((send(&session.cookie()), send(&short.cookie())), (0, 0));

    let listed = world.admin(
        &Method::GET,
        &format!("{ONE}/viewers/7/sessions"),
        &json!(null),
    );
    let labels: Vec<_> = listed["sessions"].as_array().unwrap().iter().collect();
    assert_eq!((labels.len(), &labels[0]["label"]), (2, &json!("tv")));
    for secret in [&short.sessdata, &short.csrf, &short.access_key] {
        assert!(!listed.to_string().contains(secret.as_str()));
    }
    world.clock.advance(60_000);
    assert_eq!((send(&session.cookie()), send(&short.cookie())), (0, -101));

    // Ended: at once here, by cookie and by key.
    let key = format!("aid=1&access_key={}", session.access_key);
    assert_eq!(world.post(REPORT, "", &key).code(), 0);
    let id = session.id.to_string();
    assert_eq!(world.end_session(ONE, 8, &id).status, 404, "another's");
    assert_eq!(world.end_session(TWO, 7, &id).status, 404, "another app's");
    assert_eq!(world.end_session(ONE, 7, &id).status, 200);
    assert_eq!(world.end_session(ONE, 7, &id).status, 404);
    assert_eq!(send(&session.cookie()), -101);
    assert_eq!(world.post(REPORT, "", &key).code(), -101);

    let long = world.session(ONE, 7);
    world.clock.advance(180 * DAY_MS - 1);
    assert_eq!(send(&long.cookie()), 0);
    world.clock.advance(1);
    assert_eq!(send(&long.cookie()), -101);
}

#[rstest]
fn viewers_of_two_apps_are_two(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (one, two) = (world.session(ONE, 7), world.session(TWO, 7));
    world.beat(&one, "aid=1&played_time=10");
    world.beat(&two, "aid=2&played_time=20");
    assert_eq!(world.history(&one.cookie()), [(1, 10)]);
    assert_eq!(world.history(&two.cookie()), [(2, 20)]);
    let key = format!("aid=1&access_key={}", two.access_key);
    let both = world.post(REPORT, &one.cookie(), &key);
    assert_eq!(both.code(), 0, "the key says who");
    assert_eq!(world.history(&one.cookie()), [(1, 10)]);

    world.set_disabled(TWO, true);
    assert_eq!(world.heartbeat(&two.cookie(), "aid=2").code(), -101);
    assert_eq!(world.heartbeat(&one.cookie(), "aid=2").code(), 0);
    world.set_disabled(TWO, false);
    assert_eq!(world.heartbeat(&two.cookie(), "aid=2").code(), 0);
}

#[rstest]
fn guesses_from_an_address_keep_no_session_out(#[values(Embedded, Postgres)] kind: StoreKind) {
    let setup = Setup {
        failures: 3,
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let (known, fresh) = (world.session(ONE, 7), world.session(ONE, 8));
    let send = |cookie: &str| world.heartbeat(cookie, "aid=1").code();
    assert_eq!(send(&known.cookie()), 0);
    // Who sends the same old session again is not guessing; nor is who sends none.
    for _ in 0..20 {
        assert_eq!((send("SESSDATA=old"), send("")), (-101, -101));
    }
    for bogus in ["a", "b", "c", "d"] {
        assert_eq!(send(&format!("SESSDATA={bogus}")), -101, "{bogus}");
    }
    assert_eq!(send(&known.cookie()), 0);
    assert_eq!(send(&fresh.cookie()), 0, "looked up all the same");
    let player = |cookie: &str| world.fresh("/x/player/v2?aid=1", cookie)["login_mid"].clone();
    world.set_disabled(TWO, true);
    assert_eq!(player("SESSDATA=e"), 0);
    // Of a token that would cost much too.
    let token = world.token(&pair(1), 7, None);
    assert_eq!(send(&format!("SESSDATA={token}")), -509);
    assert_eq!(player(&format!("SESSDATA={token}")), 0);
}

#[rstest]
fn what_the_api_does_not_take_is_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (admin, viewer) = (&world.keys.admin, &world.keys.viewer);
    let sessions = format!("{ONE}/viewers/7/sessions");
    for (path, body, field) in [
        (format!("{ONE}/viewers/0/sessions"), "{}", "mid"),
        (format!("{ONE}/viewers/x/sessions"), "{}", "mid"),
        (sessions.clone(), r#"{"life_seconds":0}"#, "life_seconds"),
        (sessions.clone(), r#"{"life_seconds":9e9}"#, "life_seconds"),
        (sessions.clone(), r#"{"label":"a\nb"}"#, "label"),
        (sessions.clone(), r#"{"lable":""}"#, "lable"),
        (sessions.clone(), "", "body"),
    ] {
        let reply = world.api(admin, &Method::POST, &path, body);
        let problem = (reply.status, reply.json()["field"].clone());
        assert_eq!(problem, (400, json!(field)), "{path} {body}");
    }
    for key in [viewer, &world.keys.lead] {
        let reply = world.api(key, &Method::POST, &sessions, "{}");
        assert_eq!(reply.status, 403);
    }
    for id in ["x", "jti:", "-"] {
        assert_eq!(world.end_session(ONE, 7, id).status, 400, "{id}");
    }
    for count in 0..201 {
        let reply = world.api(&world.keys.ingest, &Method::POST, &sessions, "{}");
        let expected = if count < 200 { 200 } else { 400 };
        assert_eq!(reply.status, expected, "{count}: {}", reply.text);
    }
}
