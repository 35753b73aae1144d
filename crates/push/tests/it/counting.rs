//! Tasks and groups by hand: which of them a report serves, and what it says of a few events.

use reportd_platform::clock::DAY_MS;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lines::{event, events, task};
use crate::world::{NOON_MS, ONE, TWO, World};

/// Midnight of today in Shanghai.
const TODAY_MS: i64 = NOON_MS - DAY_MS / 2;
const GT: &str = r#","channel":"gt""#;

fn figures(sent: i64, received: i64, displayed: i64, clicked: i64) -> Value {
    json!({"target_num": sent, "receive_num": received, "display_num": displayed, "click_num": clicked})
}

/// The tasks that a report tells, in its order.
fn told(world: &World, path: &str) -> Vec<String> {
    let reply = world.fresh_report(ONE, &world.token(ONE), path);
    // A map of JSON values would sort them.
    let told = |part: &str| part.rsplit('"').next().unwrap_or_default().to_owned();
    let parts: Vec<&str> = reply.split(r#"":{"total""#).collect();
    parts[..parts.len() - 1]
        .iter()
        .map(|part| told(part))
        .collect()
}

fn target(world: &World, path: &str, name: &str) -> Value {
    world.data(ONE, path)[name]["total"]["target_num"].clone()
}

#[rstest]
fn tasks_are_served_from_the_first_ms_of_their_first_day(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let first_ms = TODAY_MS - 90 * DAY_MS;
    let lines = [
        task("first", "list", first_ms, ""),
        task("before", "list", first_ms - 1, ""),
        // One that was not announced is as old as its earliest event.
        event("sent", "RASL_first", "c", first_ms, GT),
        event("sent", "RASL_before", "c", first_ms - 1, GT),
        event("sent", "RASL_before", "c", NOON_MS, GT),
        // One that was is as old as it says, whatever came before.
        task("told", "list", first_ms, ""),
        event("sent", "told", "c", first_ms - 1, GT),
    ];
    world.events(ONE, &lines.join("\n"));
    let ids = "first,before,RASL_first,RASL_before,told";
    for path in [
        format!("push/task/{ids}"),
        format!("push/task/{ids}/detail"),
    ] {
        assert_eq!(
            told(&world, &path),
            ["first", "RASL_first", "told"],
            "{path}"
        );
    }
    world.clock.advance(DAY_MS);
    assert_eq!(told(&world, &format!("push/task/{ids}")), [""; 0]);
}

#[rstest]
fn a_group_is_its_tasks_of_the_days_that_are_asked_for(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let group = r#","group_name":"g""#;
    let first_ms = TODAY_MS - 70 * DAY_MS;
    // Each task has twice as many devices as the one before: a sum tells which are in it.
    let created = [
        first_ms - 1,
        first_ms,
        TODAY_MS - 3 * DAY_MS - 1,
        TODAY_MS - 3 * DAY_MS,
        TODAY_MS - 2 * DAY_MS - 1,
        TODAY_MS - 2 * DAY_MS,
        NOON_MS,
    ];
    for (place, at) in created.into_iter().enumerate() {
        let id = format!("t{place}");
        world.events(ONE, &task(&id, "list", at, group));
        world.events(ONE, &events("sent", &id, 1 << place, NOON_MS, GT));
    }
    for (query, expected) in [
        ("", 0b111_1110),
        ("?startDate=2026-09-12", 0b111_1110),
        ("?startDate=2026-11-18", 0b111_1000),
        ("?startDate=2026-11-18&endDate=2026-11-18", 0b001_1000),
        ("?endDate=2026-11-17", 0b000_0110),
        ("?endDate=2026-11-18", 0b001_1110),
        ("?startDate=2026-11-21", 0b100_0000),
        ("?endDate=2026-12-24", 0b111_1110),
    ] {
        let path = format!("push/task_group/g{query}");
        assert_eq!(target(&world, &path, "g"), expected, "{query}");
    }
    let nothing = world.data(
        ONE,
        "push/task_group/g?startDate=2026-11-20&endDate=2026-11-20",
    );
    assert_eq!(nothing, json!({}), "no task of it is served");
}

#[rstest]
fn a_group_sums_up_its_tasks(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let branded = r#","channel":"gt","brand":"hw""#;
    let named = r#","group_name":"组 1""#;
    let lines = [
        task("t1", "list", NOON_MS, named) + "\n",
        task("t2", "app", NOON_MS, named) + "\n",
        task("t3", "list", NOON_MS, r#","group_name":"other""#) + "\n",
        events("sendable", "t1", 3, NOON_MS, ""),
        events("sendable", "t2", 2, NOON_MS, ""),
        events("sent", "t1", 2, NOON_MS, branded),
        // The same device in another task is another one.
        events("sent", "t2", 2, NOON_MS, branded),
        events("clicked", "t2", 1, NOON_MS, r#","channel":"ios""#),
        events("sent", "t3", 9, NOON_MS, branded),
    ];
    world.events(ONE, &lines.concat());
    let gt = json!({
        "target_num": 4, "receive_num": 0, "display_num": 0, "click_num": 0, "hw": figures(4, 0, 0, 0),
    });
    let mut total = figures(4, 0, 0, 1);
    total["msg_num"] = json!(5);
    let expected = json!({"组 1": {"total": total, "gt": gt, "ios": figures(0, 0, 0, 1)}});
    let path = "push/task_group/%e7%BB%84%201?needGetuiByBrand=True";
    assert_eq!(world.data(ONE, path), expected);
}

#[rstest]
fn tasks_that_are_not_announced_are_known_by_their_prefix(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    for id in ["RASL_1", "RASA_1", "RASS_1", "rasl_1", "plain"] {
        world.events(ONE, &event("sent", id, "c", NOON_MS, GT));
    }
    let path = "push/task/plain,rasl_1,RASS_1,unknown,RASA_1,RASL_1,RASL_1";
    assert_eq!(told(&world, path), ["RASA_1", "RASL_1"]);
    // What came before counts once they are.
    let announced = [
        task("plain", "app", NOON_MS, ""),
        task("rasl_1", "single", NOON_MS, ""),
        // What is announced is more than what an id looks like.
        task("RASL_1", "single", NOON_MS, ""),
        task("RASS_1", "list", NOON_MS, ""),
    ];
    world.events(ONE, &announced.join("\n"));
    assert_eq!(told(&world, path), ["plain", "RASS_1", "RASA_1"]);
    assert_eq!(target(&world, path, "plain"), 1);
    assert_eq!(
        world.data(TWO, path),
        json!({}),
        "another app's are not known"
    );
}

#[rstest]
fn of_announcements_the_newest_holds_and_of_two_at_one_time_the_greater(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let announce = |at: i64, kind: &str, group: &str| {
        let group = format!(r#","group_name":"{group}""#);
        world.events(ONE, &task("t", kind, at, &group));
    };
    let group_of = |names: [&str; 3]| {
        let is_in = |name: &&str| world.data(ONE, &format!("push/task_group/{name}")) != json!({});
        names.into_iter().filter(is_in).collect::<String>()
    };
    let groups = ["a", "B", "c"];
    announce(NOON_MS - 5, "list", "a");
    assert_eq!(group_of(groups), "a");
    announce(NOON_MS - 6, "list", "c");
    assert_eq!(group_of(groups), "a", "an older one is late");
    announce(NOON_MS - 4, "list", "B");
    assert_eq!(group_of(groups), "B");
    announce(NOON_MS - 4, "list", "a");
    assert_eq!(group_of(groups), "a", "by bytes: capitals come first");
    announce(NOON_MS - 4, "list", "B");
    assert_eq!(group_of(groups), "a");
    announce(NOON_MS - 3, "single", "c");
    assert_eq!(group_of(groups), "", "a single task is not served");
    announce(NOON_MS + 600_000, "app", "c");
    assert_eq!(group_of(groups), "c");
}

#[rstest]
fn single_tasks_are_served_where_the_app_wants_it(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let lines = [
        task("one", "single", NOON_MS, r#","group_name":"g""#) + "\n",
        task("two", "list", NOON_MS, r#","group_name":"g""#) + "\n",
        events("sent", "one", 1, NOON_MS, GT),
        events("sent", "two", 2, NOON_MS, GT),
        events("sent", "RASS_1", 4, NOON_MS, GT),
    ];
    world.events(ONE, &lines.concat());
    let ids = "RASS_1,one,two";
    let check = |expected: &[&str], of_group: i64| {
        assert_eq!(told(&world, &format!("push/task/{ids}")), expected);
        assert_eq!(told(&world, &format!("push/task/{ids}/detail")), expected);
        assert_eq!(target(&world, "push/task_group/g", "g"), of_group);
    };
    check(&["two"], 2);
    world.put_settings(ONE, &json!({"single_reports": true}));
    check(&["RASS_1", "one", "two"], 3);
    world.put_settings(ONE, &json!({"single_reports": false}));
    check(&["two"], 2);
}

#[rstest]
fn a_channel_without_display_says_so_and_the_total_counts(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let yesterday = NOON_MS - DAY_MS;
    let gt = r#","channel":"gt","brand":"hw""#;
    let lines = [
        task("t", "list", yesterday, r#","group_name":"g""#) + "\n",
        events("displayed", "t", 1, yesterday, gt),
        events("displayed", "t", 2, yesterday, r#","channel":"ios""#),
        events("displayed", "t", 3, yesterday, r#","channel":"vv""#),
    ];
    world.events(ONE, &lines.concat());
    world.put_settings(ONE, &json!({"channels_without_display": ["gt", "apn"]}));
    let hidden = figures(0, 0, -1, 0);
    let mut branded = hidden.clone();
    branded["hw"] = hidden.clone();
    let mut total = figures(0, 0, 3, 0);
    total["msg_num"] = json!(0);
    let vv = figures(0, 0, 3, 0);
    let expected = json!({"total": total, "gt": branded, "ios": hidden, "vv": vv});
    let brands = "?needGetuiByBrand=true";
    for (path, name) in [
        ("task/t", "t"),
        ("task_group/g", "g"),
        ("date/2026-11-20", "2026-11-20"),
    ] {
        let data = world.data(ONE, &format!("push/{path}{brands}"));
        assert_eq!(data[name], expected, "{path}");
    }
    let expected =
        json!({"total": total, "gt": hidden, "apn": hidden, "vv": vv, "failed_detail": {}});
    assert_eq!(world.data(ONE, "push/task/t/detail")["t"], expected);
}

#[rstest]
fn the_ten_brands_with_most_are_named_and_the_rest_are_others(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let sent = |brand: &str, devices: usize| {
        let more = format!(r#","channel":"gt","brand":"{brand}""#);
        events("sent", "RASL_1", devices, NOON_MS - DAY_MS, &more)
    };
    let mut lines: String = (1..=9)
        .map(|many| sent(&format!("b{many}"), many + 2))
        .collect();
    // Three of the same size: the first by name is the tenth.
    lines += &["tie-b", "tie-a", "tie-c"]
        .map(|brand| sent(brand, 2))
        .concat();
    lines += &sent("small", 1);
    lines += &events(
        "received",
        "RASL_1",
        1,
        NOON_MS - DAY_MS,
        r#","channel":"gt","brand":"none-sent""#,
    );
    // Without a brand it counts in none; and what another channel says of brands is not asked for.
    lines += &events("sent", "RASL_1", 20, NOON_MS - DAY_MS, GT);
    lines += &events(
        "sent",
        "RASL_1",
        9,
        NOON_MS - DAY_MS,
        r#","channel":"hw","brand":"b1""#,
    );
    world.events(ONE, &lines);
    let mut expected = figures(20, 1, 0, 0);
    for many in 1..=9 {
        expected[format!("b{many}")] = figures(many + 2, 0, 0, 0);
    }
    expected["tie-a"] = figures(2, 0, 0, 0);
    expected["others"] = figures(5, 1, 0, 0);
    for path in ["push/task/RASL_1", "push/date/2026-11-20"] {
        let name = path.rsplit('/').next().unwrap();
        let data = world.data(ONE, &format!("{path}?needGetuiByBrand=true"));
        assert_eq!(data[name]["gt"], expected, "{path}");
        assert_eq!(data[name]["hw"], figures(9, 0, 0, 0));
        assert_eq!(world.data(ONE, path)[name]["gt"], figures(20, 1, 0, 0));
    }
}

#[rstest]
fn the_total_counts_a_device_once_over_all_channels(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let lines: String = ["gt", "xm", "xmg"]
        .map(|channel| {
            events(
                "received",
                "RASL_1",
                2,
                NOON_MS,
                &format!(r#","channel":"{channel}""#),
            )
        })
        .concat();
    // Under a brand and without one it is the same device of the channel.
    let branded = events(
        "received",
        "RASL_1",
        2,
        NOON_MS,
        r#","channel":"gt","brand":"hw""#,
    );
    world.events(ONE, &lines);
    world.events(ONE, &branded);
    let data = &world.data(ONE, "push/task/RASL_1")["RASL_1"];
    let two = figures(0, 2, 0, 0);
    assert_eq!([&data["gt"], &data["xm"], &data["xmg"]], [&two; 3]);
    assert_eq!(data["total"]["receive_num"], 2);
}
