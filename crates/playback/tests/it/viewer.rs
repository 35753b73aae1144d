//! One viewer, as the people of a site see them: the history, deletes and their undo, all that is stored.

use axum::http::Method;
use reportd_protocol::playback::bvid_of;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, Session, TWO, World};

fn history(world: &World, query: &str) -> Value {
    let path = format!("{ONE}/viewers/7/history?{query}");
    for _ in 0..10 {
        let reply = world.api(&world.keys.lead, &Method::GET, &path, "");
        assert_eq!(reply.status, 200, "{}", reply.text);
        if reply.header("reportd-lag-ms").is_empty() {
            return reply.json();
        }
    }
    panic!("no read was fresh");
}

fn aids(history: &Value) -> Vec<i64> {
    let entries = history["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["aid"].as_i64().unwrap())
        .collect()
}

fn delete(world: &World, session: &Session, kid: &str) {
    let form = format!("kid={kid}&csrf={}", session.csrf);
    let path = if kid == "all" {
        "/x/v2/history/clear"
    } else {
        "/x/v2/history/delete"
    };
    assert_eq!(world.post(path, &session.cookie(), &form).code(), 0);
}

fn undo(world: &World, body: &str) -> (u16, Value) {
    let path = format!("{ONE}/viewers/7/history/undo");
    for _ in 0..10 {
        let reply = world.api(&world.keys.admin, &Method::POST, &path, body);
        // It does not guess what a fold that lags has not shown yet.
        if reply.status != 503 {
            return (reply.status, reply.json());
        }
    }
    panic!("no read was fresh");
}

/// A viewer who has watched videos 1 to 5, a second apart.
fn five_videos(world: &World) -> Session {
    let session = world.session(ONE, 7);
    for aid in 1..=5 {
        world.beat(
            &session,
            &format!("aid={aid}&cid=7&played_time=10&dt=2&video_duration=60"),
        );
        world.clock.advance(1_000);
    }
    session
}

#[rstest]
fn a_history_is_shown_in_pages(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    assert_eq!(history(&world, "")["entries"], json!([]));
    let session = five_videos(&world);
    let first = history(&world, "limit=2");
    let expected = json!({
        "kid": "archive_5", "business": "archive", "aid": 5, "bvid": bvid_of(5), "cid": 7, "season_id": null,
        "episode_id": null, "title": "av5", "view_at": world.now_ms() - 1_000, "progress": 10, "duration": 60, "device": 2,
    });
    assert_eq!(first["entries"][0], expected);
    let (mut all, mut page) = (Vec::new(), first);
    loop {
        all.extend(aids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        page = history(&world, &format!("limit=2&cursor={cursor}"));
    }
    assert_eq!(all, [5, 4, 3, 2, 1]);
    let form = format!("switch=true&csrf={}", session.csrf);
    world.post("/x/v2/history/shadow/set", &session.cookie(), &form);
    assert_eq!(history(&world, "")["is_paused"], true);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=1.2", "cursor"),
        ("cursor=1.2.live", "cursor"),
        ("cursor=1.-2.archive", "cursor"),
    ] {
        let path = format!("{ONE}/viewers/7/history?{query}");
        let reply = world.api(&world.keys.lead, &Method::GET, &path, "");
        assert_eq!(
            (reply.status, &reply.json()["field"]),
            (400, &json!(field)),
            "{query}"
        );
    }
}

#[rstest]
fn what_was_deleted_comes_back_within_a_day(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = five_videos(&world);
    delete(&world, &session, "archive_2");
    world.clock.advance(1_000);
    delete(&world, &session, "archive_4");
    let shown = history(&world, "");
    assert_eq!(aids(&shown), [5, 3, 1]);
    let deletes = shown["deletes"].as_array().unwrap();
    let kids: Vec<_> = deletes
        .iter()
        .map(|delete| delete["kid"].as_str().unwrap())
        .collect();
    assert_eq!(kids, ["archive_4", "archive_2"]);
    let id = deletes[1]["id"].as_str().unwrap();
    let (status, undone) = undo(&world, &json!({"ids": [id]}).to_string());
    assert_eq!((status, &undone["ids"]), (200, &json!([id])));
    let shown = history(&world, "");
    assert_eq!(aids(&shown), [5, 3, 2, 1]);
    assert_eq!(
        (
            &shown["deletes"][1]["is_undone"],
            &shown["deletes"][0]["is_undone"]
        ),
        (&json!(true), &json!(false))
    );
    delete(&world, &session, "all");
    assert_eq!(aids(&history(&world, "")), [0_i64; 0]);
    world.clock.advance(24 * 3_600_000 - 2_000);
    assert_eq!(undo(&world, "").0, 200, "all that stand");
    assert_eq!(aids(&history(&world, "")), [5, 4, 3, 2, 1]);
    assert_eq!(world.history(&session.cookie()).len(), 5);
}

#[rstest]
fn beyond_a_day_nothing_is_undone(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = five_videos(&world);
    delete(&world, &session, "archive_2");
    let id = history(&world, "")["deletes"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.clock.advance(24 * 3_600_000 + 1);
    assert_eq!(undo(&world, "{}"), (200, json!({"ids": []})));
    let (status, problem) = undo(&world, &json!({"ids": [id]}).to_string());
    assert_eq!(
        (status, &problem["field"]),
        (400, &json!("ids[0]")),
        "{problem}"
    );
    assert!(problem["detail"].as_str().unwrap().contains("24 hours"));
    for (body, field) in [
        (r#"{"ids":["77"]}"#, "ids[0]"),
        (r#"{"ids":[true]}"#, "ids[0]"),
        (r#"{"ids":"all"}"#, "ids"),
        (r#"{"id":[1]}"#, "id"),
        ("[]", "body"),
    ] {
        let (status, problem) = undo(&world, body);
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{body}");
    }
    assert_eq!(history(&world, "")["deletes"], json!([]));
}

#[rstest]
fn an_export_has_all_that_is_stored(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = five_videos(&world);
    for form in [
        "session=a&played_time=20",
        "session=b&played_time=-1&realtime=9",
    ] {
        world.beat(&session, &format!("aid=1&cid=7&{form}"));
        world.clock.advance(1_000);
    }
    delete(&world, &session, "archive_2");
    let path = format!("{ONE}/viewers/7/export");
    let reply = world.api(&world.keys.lead, &Method::GET, &path, "");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/x-ndjson")
    );
    let lines: Vec<Value> = reply
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of =
        |kind: &str| -> Vec<&Value> { lines.iter().filter(|line| line["type"] == kind).collect() };
    assert_eq!(
        of("viewer"),
        [&json!({"type": "viewer", "mid": 7, "is_paused": false})]
    );
    assert_eq!(
        (of("session").len(), of("delete").len(), of("video").len()),
        (1, 1, 5)
    );
    assert_eq!(of("delete")[0]["kid"], "archive_2");
    let videos = of("video");
    assert_eq!(
        (&videos[0]["entry"]["progress"], &videos[1]["entry"]),
        (&json!(-1), &Value::Null)
    );
    assert_eq!(videos[0]["days"], json!(["2026-11-21"]));
    let plays = videos[0]["plays"].as_array().unwrap();
    let of_play = |play: &Value| {
        (
            play["furthest"].as_i64().unwrap(),
            play["watched_seconds"].as_i64().unwrap(),
        )
    };
    assert_eq!(
        plays.iter().map(of_play).collect::<Vec<_>>(),
        [(10, 15), (20, 15), (-1, 9)]
    );
    for secret in [&session.sessdata, &session.csrf, &session.access_key] {
        assert!(!reply.text.contains(secret.as_str()));
    }
    let nobody = world.api(
        &world.keys.lead,
        &Method::GET,
        &format!("{TWO}/viewers/7/export"),
        "",
    );
    assert_eq!(
        nobody.text,
        "{\"type\":\"viewer\",\"mid\":7,\"is_paused\":false}\n"
    );
}

#[rstest]
fn an_export_has_every_play_session(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    for sitting in ["a", "b"] {
        world.beat(&session, &format!("aid=1&cid=1&session={sitting}"));
    }
    history(&world, "");
    let more = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) \
                INSERT INTO playback_play (viewer, aid, cid, session, state) \
                SELECT p.viewer, p.aid, p.cid + n.i, p.session, p.state FROM playback_play p CROSS JOIN n";
    assert_eq!(world.views().execute(more, &[]).unwrap(), 10_001);
    let path = format!("{ONE}/viewers/7/export");
    let reply = world.api(&world.keys.lead, &Method::GET, &path, "");
    let line = reply
        .text
        .lines()
        .find(|line| line.contains("\"plays\""))
        .unwrap();
    let video: Value = serde_json::from_str(line).unwrap();
    assert_eq!(video["plays"].as_array().unwrap().len(), 10_003);
}

#[rstest]
fn roles_may_what_they_may(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let keys = &world.keys;
    let roles = [&keys.ingest, &keys.viewer, &keys.lead, &keys.admin];
    let table = [
        (Method::GET, "playback/videos", [403, 200, 200, 200]),
        (Method::GET, "playback/videos/1", [403, 200, 200, 200]),
        (
            Method::GET,
            "playback/videos/1/retention",
            [403, 200, 200, 200],
        ),
        (Method::GET, "playback/now", [403, 200, 200, 200]),
        (Method::GET, "playback/now/curve", [403, 200, 200, 200]),
        (Method::GET, "playback/catalogue/1", [403, 404, 404, 404]),
        (Method::PUT, "playback/catalogue", [200, 403, 403, 200]),
        (Method::GET, "viewers/7/history", [403, 403, 200, 200]),
        (Method::GET, "viewers/7/export", [403, 403, 200, 200]),
        (Method::POST, "viewers/7/history/undo", [403, 403, 403, 200]),
        (Method::DELETE, "viewers/7", [403, 403, 403, 200]),
    ];
    for (method, path, expected) in table {
        let status = |key: &&String| world.api(key, &method, &format!("{ONE}/{path}"), "").status;
        assert_eq!(
            roles.iter().map(status).collect::<Vec<_>>(),
            expected,
            "{method} {path}"
        );
    }
    for mid in ["0", "-7", "x", "9223372036854775808"] {
        let path = format!("{ONE}/viewers/{mid}/history");
        let reply = world.api(&keys.admin, &Method::GET, &path, "");
        assert_eq!(
            (reply.status, &reply.json()["field"]),
            (400, &json!("mid")),
            "{mid}"
        );
    }
}
