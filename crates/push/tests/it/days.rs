//! Days by hand: where they begin and end in the app's zone, their users, and the quotas of today.

use reportd_platform::clock::{DAY_MS, HOUR_MS, MINUTE_MS};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lines::{event, events, of_device};
use crate::world::{App, NOON_MS, ONE, World, create_app_in};

/// Midnight of today in Shanghai.
const TODAY_MS: i64 = NOON_MS - DAY_MS / 2;
const GT: &str = r#","channel":"gt""#;

/// 累计, 新增, 日联网 and 在线峰值 of a day.
fn users(world: &World, app: App, day: &str) -> [i64; 4] {
    let data = world.data(app, &format!("user/date/{day}"));
    let number = |name: &str| data[day][name].as_i64().unwrap();
    [
        "accumulative_num",
        "register_num",
        "active_num",
        "online_num",
    ]
    .map(number)
}

fn target(world: &World, app: App, day: &str) -> Value {
    let data = world.data(app, &format!("push/date/{day}"));
    data[day]["total"]["target_num"].clone()
}

#[rstest]
fn a_day_ends_with_its_last_ms_in_the_zone_of_the_app(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let yesterday_ms = TODAY_MS - DAY_MS;
    for (device, at) in [yesterday_ms - 1, yesterday_ms, TODAY_MS - 1, TODAY_MS]
        .iter()
        .enumerate()
    {
        let cid = format!("c{device}");
        let lines = [
            event("sent", "RASL_1", &cid, *at, GT),
            of_device("device", &cid, *at),
            of_device("online", &cid, *at),
        ];
        world.events(ONE, &lines.join("\n"));
    }
    assert_eq!(target(&world, ONE, "2026-11-19"), 1);
    assert_eq!(target(&world, ONE, "2026-11-20"), 2);
    // The last ms of a day is online at the first points of the next.
    assert_eq!(users(&world, ONE, "2026-11-19"), [1, 1, 1, 0]);
    assert_eq!(users(&world, ONE, "2026-11-20"), [3, 2, 2, 2]);
    // A device that is told of on two days counts on each, and once in its task.
    world.events(ONE, &event("sent", "RASL_1", "c1", yesterday_ms - 1, GT));
    assert_eq!(target(&world, ONE, "2026-11-19"), 2);
    assert_eq!(target(&world, ONE, "2026-11-20"), 2);
    let task = world.data(ONE, "push/task/RASL_1");
    assert_eq!(task["RASL_1"]["total"]["target_num"], 4);
    world.clock.advance(DAY_MS);
    assert_eq!(target(&world, ONE, "2026-11-21"), 1);
}

#[rstest]
fn a_day_of_25_hours_is_one_day(#[values(Embedded, Postgres)] kind: StoreKind) {
    const YORK: App = App { id: "york", ..ONE };
    /// 2026-11-01T00:00:00 in New York, where clocks are put back that day.
    const SUNDAY_MS: i64 = 1_793_505_600_000;
    let world = World::new(kind);
    create_app_in(&world.state, YORK, "America/New_York");
    world.directory.reload_if_changed().unwrap();
    let monday_ms = SUNDAY_MS + 25 * HOUR_MS;
    let mut lines = String::new();
    let mut online = |cids: std::ops::Range<i32>, at: i64| {
        for cid in cids {
            lines += &of_device("online", &format!("c{cid}"), at);
            lines += "\n";
        }
    };
    online(0..1, SUNDAY_MS - 1);
    // The peak of the day is in its last hour.
    online(1..5, monday_ms - 25 * MINUTE_MS);
    // Sunday's by its time; online at midnight, which is Monday's.
    online(5..7, monday_ms - 5 * MINUTE_MS);
    lines += &events("sent", "RASL_1", 1, SUNDAY_MS, GT);
    lines += &events("sent", "RASL_1", 2, monday_ms - 1, GT);
    lines += &events("sent", "RASL_1", 3, monday_ms, GT);
    world.events(YORK, &lines);
    assert_eq!(users(&world, YORK, "2026-10-31"), [0, 0, 1, 0]);
    assert_eq!(users(&world, YORK, "2026-11-01"), [0, 0, 6, 4]);
    assert_eq!(users(&world, YORK, "2026-11-02"), [0, 0, 0, 2]);
    assert_eq!(target(&world, YORK, "2026-11-01"), 2);
    assert_eq!(target(&world, YORK, "2026-11-02"), 3);
}

#[rstest]
fn an_earlier_registration_that_comes_later_moves_the_device(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let device = |cid: &str, days_ago: i64, ms: i64| {
        world.events(
            ONE,
            &of_device("device", cid, NOON_MS - days_ago * DAY_MS + ms),
        );
    };
    let days = || ["2026-11-18", "2026-11-19", "2026-11-20"].map(|day| users(&world, ONE, day));
    let expect = |[a, b, c]: [i64; 3]| {
        let expected = [[a, a, 0, 0], [a + b, b, 0, 0], [a + b + c, c, 0, 0]];
        assert_eq!(days(), expected);
    };
    device("a", 1, 0);
    device("b", 2, 0);
    expect([0, 1, 1]);
    device("a", 0, 0);
    expect([0, 1, 1]);
    device("a", 3, 0);
    expect([1, 1, 0]);
    device("a", 2, 0);
    expect([1, 1, 0]);
    // Earlier on the same day, and then the day before.
    device("b", 2, -1);
    expect([1, 1, 0]);
    device("b", 3, 0);
    expect([2, 0, 0]);
    // What a device is online for registers nobody.
    world.events(ONE, &of_device("offline", "c", NOON_MS - DAY_MS));
    expect([2, 0, 0]);
}

