//! Sessions of a site's own login service: tokens (JWT) that are signed by a key which the app has registered.

use axum::http::Method;
use reportd_protocol::playback::{JwtClaims, SigningKey};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, SHARED, Setup, TWO, World, pair, shared_key};

const REPORT: &str = "/x/v2/history/report";

fn shared(kid: &str) -> Value {
    json!({"kid": kid, "algorithm": "HS256", "secret": SHARED})
}

fn public(kid: &str, key: &SigningKey) -> Value {
    json!({"kid": kid, "algorithm": "EdDSA", "public_key": key.public_key().unwrap()})
}

fn send(world: &World, token: &str) -> i64 {
    let cookie = format!("SESSDATA={token}");
    world.heartbeat(&cookie, "aid=1").code()
}

#[rstest]
fn tokens_of_both_algorithms_are_sessions(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (shared_key, pair) = (shared_key(), pair(1));
    world.put_keys(ONE, &json!([shared("a"), public("b", &pair)]));
    for (mid, key) in [(7, &shared_key), (8, &pair)] {
        let token = world.token(key, mid, Some("login"));
        assert_eq!(send(&world, &token), 0);
        assert_eq!(send(&world, &token), 0, "also when it is known");
        // A token is a cookie and an access key; its csrf stands in it.
        let form = format!("aid=1&access_key={token}&progress=30");
        assert_eq!(world.post(REPORT, "", &form).code(), 0);
        let cookie = format!("SESSDATA={token}");
        let report = |csrf: &str| world.post(REPORT, &cookie, &format!("aid=1&csrf={csrf}"));
        assert_eq!(report(&format!("csrf-of-{mid}")).code(), 0);
        assert_eq!(report("csrf-of-9").code(), -111);
        let player = world.fresh("/x/player/v2?aid=1", &cookie);
        assert_eq!(player["login_mid"], mid);
        // Changed, cut, or signed by nobody.
        let (head, tail) = token.rsplit_once('.').unwrap();
        let other = world.token(key, mid + 1, Some("login"));
        let (other_head, _) = other.rsplit_once('.').unwrap();
        for bad in [
            format!("{other_head}.{tail}"),
            format!("{head}."),
            format!("{head}.{}", &tail[..tail.len() - 2]),
            world.token(&self::pair(9), mid, None),
        ] {
            assert_eq!(send(&world, &bad), -101, "{bad}");
        }
    }
}

#[rstest]
fn a_token_ends(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (shared_key, pair) = (shared_key(), pair(1));
    world.put_keys(ONE, &json!([shared("a"), public("b", &pair)]));
    for (mid, key) in [(7, &shared_key), (17, &pair)] {
        let (kept, ended) = (
            world.token(key, mid, Some("kept")),
            world.token(key, mid, Some("ended")),
        );
        let named = "ended/too";
        let ended_too = world.token(key, mid + 1, Some(named));
        let plain = world.token(key, mid, None);
        for token in [&kept, &ended, &ended_too, &plain] {
            assert_eq!(send(&world, token), 0);
        }
        assert_eq!(world.end_session(ONE, mid, "jti:ended").status, 200);
        let id = format!("jti:{}", named.replace('/', "%2F"));
        assert_eq!(world.end_session(ONE, mid + 1, &id).status, 200);
        assert_eq!(world.end_session(ONE, mid + 2, "jti:kept").status, 200);
        assert_eq!(world.end_session(TWO, mid, "jti:kept").status, 200);
        let sent = [&kept, &ended, &ended_too, &plain].map(|token| send(&world, token));
        assert_eq!(sent, [0, -101, -101, 0]);
        world.clock.advance(3_599_999);
        assert_eq!(send(&world, &kept), 0);
        world.clock.advance(1);
        assert_eq!((send(&world, &kept), send(&world, &plain)), (-101, -101));
    }
    let world = world.restart();
    let again = world.token(&shared_key, 7, Some("ended"));
    assert_eq!(send(&world, &again), -101, "for good");
}

