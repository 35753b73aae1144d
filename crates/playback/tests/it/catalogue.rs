//! The catalogue: what a site uploads is what histories show, and what cannot be taken is refused as a whole.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, TWO, World};

fn put(world: &World, lines: &str) -> (u16, Value) {
    let path = format!("{ONE}/playback/catalogue");
    let reply = world.api(&world.keys.ingest, &Method::PUT, &path, lines);
    (reply.status, reply.json())
}

fn video(world: &World, app: &str, aid: &str) -> (u16, Value) {
    let path = format!("{app}/playback/catalogue/{aid}");
    let reply = world.api(&world.keys.viewer, &Method::GET, &path, "");
    (reply.status, reply.json())
}

#[rstest]
fn a_line_takes_the_place_of_what_was_known(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let lines = r#"{"aid":1,"title":"one","cover":"//c/1","duration":600,"author":{"mid":7,"name":"somebody"}}
        {"aid":1,"cid":11,"page":1,"part_title":"p1","duration":200}
        {"aid":1,"cid":12,"page":2,"part":"p2"}

        {"bvid":"BV1xx411c7mD","title":"two","author_mid":"9007199254740993","author_name":"n"}"#;
    for _ in 0..2 {
        assert_eq!(
            put(&world, lines),
            (200, json!({"stored": 4, "removed": 0}))
        );
    }
    let (status, one) = video(&world, ONE, "1");
    assert_eq!((status, &one["bvid"]), (200, &json!("BV1xx411c7mQ")));
    let itself = json!({
        "cid": 0, "title": "one", "cover": "//c/1", "duration": 600, "author": {"mid": 7, "name": "somebody"},
        "page": 0, "part_title": "",
    });
    let cids: Vec<_> = one["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| &part["cid"])
        .collect();
    assert_eq!(
        (&one["parts"][0], cids),
        (&itself, vec![&json!(0), &json!(11), &json!(12)])
    );
    let (_, two) = video(&world, ONE, "BV1xx411c7mD");
    assert_eq!(
        two["parts"][0]["author"],
        json!({"mid": 9_007_199_254_740_993_i64, "name": "n"})
    );
    assert_eq!(video(&world, TWO, "1").0, 404);

    let lines = r#"{"aid":1,"cid":12,"removed":true}
        {"aid":2,"removed":true}
        {"aid":1,"title":"uno"}"#;
    assert_eq!(
        put(&world, lines),
        (200, json!({"stored": 1, "removed": 2}))
    );
    let (_, one) = video(&world, ONE, "1");
    assert_eq!(
        (
            one["parts"].as_array().unwrap().len(),
            &one["parts"][0]["title"]
        ),
        (2, &json!("uno"))
    );
    assert_eq!(one["parts"][0]["duration"], Value::Null);
    assert_eq!(video(&world, ONE, "2").0, 404);
}

#[rstest]
fn a_bad_line_is_named_and_nothing_is_taken(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (line, field) in [
        ("no JSON", "line 2"),
        ("[1]", "line 2"),
        (r#"{"title":"t"}"#, "line 2: aid"),
        (r#"{"aid":"x"}"#, "line 2: aid"),
        (r#"{"aid":1,"bvid":"BV1xx411c7mD"}"#, "line 2: bvid"),
        (r#"{"aid":1,"duration":-3}"#, "line 2: duration"),
        (r#"{"aid":1,"author":{"name":3}}"#, "line 2: author.name"),
        (r#"{"aid":1,"tittle":"t"}"#, "line 2: tittle"),
    ] {
        let (status, problem) = put(&world, &format!("{{\"aid\":9,\"title\":\"t\"}}\n{line}"));
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{problem}"
        );
    }
    assert_eq!(put(&world, "[1]").1["detail"], "expected a JSON object");
    assert_eq!(video(&world, ONE, "9").0, 404);
    for aid in ["0", "-1", "x", "BV1"] {
        assert_eq!(video(&world, ONE, aid).1["field"], "aid");
    }
    let large = format!("{{\"aid\":9,\"title\":\"t\"}}\n{}", " ".repeat(1 << 20));
    assert_eq!(put(&world, &large).0, 413);
    assert_eq!(put(&world, ""), (200, json!({"stored": 0, "removed": 0})));
    let many: Vec<String> = (1..=2_500)
        .map(|aid| format!("{{\"aid\":{aid},\"title\":\"{aid}\"}}"))
        .collect();
    assert_eq!(put(&world, &many.join("\n")).1["stored"], 2_500);
    assert_eq!(video(&world, ONE, "2500").1["parts"][0]["title"], "2500");
}

#[rstest]
fn histories_show_what_the_catalogue_says(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    for form in [
        "aid=1&cid=11&played_time=30",
        "aid=2&cid=5&played_time=30",
        "aid=3&played_time=30",
    ] {
        world.beat(&session, form);
        world.clock.advance(1_000);
    }
    let lines = r#"{"aid":1,"title":"one","cover":"//c/1","duration":600,"author":{"mid":7,"name":"somebody"}}
        {"aid":1,"cid":11,"page":1,"part_title":"p1","duration":30}
        {"aid":1,"cid":12,"page":2,"part_title":"p2"}
        {"aid":2,"title":"two","duration":31}"#;
    assert_eq!(put(&world, lines).0, 200);
    let page = world.fresh("/x/web-interface/history/cursor", &session.cookie());
    let list = page["list"].as_array().unwrap();
    let shown = |index: usize| {
        let item = &list[index];
        (
            item["title"].as_str().unwrap(),
            item["duration"].as_i64().unwrap(),
            item["progress"].as_i64().unwrap(),
            item["videos"].as_i64().unwrap(),
        )
    };
    assert_eq!(shown(0), ("av3", 0, 30, 0));
    assert_eq!(shown(1), ("two", 31, -1, 1));
    assert_eq!(shown(2), ("one", 30, -1, 2));
    let one = &list[2];
    assert_eq!(
        (&one["cover"], &one["author_name"], &one["author_mid"]),
        (&json!("//c/1"), &json!("somebody"), &json!(7))
    );
    assert_eq!(
        (&one["show_title"], &one["history"]["part"]),
        (&json!("p1"), &json!("p1"))
    );
    let documented = [
        "title",
        "long_title",
        "cover",
        "covers",
        "uri",
        "history",
        "videos",
        "author_name",
        "author_face",
        "author_mid",
        "view_at",
        "progress",
        "badge",
        "show_title",
        "duration",
        "current",
        "total",
        "new_desc",
        "is_finish",
        "is_fav",
        "kid",
        "tag_name",
        "live_status",
    ];
    for key in documented {
        assert!(one.get(key).is_some_and(|value| !value.is_null()), "{key}");
    }
}
