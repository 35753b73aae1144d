//! Figures of the site, against traces that were reckoned by hand.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, TWO, World};

const DAY_MS: i64 = 86_400_000;

fn get(world: &World, path: &str) -> Value {
    for _ in 0..10 {
        let reply = world.api(
            &world.keys.viewer,
            &Method::GET,
            &format!("{ONE}/playback/{path}"),
            "",
        );
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        if reply.header("reportd-lag-ms").is_empty() {
            return reply.json();
        }
    }
    panic!("{path}: no read was fresh");
}

fn beat(world: &World, mid: i64, form: &str) {
    world.beat(&world.session(ONE, mid), form);
}

/// Two days of two videos of 100 s.
fn two_days(world: &World) {
    for (mid, form, pause_ms) in [
        (
            7,
            "aid=1&cid=1&session=s1&video_duration=100&played_time=0&realtime=0",
            30_000,
        ),
        (
            7,
            "aid=1&cid=1&session=s1&video_duration=100&played_time=30&realtime=30",
            30_000,
        ),
        (
            7,
            "aid=1&cid=1&session=s1&video_duration=100&played_time=96&realtime=60",
            1_000,
        ),
        (
            8,
            "aid=1&cid=1&session=s2&video_duration=100&played_time=50&realtime=9",
            DAY_MS,
        ),
        (
            7,
            "aid=1&cid=1&session=s3&video_duration=100&played_time=10",
            1_000,
        ),
        (
            9,
            "aid=2&cid=2&session=s4&video_duration=100&played_time=-1",
            1_000,
        ),
    ] {
        beat(world, mid, form);
        world.clock.advance(pause_ms);
    }
}

#[rstest]
fn videos_of_some_days(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    two_days(&world);
    let video = |aid: i64, bvid: &str, figures: [i64; 3], finish_rate: f64| {
        let [plays, viewers, watched_seconds] = figures;
        json!({
            "aid": aid, "bvid": bvid, "title": format!("av{aid}"), "plays": plays, "viewers": viewers,
            "watched_seconds": watched_seconds, "finish_rate": finish_rate,
        })
    };
    let one = |figures, finish_rate| video(1, "BV1xx411c7mQ", figures, finish_rate);
    let two = |figures, finish_rate| video(2, "BV1xx411c7mD", figures, finish_rate);
    let videos = |query: &str| get(&world, &format!("videos?{query}"))["videos"].clone();
    let both = json!([one([3, 2, 84], 1.0 / 3.0), two([1, 1, 15], 1.0)]);
    assert_eq!(videos(""), both);
    for sort in ["plays", "viewers", "watched"] {
        let query = format!("from=2026-11-21&to=2026-11-22&sort={sort}");
        assert_eq!(videos(&query), both, "{sort}");
    }
    assert_eq!(videos("limit=1"), json!([both[0]]));
    assert_eq!(
        videos("from=2026-11-21&to=2026-11-21"),
        json!([one([2, 2, 69], 0.5)])
    );
    let second = json!([one([1, 1, 15], 0.0), two([1, 1, 15], 1.0)]);
    assert_eq!(videos("from=2026-11-22&to=2026-11-22"), second);
    assert_eq!(videos("from=2026-11-01&to=2026-11-20"), json!([]));
    let of_two = world.api(
        &world.keys.viewer,
        &Method::GET,
        &format!("{TWO}/playback/videos"),
        "",
    );
    assert_eq!(of_two.json(), json!({"videos": [], "next_cursor": null}));
    let first = get(&world, "videos?limit=1");
    let behind = format!(
        "videos?limit=1&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    assert_eq!(
        get(&world, &behind),
        json!({"videos": [both[1]], "next_cursor": null})
    );
    for cursor in ["-1", "x", "1234567890", "+1"] {
        let path = format!("{ONE}/playback/videos?cursor={cursor}");
        let refused = world.api(&world.keys.viewer, &Method::GET, &path, "");
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!("cursor"))
        );
    }

    // The site knows that the first is longer.
    let line = json!({"aid": 1, "cid": 1, "title": "one", "duration": 200});
    world.admin(&Method::PUT, &format!("{ONE}/playback/catalogue"), &line);
    let after = get(&world, "videos");
    assert_eq!(after["videos"][0]["finish_rate"], 0.0);
}