/// A revocation is remembered as long as the token could be used without it, and a day more; for good where nobody tells
/// how long that is.
#[rstest]
fn revocations_are_forgotten_behind_the_end_of_the_token(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    const DAY_S: i64 = 86_400;
    let world = World::new(kind);
    let (shared_key, now_s) = (shared_key(), world.now_ms() / 1_000);
    world.put_keys(ONE, &json!([shared("a")]));
    let end = |mid, id: String| {
        let reply = world.end_session(ONE, mid, &id);
        assert_eq!(reply.status, 200, "{id}: {}", reply.text);
    };
    let revoked = || {
        let sql = "SELECT COUNT(*) FROM playback_revoked_token";
        world.state.read(|tx| tx.query_int(sql, &[])).unwrap()
    };
    let token = world.token(&shared_key, 7, Some("known"));
    assert_eq!(send(&world, &token), 0);
    end(7, format!("jti:known?exp={}", now_s + 3_600));
    assert_eq!(send(&world, &token), -101);
    // The latest end stands, whoever tells it first, and none is later than that of a token of which nobody knows it.
    let long_s = now_s + 30 * DAY_S;
    end(8, format!("jti:long?exp={long_s}"));
    end(8, format!("jti:long?exp={}", now_s + 1));
    end(9, format!("jti:ever?exp={}", now_s + 1));
    end(9, "jti:ever".to_owned());
    end(9, format!("jti:ever?exp={}", now_s + 1));
    assert_eq!(revoked(), 3);
    world.clock.advance((3_600 + DAY_S) * 1_000 - 1);
    end(10, "jti:more".to_owned());
    assert_eq!(revoked(), 4, "the day is not over");
    world.clock.advance(1);
    end(10, "jti:more".to_owned());
    assert_eq!(revoked(), 3);
    world.clock.advance(30 * DAY_S * 1_000);
    end(10, "jti:more".to_owned());
    assert_eq!(revoked(), 2);
    let world = world.restart();
    for (mid, jti) in [(9, "ever"), (10, "more")] {
        let again = world.token(&shared_key, mid, Some(jti));
        assert_eq!(send(&world, &again), -101, "{jti}");
    }
}

#[rstest]
fn the_end_of_a_revoked_token_is_that_of_a_token(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let numbered = format!("{}?exp=1795233600", session.id);
    for id in [
        "jti:a?exp=0",
        "jti:a?exp=-5",
        "jti:a?exp=9223372036854775807",
        "jti:a?exp=soon",
        &numbered,
    ] {
        let reply = world.end_session(ONE, 7, id);
        let problem = (reply.status, reply.json()["field"].clone());
        assert_eq!(problem, (400, json!("exp")), "{id}: {}", reply.text);
    }
    assert_eq!(send(&world, &session.sessdata), 0, "it has not ended");
}

#[rstest]
fn keys_are_replaced_whole_and_act_at_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (first, second) = (pair(1), pair(2));
    let (of_first, of_second) = (world.token(&first, 7, None), world.token(&second, 7, None));
    assert_eq!(send(&world, &of_first), -101, "there is no key");
    world.put_keys(ONE, &json!([public("", &first)]));
    assert_eq!(
        (send(&world, &of_first), send(&world, &of_second)),
        (0, -101)
    );
    let shown = world.put_keys(ONE, &json!([public("", &second), shared("s")]));
    assert_eq!(shown["keys"].as_array().unwrap().len(), 2);
    assert!(!shown.to_string().contains(SHARED));
    assert_eq!(
        (send(&world, &of_first), send(&world, &of_second)),
        (-101, 0)
    );
    let path = format!("{ONE}/session-keys");
    assert_eq!(world.admin(&Method::GET, &path, &json!(null)), shown);
    world.put_keys(ONE, &json!([]));
    assert_eq!(send(&world, &of_second), -101);
}