#[rstest]
fn the_newest_presence_holds_and_of_two_at_one_ms_offline(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let tell = |kind: &str, cid: &str, ms_ago: i64| {
        world.events(ONE, &of_device(kind, cid, NOON_MS - ms_ago));
    };
    let online_now = || {
        let data = world.data(ONE, "online_user");
        data["online_statics"][NOON_MS.to_string()]
            .as_i64()
            .unwrap()
    };
    tell("online", "a", 15 * MINUTE_MS);
    assert_eq!(online_now(), 0, "fifteen minutes are over");
    tell("online", "a", 15 * MINUTE_MS - 1);
    assert_eq!(online_now(), 1);
    tell("offline", "a", 15 * MINUTE_MS - 1);
    assert_eq!(online_now(), 0, "at the same ms");
    tell("online", "a", 15 * MINUTE_MS - 1);
    assert_eq!(online_now(), 0);
    tell("online", "a", MINUTE_MS);
    assert_eq!(online_now(), 1);
    tell("offline", "a", 2 * MINUTE_MS);
    assert_eq!(online_now(), 1, "what is older comes late");
    tell("offline", "b", 0);
    tell("online", "b", 0);
    assert_eq!(online_now(), 1, "whichever comes first");
    tell("online", "c", 0);
    assert_eq!(online_now(), 2);
    tell("offline", "c", -1);
    assert_eq!(online_now(), 2, "what is behind the point");
}

/// What the count report says of a quota.
fn quota(world: &World, channel: &str, kind: &str) -> Value {
    world.data(ONE, "push/count")[channel][kind].clone()
}

#[rstest]
fn quotas_are_used_by_what_was_sent_today(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.put_settings(
        ONE,
        &json!({"quotas": {"gt": {"list": 3, "app": 1}, "op": {"general": 2}}}),
    );
    let send = |task: &str, devices: usize, at: i64, more: &str| {
        let more = format!(r#","channel":{more}"#);
        world.events(ONE, &events("sent", task, devices, at, &more));
    };
    let (list, op) = (r#""gt","quota":"list""#, r#""op","quota":"general""#);
    let expect = |limit: bool, left: i64| {
        let expected = json!({"total_num": 3, "limit": limit, "remain_num": left});
        assert_eq!(quota(&world, "gt", "list"), expected);
    };
    send("RASL_1", 2, NOON_MS, list);
    send("RASL_1", 2, NOON_MS - 1, list);
    expect(false, 1);
    // Neither what has no quota, nor yesterday's, nor what only arrived.
    send("RASL_1", 9, NOON_MS, r#""gt""#);
    send("RASL_1", 9, TODAY_MS - 1, list);
    world.events(
        ONE,
        &events(
            "received",
            "RASL_1",
            9,
            NOON_MS,
            r#","channel":"gt","quota":"list""#,
        ),
    );
    expect(false, 1);
    // The same device in another task uses it too.
    send("RASL_2", 1, TODAY_MS, list);
    expect(true, 0);
    send("RASL_2", 5, NOON_MS, list);
    expect(true, 0);
    let app = json!({"total_num": 1, "limit": false, "remain_num": 1});
    assert_eq!(
        quota(&world, "gt", "app"),
        app,
        "the other kind has its own"
    );
    // A device of a task that was sent to under both kinds uses both.
    send("RASL_1", 1, NOON_MS, r#""gt","quota":"app""#);
    let used_up = json!({"total_num": 1, "limit": true, "remain_num": 0});
    assert_eq!(quota(&world, "gt", "app"), used_up);
    send("RASL_1", 1, NOON_MS, op);
    let expected = json!({"total_num": "2", "limit": false, "remain_num": "1"});
    assert_eq!(quota(&world, "op", "general"), expected);
    world.clock.advance(DAY_MS / 2);
    expect(false, 3);
}

#[rstest]
fn the_quota_of_vv_is_used_up_by_what_arrives(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.put_settings(
        ONE,
        &json!({"quotas": {"vv": {"special": 2, "general": 2}}}),
    );
    let tell = |stage: &str, devices: usize, at: i64| {
        let more = r#","channel":"vv","quota":"special""#;
        world.events(ONE, &events(stage, "RASL_1", devices, at, more));
    };
    let expect = |pushed: i64, limit: bool| {
        let expected = json!({"push_num": pushed, "total_num": "2", "limit": limit});
        assert_eq!(quota(&world, "vv", "special"), expected);
    };
    tell("sent", 5, NOON_MS);
    tell("received", 9, TODAY_MS - 1);
    tell("received", 1, NOON_MS);
    expect(5, false);
    tell("received", 1, NOON_MS - 1);
    expect(5, false);
    tell("received", 2, NOON_MS);
    expect(5, true);
    let other = json!({"push_num": 0, "total_num": "2", "limit": false});
    assert_eq!(quota(&world, "vv", "general"), other);
}
