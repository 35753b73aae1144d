//! The two feeds: who may send, in what form, and what is refused.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reportd_platform::credentials::CredentialKind;
use reportd_protocol::push::{Event, Receipt};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{App, NOON_MS, ONE, Reply, Setup, TWO, World, per_minute};

fn online(cid: &str) -> String {
    let mut line = Vec::new();
    let event = Event::Presence {
        is_online: true,
        cid: cid.into(),
        at_ms: NOON_MS,
    };
    event.write(&mut line);
    String::from_utf8(line).unwrap()
}

fn receipt(app: App, secret: &str, action_id: &str) -> String {
    let mut line = Vec::new();
    let receipt = Receipt {
        cid: "c1".into(),
        task_id: "RASL_1".into(),
        msg_id: "m1".into(),
        code: 200,
        desc: "ok".into(),
        action_id: action_id.into(),
        at_ms: NOON_MS,
        channel: None,
    };
    receipt.write(app.id, secret, &mut line);
    String::from_utf8(line).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Feeds events with the key of role ingest.
fn events(world: &World, headers: &[(&str, &str)], body: impl Into<axum::body::Body>) -> Reply {
    let key = format!("Bearer {}", world.keys.ingest);
    let headers = [&[("authorization", key.as_str())], headers].concat();
    world.feed(ONE, "events", &headers, body)
}

fn accepted(reply: &Reply) -> (u16, Value) {
    (reply.status, reply.json())
}

fn detail(reply: &Reply) -> (u16, String) {
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let problem = reply.json();
    assert_eq!(problem["status"], reply.status);
    (reply.status, problem["detail"].as_str().unwrap().to_owned())
}

#[rstest]
fn events_come_as_an_array_or_lines_packed_or_not(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let lines = format!("{}\n\n{}\r\n", online("a"), online("b"));
    let array = format!(" [{},{}]", online("a"), online("b"));
    let bulk = r#"{"type":"sendable","taskid":"RASL_1","cids":["a","b","c"],"at":1}"#;
    let two = json!({"accepted": 2});
    let large = vec![online("large"); 2_000].join("\n");
    assert!(large.len() > 64 << 10);
    assert_eq!(
        accepted(&events(&world, &[], lines.clone())),
        (200, two.clone())
    );
    assert_eq!(
        accepted(&events(&world, &[], array.clone())),
        (200, two.clone())
    );
    assert_eq!(
        accepted(&events(&world, &[], bulk)),
        (200, json!({"accepted": 3}))
    );
    assert_eq!(
        accepted(&events(&world, &[], "")),
        (200, json!({"accepted": 0}))
    );
    assert_eq!(
        accepted(&events(&world, &[], large.clone())),
        (200, json!({"accepted": 2000}))
    );
    for name in ["gzip", "GZIP", "x-gzip"] {
        let packed = [("content-encoding", name)];
        let reply = events(&world, &packed, gzip(lines.as_bytes()));
        assert_eq!(accepted(&reply), (200, two.clone()), "{name}");
    }
    let packed = [("content-encoding", "gzip")];
    let reply = events(&world, &packed, gzip(large.as_bytes()));
    assert_eq!(accepted(&reply), (200, json!({"accepted": 2000})));
    let plain = [
        ("content-encoding", "identity"),
        ("content-type", "text/plain"),
    ];
    assert_eq!(accepted(&events(&world, &plain, array)), (200, two));
}

#[rstest]
fn what_is_wrong_is_named_with_its_place(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let good = online("a");
    let sent = |members: &str| {
        format!(r#"{{"type":"sent","taskid":"RASL_1","cid":"c","channel":"gt","at":1{members}}}"#)
    };
    let ahead = good.replace(&NOON_MS.to_string(), &(NOON_MS + 600_001).to_string());
    let many: Vec<String> = (0..10_001).map(|_| good.clone()).collect();
    for (body, start) in [
        ("not JSON".to_owned(), "line 1: not JSON: "),
        (format!("[{good}"), "[1]: not JSON: "),
        (format!("[{good},{{\"type\":\"gone\"}}]"), "[1].type: expected "),
        (format!("{good}\n{{\"type\":\"online\",\"at\":1}}"), "line 2: cid: "),
        (format!("{good}\n\n7"), "line 3: "),
        (sent(r#","quota":"special""#), "line 1: quota: "),
        (sent("").replace("\"gt\"", "\"xx\""), "line 1: channel: expected gt, "),
        (ahead, "line 1: at: more than 10 minutes ahead"),
        (many.join("\n"), "line 10001: more than 10000"),
        (
            r#"{"type":"lost","taskid":"t","cid":"c","channel":"gt","phase":"xx","reason":13,"at":1}"#.to_owned(),
            "line 1: phase: expected ",
        ),
        (
            r#"{"type":"lost","taskid":"t","cid":"c","channel":"gt","phase":"ts","reason":9,"at":1}"#.to_owned(),
            "line 1: reason: ",
        ),
    ] {
        let (status, told) = detail(&events(&world, &[], body));
        assert!(status == 400 && told.starts_with(start), "{status} {told}");
    }
}

#[rstest]
fn bodies_have_limits_unpacked_too(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let packed = [("content-encoding", "gzip")];
    let most = 8 << 20;
    let body = vec![b' '; most];
    assert_eq!(events(&world, &[], body.clone()).status, 200);
    assert_eq!(events(&world, &packed, gzip(&body)).status, 200);
    let one_more = vec![b' '; most + 1];
    assert_eq!(detail(&events(&world, &[], one_more.clone())).0, 413);
    assert_eq!(detail(&events(&world, &packed, gzip(&one_more))).0, 413);
    // A bomb: it would unpack to a quarter of a gigabyte.
    let bomb = gzip(&vec![b' '; 256 << 20]);
    assert!(bomb.len() < most);
    assert_eq!(detail(&events(&world, &packed, bomb)).0, 413);

    let (status, told) = detail(&events(&world, &packed, online("a")));
    assert_eq!((status, told.as_str()), (400, "body: not gzip, or cut off"));
    let cut = gzip(online("a").as_bytes());
    assert_eq!(
        events(&world, &packed, cut[..cut.len() - 4].to_vec()).status,
        400
    );
    for other in ["br", "deflate", "gzip, gzip"] {
        let reply = events(&world, &[("content-encoding", other)], "");
        assert_eq!(detail(&reply).0, 415, "{other}");
    }
}

#[rstest]
fn events_need_a_key_that_may_feed(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let status = |key: &str, app: App| {
        let key = format!("Bearer {key}");
        let headers = [("authorization", key.as_str())];
        world.feed(app, "events", &headers, online("a")).status
    };
    let nobody = App {
        id: "nobody",
        ..ONE
    };
    assert_eq!(status(&world.keys.ingest, ONE), 200);
    assert_eq!(status(&world.keys.admin, TWO), 200);
    assert_eq!(status(&world.keys.viewer, ONE), 403);
    assert_eq!(status("unknown", ONE), 401);
    assert_eq!(status(&world.keys.ingest, nobody), 404);
    assert_eq!(world.feed(ONE, "events", &[], online("a")).status, 401);
    world.set_disabled(ONE, true);
    assert_eq!(status(&world.keys.ingest, ONE), 403);
}

#[rstest]
fn receipts_are_authenticated_by_their_signs(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let secret = ONE.master_secret;
    let good = receipt(ONE, secret, "10000");
    let feed = |app: App, body: String| {
        let reply = world.feed(app, "receipts", &[("content-type", "text/html")], body);
        (reply.status, reply.text)
    };
    let lines = format!("{good}\n{}\n", receipt(ONE, secret, "777"));
    assert_eq!(feed(ONE, lines), (200, r#"{"accepted":2}"#.to_owned()));

    let forged = receipt(ONE, "wrong", "10000");
    let (status, told) = feed(ONE, format!("{good}\n{forged}"));
    assert_eq!(status, 401);
    assert!(told.contains("line 2: sign: "), "{told}");
    let (status, told) = feed(TWO, good.clone());
    assert_eq!(status, 400);
    assert!(
        told.contains("line 1: appid: not the app of the path"),
        "{told}"
    );
    assert_eq!(feed(ONE, good.replace("\"cid\":\"c1\",", "")).0, 400);

    // An app that is not there, or disabled, is refused as a forged sign is.
    let forged = feed(ONE, forged);
    let nobody = App {
        id: "nobody",
        ..ONE
    };
    let unknown = feed(nobody, receipt(nobody, secret, "10000"));
    world.set_disabled(ONE, true);
    let disabled = feed(ONE, good);
    assert_eq!(forged.0, 401);
    assert_eq!((&unknown, &disabled), (&forged, &forged));
}

#[rstest]
fn a_rotated_secret_signs_receipts_at_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.rotate(ONE, CredentialKind::MasterSecret, "new-secret", 3_600_000);
    let status = |secret: &str| {
        let body = receipt(ONE, secret, "0");
        world.feed(ONE, "receipts", &[], body).status
    };
    assert_eq!(
        (status("new-secret"), status(ONE.master_secret)),
        (200, 200)
    );
    world.clock.advance(3_600_000);
    assert_eq!(
        (status("new-secret"), status(ONE.master_secret)),
        (200, 401)
    );
}

#[rstest]
fn feeds_are_limited_by_address(#[values(Embedded, Postgres)] kind: StoreKind) {
    let setup = Setup {
        feeds_per_address: Some(per_minute(2)),
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let good = receipt(ONE, ONE.master_secret, "0");
    assert_eq!(world.feed(ONE, "receipts", &[], good.clone()).status, 200);
    assert_eq!(events(&world, &[], online("a")).status, 200);
    let reply = world.feed(ONE, "receipts", &[], good);
    assert_eq!(detail(&reply).0, 429);
    assert_eq!(reply.header("retry-after"), "30");
    let path = format!("/v2/{}/auth/x", ONE.id);
    let reply = world.send(&axum::http::Method::DELETE, &path, &[], "");
    assert_eq!(reply.status, 401, "and only feeds are");
}

#[rstest]
fn large_feeds_without_room_are_told_to_try_later(#[values(Embedded, Postgres)] kind: StoreKind) {
    let setup = Setup {
        feed_room_bytes: 0,
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let large = vec![online("large"); 2_000].join("\n");
    let packed = [("content-encoding", "gzip")];
    for reply in [
        events(&world, &[], large.clone()),
        events(&world, &packed, gzip(large.as_bytes())),
        world.feed(ONE, "receipts", &[], large),
    ] {
        assert_eq!(detail(&reply).0, 503);
        assert_eq!(reply.header("retry-after"), "1");
    }
    // What is small takes no room, packed or not.
    assert_eq!(events(&world, &[], online("a")).status, 200);
    let small = gzip(online("a").as_bytes());
    assert_eq!(events(&world, &packed, small).status, 200);
}

#[rstest]
fn guessing_signs_is_limited_by_address(#[values(Embedded, Postgres)] kind: StoreKind) {
    let setup = Setup {
        failures: 2,
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let status = |secret: &str| {
        let body = receipt(ONE, secret, "0");
        world.feed(ONE, "receipts", &[], body).status
    };
    assert_eq!([status("a"), status("b"), status("c")], [401, 401, 429]);
    assert_eq!(status(ONE.master_secret), 200, "what is right passes");
    world.clock.advance(60_000);
    assert_eq!(status("d"), 401);
}

#[rstest]
fn feeds_and_calls_are_counted(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    events(
        &world,
        &[],
        r#"[{"type":"online","cid":"a","at":1,"more":2,"much":3}]"#,
    );
    events(&world, &[], "?");
    let line = receipt(ONE, ONE.master_secret, "777");
    world.feed(ONE, "receipts", &[], line);
    world.auth(ONE);
    world.report(ONE, "neverIssued", "push/count");
    let metrics = world.metrics.encode();
    for line in [
        "reportd_push_requests_total 3",
        "reportd_push_reports_total 2",
        "reportd_push_rejections_total{cause=\"400\"} 1",
        "reportd_push_unknown_fields_total 2",
        "reportd_push_unknown_actions_total 1",
        "reportd_push_v2_requests_total 2",
        "reportd_push_v2_rejections_total{cause=\"10001\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}:\n{metrics}"
        );
    }
}