#[rstest]
fn a_video_by_day(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    two_days(&world);
    let shown = get(&world, "videos/BV1xx411c7mQ?from=2026-11-20&to=2026-11-22");
    let day = |day: &str, figures: [i64; 3], finish_rate: f64| {
        let [plays, viewers, watched_seconds] = figures;
        json!({
            "day": day, "plays": plays, "viewers": viewers, "watched_seconds": watched_seconds,
            "finish_rate": finish_rate,
        })
    };
    let days = json!([
        day("2026-11-20", [0, 0, 0], 0.0),
        day("2026-11-21", [2, 2, 69], 0.5),
        day("2026-11-22", [1, 1, 15], 0.0),
    ]);
    assert_eq!(shown["days"], days);
    let part = |cid: i64, plays: i64, finish_rate: f64| {
        json!({
            "cid": cid, "page": 0, "title": "", "duration": 100, "plays": plays, "finish_rate": finish_rate,
        })
    };
    assert_eq!(shown["parts"], json!([part(1, 3, 1.0 / 3.0)]));
    let line = json!({"aid": 1, "cid": 1, "title": "one", "duration": 90, "page": 2, "part_title": "second"});
    world.admin(&Method::PUT, &format!("{ONE}/playback/catalogue"), &line);
    let listed = get(&world, "videos/1?from=2026-11-21&to=2026-11-21")["parts"][0].clone();
    assert_eq!(
        (
            &listed["page"],
            &listed["title"],
            &listed["duration"],
            &listed["plays"]
        ),
        (&json!(2), &json!("second"), &json!(90), &json!(2))
    );
    assert_eq!(
        (&shown["aid"], &shown["plays"], &shown["viewers"]),
        (&json!(1), &json!(3), &json!(2))
    );
    assert_eq!(
        get(&world, "videos/999?from=2026-11-22&to=2026-11-22")["plays"],
        0
    );
}

#[rstest]
fn all_videos_by_day(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    two_days(&world);
    let day = |day: &str, [videos, plays, watched_seconds]: [i64; 3]| json!({"day": day, "videos": videos, "plays": plays, "watched_seconds": watched_seconds});
    assert_eq!(
        get(&world, "days?from=2026-11-20&to=2026-11-22"),
        json!({
            "videos": 2, "plays": 4, "watched_seconds": 99,
            "days": [
                day("2026-11-20", [0, 0, 0]),
                day("2026-11-21", [1, 2, 69]),
                day("2026-11-22", [2, 2, 30]),
            ],
        })
    );
    let refused = world.api(
        &world.keys.ingest,
        &Method::GET,
        &format!("{ONE}/playback/days"),
        "",
    );
    assert_eq!(refused.status, 403);
}

#[rstest]
fn distinct_viewers_of_any_range(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    // Who watches on which day.
    let watched: [&[i64]; 5] = [&[7, 8], &[7], &[], &[7, 9], &[8, 10]];
    for viewers in watched {
        for mid in viewers {
            beat(&world, *mid, "aid=1&cid=1&played_time=10");
        }
        world.clock.advance(DAY_MS);
    }
    for from in 0..5_usize {
        for to in from..5 {
            let mut distinct: Vec<i64> = watched[from..=to].concat();
            distinct.sort_unstable();
            distinct.dedup();
            let range = format!("from=2026-11-{}&to=2026-11-{}", 21 + from, 21 + to);
            let of_video = get(&world, &format!("videos/1?{range}"));
            assert_eq!(of_video["viewers"], distinct.len(), "{range}");
            let videos = get(&world, &format!("videos?{range}&sort=viewers"));
            let listed = videos["videos"].as_array().unwrap().first();
            assert_eq!(
                listed.map_or(json!(0), |video| video["viewers"].clone()),
                distinct.len()
            );
        }
    }
}

#[rstest]
fn retention_is_that_of_the_most_played_part(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    two_days(&world);
    beat(&world, 8, "aid=1&cid=9&session=s5&played_time=40");
    let shown = get(&world, "videos/1/retention");
    assert_eq!(
        (&shown["cid"], &shown["duration"], &shown["sessions"]),
        (&json!(1), &json!(100), &json!(3))
    );
    let reached = shown["reached"].as_array().unwrap();
    let left_at = shown["left_at"].as_array().unwrap();
    assert_eq!((reached.len(), left_at.len()), (101, 100));
    let at = |percent: usize| (reached[percent].as_f64().unwrap() * 3.0).round();
    assert_eq!(
        [0, 10, 11, 50, 51, 96, 97].map(at),
        [3.0, 3.0, 2.0, 2.0, 1.0, 1.0, 0.0]
    );
    let left: Vec<usize> = (0..100).filter(|&percent| left_at[percent] == 1).collect();
    assert_eq!(left, [10, 50, 96]);
    let of_nine = get(&world, "videos/1/retention?cid=9");
    assert_eq!(
        (&of_nine["sessions"], &of_nine["duration"]),
        (&json!(1), &json!(40))
    );
    let of_none = get(&world, "videos/1/retention?cid=77");
    assert_eq!(
        (&of_none["sessions"], &of_none["cid"]),
        (&json!(0), &json!(77))
    );
    assert_eq!(get(&world, "videos/99/retention")["cid"], Value::Null);
}