#[rstest]
fn the_key_that_verifies_tells_the_app(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (of_one, of_two) = (pair(1), pair(2));
    world.put_keys(ONE, &json!([public("k", &of_one)]));
    world.put_keys(TWO, &json!([public("k", &of_two)]));
    world.put_settings(ONE, &json!({"playback_hosts": ["one.example"]}));
    let videos = |app: &str| {
        let path = format!("{app}/playback/videos");
        let videos = world.admin(&Method::GET, &path, &json!(null));
        videos["videos"][0]["plays"].as_i64().unwrap_or(0)
    };
    // Whatever host it was sent to.
    let token = world.token(&of_two, 1, None);
    let cookie = format!("SESSDATA={token}");
    let headers = [("cookie", cookie.as_str()), ("host", "one.example")];
    let path = "/x/report/web/heartbeat?aid=1";
    assert_eq!(world.send(&Method::POST, path, &headers, "").code(), 0);
    assert_eq!((videos(ONE), videos(TWO)), (0, 1));
    world.set_disabled(TWO, true);
    assert_eq!(send(&world, &token), -101);
}

#[rstest]
fn no_app_registers_the_key_of_another(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let pair = pair(1);
    world.put_keys(TWO, &json!([public("", &pair), shared("")]));
    let path = format!("{ONE}/session-keys");
    let refused = |method: &Method, body: &Value| {
        let reply = world.api(&world.keys.admin, method, &path, &body.to_string());
        (reply.status, reply.json()["field"].clone())
    };
    // However it is written: as a JWK has it; and HMAC takes no notice of zeros at the end.
    let bare = pair
        .public_key()
        .unwrap()
        .replace('+', "-")
        .replace('/', "_");
    let as_jwk = json!({"algorithm": "EdDSA", "public_key": bare});
    let with_zero = json!({"algorithm": "HS256", "secret": format!("{SHARED}\0")});
    for (key, field) in [
        (public("k", &pair), "public_key"),
        (as_jwk, "public_key"),
        (shared("k"), "secret"),
        (with_zero, "secret"),
    ] {
        assert_eq!(refused(&Method::POST, &key), (400, json!(field)));
        let all = json!({"keys": [public("", &self::pair(2)), key]});
        let field = json!(format!("keys[1].{field}"));
        assert_eq!(refused(&Method::PUT, &all), (400, field));
    }
    assert_eq!(
        world.admin(&Method::GET, &path, &Value::Null),
        json!({"keys": []})
    );
    // Its own ones an app may register again, and those that another has given up.
    world.put_keys(TWO, &json!([public("new", &pair)]));
    world.put_keys(ONE, &json!([shared("")]));
}

