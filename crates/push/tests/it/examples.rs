//! Each example of the source, through the whole room: events in, and the same numbers out as it shows. The replies stand
//! in `tests/data/example_*.json`, laid out for people; what `total` of a day has beside the source is in the spec.

use reportd_platform::clock::DAY_MS;
use reportd_protocol::push::online_points;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::lines::{events, of_device, task};
use crate::world::{NOON_MS, ONE, World};

const MINUTE_MS: i64 = 60_000;

/// How many devices reach each stage: sent, received, displayed, clicked.
type Reached = [usize; 4];

fn reach(id: &str, at: i64, channel: &str, reached: Reached) -> String {
    let channel = format!(r#","channel":"{channel}""#);
    let stages = ["sent", "received", "displayed", "clicked"].into_iter();
    stages
        .zip(reached)
        .map(|(stage, devices)| events(stage, id, devices, at, &channel))
        .collect()
}

/// The same devices, under other names: the total counts each device once.
fn of_others(lines: &str) -> String {
    lines.replace(r#""cid":"c"#, r#""cid":"other"#)
}

fn assert_reply(world: &World, path: &str, expected: &str) {
    let reply = world.fresh_report(ONE, &world.token(ONE), path);
    let expected: String = expected.split_whitespace().collect();
    assert_eq!(reply, expected, "{path}");
}

#[rstest]
fn a_task_with_its_actions(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let id = "RASL_1121_aaaa";
    let lines = [
        events("sendable", id, 4, NOON_MS, ""),
        reach(id, NOON_MS, "gt", [2, 2, 1, 1]),
        of_others(&reach(id, NOON_MS, "hw", [2, 2, 1, 1])),
        events("action", id, 2, NOON_MS, r#","action_id":90001"#),
    ];
    world.events(ONE, &lines.concat());
    assert_reply(
        &world,
        &format!("push/task/{id}?actionIdList=90001,90002"),
        include_str!("../data/example_task.json"),
    );
}

#[rstest]
fn a_group_of_tasks(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let group = r#","group_name":"spring""#;
    let lines = [
        task("t1", "list", NOON_MS, group) + "\n",
        task("t2", "app", NOON_MS - DAY_MS, group) + "\n",
        events("sendable", "t1", 2, NOON_MS, ""),
        events("sendable", "t2", 2, NOON_MS, ""),
        reach("t1", NOON_MS, "gt", [2, 2, 1, 1]),
        reach("t2", NOON_MS, "ios", [2, 2, 1, 1]),
    ];
    world.events(ONE, &lines.concat());
    let expected = include_str!("../data/example_group.json");
    assert_reply(&world, "push/task_group/spring", expected);
}

#[rstest]
fn what_was_lost_in_detail(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let id = "RASA_1121_bbbb";
    let lost = |devices, channel: &str, phase: &str, reason: u16| {
        let more = format!(r#","channel":"{channel}","phase":"{phase}","reason":{reason}"#);
        events("lost", id, devices, NOON_MS, &more)
    };
    let lines = [
        events("sendable", id, 320, NOON_MS, ""),
        reach(id, NOON_MS, "gt", [3, 2, 2, 0]),
        of_others(&reach(id, NOON_MS, "apn", [11, 1, 1, 0])),
        lost(231, "gt", "rs", 12),
        lost(1, "apn", "rs", 11_999),
        lost(608, "gt", "ts", 13_001),
        lost(3, "gt", "ts", 14_001),
    ];
    world.events(ONE, &lines.concat());
    assert_reply(
        &world,
        &format!("push/task/{id}/detail"),
        include_str!("../data/example_detail.json"),
    );
}

#[rstest]
fn a_day(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (at, counts) = (NOON_MS - DAY_MS, [2, 2, 1, 1]);
    let lines = [
        events("sendable", "RASL_1", 4, at, ""),
        reach("RASL_1", at, "gt", counts),
        of_others(&reach("RASL_1", at, "hw", counts)),
        // The same devices by one more channel, as the source's total says.
        reach("RASL_1", at, "ho", counts),
    ];
    world.events(ONE, &lines.concat());
    let expected = include_str!("../data/example_date.json");
    assert_reply(&world, "push/date/2026-11-20", expected);
}

#[rstest]
fn the_quotas_of_today(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let quotas = json!({"quotas": {
        "gt": {"app": 3_000, "app_with_tag": 1_000, "list": 2_000_000},
        "xm": {"general": 20_000},
        "op": {"general": 100_000},
        "vv": {"special": 10_000, "general": 10_000, "grouppush": 1_000},
    }});
    world.put_settings(ONE, &quotas);
    let expected = include_str!("../data/example_count.json");
    assert_reply(&world, "push/count", expected);
}

#[rstest]
fn the_users_of_a_day(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let yesterday = NOON_MS - DAY_MS;
    let many = |kind: &str, devices: std::ops::Range<i64>, at: i64, step_ms: i64| {
        let line = |device| of_device(kind, &format!("c{device}"), at + device * step_ms) + "\n";
        devices.map(line).collect::<String>()
    };
    let lines = [
        many("device", 0..7, yesterday - DAY_MS, 0),
        many("device", 7..9, yesterday, 0),
        many("device", 9..12, NOON_MS, 0),
        // Two at a time, and five in all.
        many("online", 0..2, yesterday, 0),
        many("online", 2..5, yesterday, 30 * MINUTE_MS),
    ];
    world.events(ONE, &lines.concat());
    let expected = include_str!("../data/example_user.json");
    assert_reply(&world, "user/date/2026-11-20", expected);
}

#[rstest]
fn the_users_online(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let online = |device: i64, at| of_device("online", &format!("c{device}"), at) + "\n";
    // Four at the last point but one, and one more at the last.
    let lines: String = (0..4)
        .map(|device| online(device, NOON_MS - 14 * MINUTE_MS))
        .collect();
    world.events(ONE, &(lines + &online(4, NOON_MS)));
    let point = |point: i64| {
        let users = match NOON_MS - point {
            0 => 5,
            600_000 => 4,
            _ => 0,
        };
        format!(r#""{point}":{users}"#)
    };
    let points: Vec<String> = online_points(NOON_MS).map(point).collect();
    let example = include_str!("../data/example_online.json");
    let expected = example.replace("\"points\": 0", &points.join(","));
    assert_reply(&world, "online_user", &expected);
}