#[rstest]
fn who_is_viewing_now_and_who_was(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    beat(&world, 7, "aid=1&cid=1&dt=2&played_time=1");
    beat(&world, 8, "aid=1&cid=2&dt=1&played_time=1");
    beat(&world, 9, "aid=2&cid=3&play_type=2&played_time=1");
    beat(&world, 10, "aid=2&cid=3&played_time=96&video_duration=100");
    let part = |aid: i64, cid: i64, bvid: &str| json!({"aid": aid, "bvid": bvid, "cid": cid, "title": format!("av{aid}"), "viewers": 1});
    let shown = get(&world, "now");
    let expected = json!([part(1, 1, "BV1xx411c7mQ"), part(1, 2, "BV1xx411c7mQ")]);
    assert_eq!(
        (&shown["viewers"], &shown["videos"]),
        (&json!(2), &expected)
    );
    assert_eq!(get(&world, "now?limit=1")["videos"], json!([expected[0]]));
    let online = |query: &str| {
        let data = world
            .get(
                &format!("/x/player/online/total?{query}"),
                &session.cookie(),
            )
            .data();
        assert_eq!(data["show_switch"], json!({"total": true, "count": true}));
        (
            data["total"].as_str().unwrap().to_owned(),
            data["count"].as_str().unwrap().to_owned(),
        )
    };
    let told = |total: &str, count: &str| (total.to_owned(), count.to_owned());
    assert_eq!(online("aid=1"), told("2", "1"));
    assert_eq!(online("aid=1&cid=2"), told("1", "0"));
    assert_eq!(online("bvid=BV1xx411c7mD"), told("0", "0"));
    assert_eq!(
        world.fresh("/x/player/v2?aid=1", &session.cookie())["online_count"],
        2
    );

    world.clock.advance(44_999);
    assert_eq!(online("aid=1"), told("2", "1"));
    world.clock.advance(1);
    assert_eq!(
        (online("aid=1"), &get(&world, "now")["viewers"]),
        (told("0", "0"), &json!(0))
    );
    beat(&world, 8, "aid=2&cid=3&played_time=1");
    assert_eq!(
        get(&world, "now")["videos"],
        json!([part(2, 3, "BV1xx411c7mD")])
    );

    let points = get(&world, "now/curve?from=2026-11-21")["points"].clone();
    let points = points.as_array().unwrap();
    assert_eq!(points.len(), 12 * 6 + 1, "from midnight to noon");
    let last = json!({"at": world.now_ms() / 600_000 * 600_000, "viewers": 3});
    assert_eq!(
        (points.last().unwrap(), &points[0]["viewers"]),
        (&last, &json!(0))
    );
}

#[rstest]
fn parameters_that_do_not_fit_are_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (path, field) in [
        ("videos?from=yesterday", "from"),
        ("videos?to=2026-02-30", "from"),
        ("videos?from=2026-11-22&to=2026-11-21", "to"),
        ("videos?from=2025-11-20&to=2026-11-21", "from"),
        ("videos?sort=best", "sort"),
        ("videos?limit=0", "limit"),
        ("videos?limit=101", "limit"),
        ("videos/x", "aid"),
        ("videos/1?from=1", "from"),
        ("videos/0/retention", "aid"),
        ("videos/1/retention?cid=x", "cid"),
        ("videos/1/retention?cid=-1", "cid"),
        ("now?limit=1001", "limit"),
        ("now/curve?from=2026-10-01&to=2026-11-21", "from"),
    ] {
        let reply = world.api(
            &world.keys.viewer,
            &Method::GET,
            &format!("{ONE}/playback/{path}"),
            "",
        );
        assert_eq!(
            (reply.status, &reply.json()["field"]),
            (400, &json!(field)),
            "{path}: {}",
            reply.text
        );
    }
}

#[rstest]
fn parts_that_are_made_up_take_nobodys_place(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    for number in 0..3 {
        let form = format!("aid=1&cid=900&session=s{number}&video_duration=100&played_time=-1");
        world.beat(&session, &form);
    }
    let made_up = world.session(ONE, 8);
    for cid in (1..=250).chain(901..=950) {
        world.beat(&made_up, &format!("aid=1&cid={cid}&played_time={cid}"));
    }
    let retention = get(&world, "videos/1/retention");
    assert_eq!(
        (&retention["cid"], &retention["sessions"]),
        (&json!(900), &json!(3))
    );
    let video = get(&world, "videos/1");
    let parts = video["parts"].as_array().unwrap();
    assert_eq!((parts.len(), &parts[0]["cid"]), (200, &json!(900)));
    assert_eq!(parts[0]["plays"], 3);
    assert_eq!(video["plays"], 303, "plays are of all parts");
    let videos = get(&world, "videos?limit=5");
    assert_eq!(videos["videos"][0]["finish_rate"], video["finish_rate"]);
}