#[rstest]
fn bogus_tokens_are_limited(#[values(Embedded, Postgres)] kind: StoreKind) {
    let setup = Setup {
        failures: 3,
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let key = pair(1);
    world.put_keys(ONE, &json!([public("", &key), shared("")]));
    let known = world.token(&key, 7, None);
    assert_eq!(send(&world, &known), 0);
    let bogus = |mid| world.token(&pair(2), mid, None);
    for _ in 0..10 {
        assert_eq!(send(&world, &bogus(1)), -101);
    }
    assert_eq!(send(&world, &bogus(2)), -101);
    assert_eq!(send(&world, &bogus(3)), -101);
    assert_eq!(send(&world, &bogus(4)), -509);
    assert_eq!(send(&world, &known), 0);
    let quick = world.token(&shared_key(), 8, None);
    assert_eq!(send(&world, &quick), 0, "it costs nothing to verify");
    assert_eq!(send(&world, &world.token(&key, 9, None)), -509);
}

#[rstest]
fn a_key_comes_and_goes_beside_the_others(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let path = format!("{ONE}/session-keys");
    world.put_keys(ONE, &json!([shared("a")]));
    let pair = pair(1);
    let shown = world.admin(&Method::POST, &path, &public("b", &pair));
    assert_eq!(shown["keys"].as_array().unwrap().len(), 2);
    assert!(!shown.to_string().contains(SHARED));
    let (of_shared, of_pair) = (
        world.token(&shared_key(), 7, None),
        world.token(&pair, 8, None),
    );
    assert_eq!((send(&world, &of_shared), send(&world, &of_pair)), (0, 0));
    let remove = |id: &Value, app: &str| {
        let path = format!("{app}/session-keys/{id}");
        world
            .api(&world.keys.admin, &Method::DELETE, &path, "")
            .status
    };
    let second = &shown["keys"][1]["id"];
    assert_eq!(remove(second, TWO), 404, "it is none of that app");
    assert_eq!((remove(second, ONE), remove(second, ONE)), (200, 404));
    assert_eq!(
        (send(&world, &of_shared), send(&world, &of_pair)),
        (0, -101)
    );
    let refused = |body: &Value| {
        let body = body.to_string();
        let reply = world.api(&world.keys.admin, &Method::POST, &path, &body);
        (reply.status, reply.json()["field"].clone())
    };
    let short = json!({"algorithm": "HS256", "secret": "short"});
    assert_eq!(refused(&short), (400, json!("secret")));
    for _ in 0..7 {
        world.admin(&Method::POST, &path, &shared(""));
    }
    assert_eq!(refused(&shared("")), (400, json!("keys")));
    let by_ingest = world.api(
        &world.keys.ingest,
        &Method::POST,
        &path,
        &shared("").to_string(),
    );
    assert_eq!(by_ingest.status, 403);
}

#[rstest]
fn keys_that_do_not_fit_are_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let path = format!("{ONE}/session-keys");
    let many: Vec<_> = (0..9).map(|_| shared("")).collect();
    for (keys, field) in [
        (json!(many), "keys"),
        (json!([{"algorithm": "none"}]), "keys[0].algorithm"),
        (json!([{"algorithm": "HS256"}]), "keys[0].secret"),
        (
            json!([{"algorithm": "HS256", "secret": "short"}]),
            "keys[0].secret",
        ),
        (
            json!([{"algorithm": "HS256", "secret": "hex:zz"}]),
            "keys[0].secret",
        ),
        (
            json!([shared(""), {"algorithm": "EdDSA", "secret": SHARED}]),
            "keys[1].public_key",
        ),
        (
            json!([{"algorithm": "EdDSA", "public_key": "AAAA"}]),
            "keys[0].public_key",
        ),
        (json!([shared(&"k".repeat(129))]), "keys[0].kid"),
    ] {
        let body = json!({ "keys": keys }).to_string();
        let reply = world.api(&world.keys.admin, &Method::PUT, &path, &body);
        let problem = (reply.status, reply.json()["field"].clone());
        assert_eq!(problem, (400, json!(field)), "{body}: {}", reply.text);
        assert!(!reply.text.contains("short") && !reply.text.contains(SHARED));
    }
    let reply = world.api(&world.keys.ingest, &Method::PUT, &path, r#"{"keys":[]}"#);
    assert_eq!(reply.status, 403);
}

#[rstest]
fn claims_that_are_missing_or_not_yet_true(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.put_keys(ONE, &json!([shared("")]));
    let claims = |mid, expires_at_s| JwtClaims {
        mid,
        csrf: String::new(),
        expires_at_s,
        id: None,
    };
    let now_s = world.now_ms() / 1000;
    for (claims, code) in [
        (claims(i64::MAX, now_s + 1), 0),
        (claims(0, now_s + 1), -101),
        (claims(-5, now_s + 1), -101),
        (claims(7, now_s), -101),
        (claims(7, i64::MAX), 0),
    ] {
        let token = shared_key().sign(&claims, Some("unknown kid"));
        assert_eq!(send(&world, &token), code, "{claims:?}");
    }
    let token = shared_key().sign(&claims(i64::MAX, now_s + 1), None);
    let player = world.fresh("/x/player/v2?aid=1", &format!("SESSDATA={token}"));
    assert_eq!(player["login_mid"], i64::MAX);
}
