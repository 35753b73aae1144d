//! Days, users, the online curve, quotas and groups as the API shows them: the same numbers as under `/v2`, and what
//! those reports cannot show.

use axum::http::Method;
use reportd_platform::clock::{DAY_MS, MINUTE_MS};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lines::{event, events, of_device, task};
use crate::world::{NOON_MS, ONE, World};

const GT: &str = r#","channel":"gt","brand":"hw","quota":"list""#;
const HW: &str = r#","channel":"hw""#;

fn get(world: &World, path: &str) -> Value {
    for _ in 0..10 {
        let reply = world.api(&world.keys.viewer, &Method::GET, path, "");
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        if reply.header("reportd-lag-ms").is_empty() {
            return reply.json();
        }
    }
    panic!("{path}: no read was fresh");
}

/// Two tasks of a group and one without, on three days.
fn world(kind: StoreKind) -> World {
    let world = World::new(kind);
    let settings = json!({"quotas": {"gt": {"list": 3}, "vv": {"general": 9}}, "channels_without_display": ["hw"]});
    world.put_settings(ONE, &settings);
    let yesterday_ms = NOON_MS - DAY_MS;
    let group = r#","group_name":"春 / 1""#;
    let lines = [
        task("RASL_1", "list", NOON_MS - 2 * DAY_MS, group),
        task("RASS_1", "single", yesterday_ms, group),
        events("sent", "RASL_1", 4, yesterday_ms, GT),
        events("sent", "RASL_1", 2, yesterday_ms, HW),
        events("received", "RASL_1", 3, yesterday_ms, GT),
        events("displayed", "RASL_1", 1, yesterday_ms, HW),
        events("sent", "RASS_1", 1, NOON_MS, GT),
        events("sent", "RASL_2", 2, NOON_MS, GT),
        events(
            "lost",
            "RASL_1",
            1,
            yesterday_ms,
            r#","channel":"gt","phase":"sf","reason":13001"#,
        ),
        of_device("device", "a", NOON_MS - 3 * DAY_MS),
        of_device("device", "b", yesterday_ms),
        of_device("device", "c", NOON_MS),
        of_device("online", "a", yesterday_ms - MINUTE_MS),
        of_device("online", "b", yesterday_ms - MINUTE_MS),
        of_device("online", "c", NOON_MS),
    ];
    let lines = lines.iter().map(|line| line.trim_end());
    world.events(ONE, &lines.collect::<Vec<_>>().join("\n"));
    world
}

#[rstest]
fn days_have_the_numbers_of_the_day_report(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = world(kind);
    let days = get(&world, "days?from=2026-11-19&to=2026-11-21");
    let days = days["days"].as_array().unwrap();
    let sent = |day: &Value| day["total"]["target_num"].as_i64();
    assert_eq!(
        days.iter().map(sent).collect::<Vec<_>>(),
        [Some(0), Some(4), Some(3)]
    );
    assert_eq!(
        days[0],
        json!({"day": "2026-11-19", "channels": [], "total":
        {"msg_num": 0, "target_num": 0, "receive_num": 0, "display_num": 0, "click_num": 0}})
    );
    let report = world.data(ONE, "push/date/2026-11-20?needGetuiByBrand=true");
    let report = &report["2026-11-20"];
    assert_eq!(days[1]["total"], report["total"]);
    // The true number, and that it says nothing, where the report has -1.
    assert_eq!(
        days[1]["channels"][1],
        json!({"channel": "hw", "has_display": false,
        "target_num": 2, "receive_num": 0, "display_num": 1, "click_num": 0})
    );
    assert_eq!(report["hw"]["display_num"], -1);

    let day = get(&world, "days/2026-11-20");
    assert_eq!(day["funnel"]["total"], report["total"]);
    assert_eq!(day["funnel"]["channels"], days[1]["channels"]);
    assert_eq!(
        day["funnel"]["brands"],
        json!([{"brand": "hw", "target_num": 4, "receive_num": 3, "display_num": 0, "click_num": 0}])
    );
    assert_eq!(day["losses"][0]["reason_text"]["zh"], "请求无效用户");
    assert_eq!(
        get(&world, "days")["days"].as_array().unwrap().len(),
        30,
        "by default"
    );
}

#[rstest]
fn users_of_days_have_the_numbers_of_the_user_report(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = world(kind);
    let shown = get(&world, "users?from=2026-11-18&to=2026-11-21");
    let shown = shown["days"].as_array().unwrap();
    assert_eq!(
        shown[3],
        json!({"day": "2026-11-21", "accumulative_num": 3, "register_num": 1, "active_num": 1, "online_num": 1})
    );
    for mut of_day in shown[..3].iter().cloned() {
        let members = of_day.as_object_mut().unwrap();
        let day = members.remove("day").unwrap();
        let day = day.as_str().unwrap();
        let report = world.data(ONE, &format!("user/date/{day}"));
        assert_eq!(of_day, report[day], "{day}");
    }
    assert_eq!(shown[2]["online_num"], 2);
    // What registered before the first day counts into the first sum.
    let last = get(&world, "users?from=2026-11-20&to=2026-11-20");
    assert_eq!(last["days"][0], shown[2]);
}

#[rstest]
fn the_curve_is_that_of_the_online_report_or_of_a_day(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = world(kind);
    let curve = get(&world, "online");
    let points = curve["points"].as_array().unwrap();
    let report = world.data(ONE, "online_user");
    let report = report["online_statics"].as_object().unwrap();
    assert_eq!((points.len(), report.len()), (144, 144));
    for point in points {
        assert_eq!(report[&point["at"].to_string()], point["users"], "{point}");
    }
    // Those of yesterday are online at its point behind noon too.
    assert_eq!(curve["peak"], 2);
    let day = get(&world, "online?date=2026-11-20");
    let points = day["points"].as_array().unwrap();
    let start_ms = NOON_MS - DAY_MS * 3 / 2;
    assert_eq!((points.len(), &day["peak"]), (144, &json!(2)));
    assert_eq!(points[0]["at"], start_ms);
    assert_eq!(points[72], json!({"at": NOON_MS - DAY_MS, "users": 2}));
    let today = get(&world, "online?date=2026-11-21");
    assert_eq!(
        today["points"],
        get(&world, "today")["online"]["points"],
        "as far as it has come"
    );
    let tomorrow = get(&world, "online?date=2026-11-22");
    assert_eq!(tomorrow, json!({"peak": 0, "points": []}));
}

#[rstest]
fn quotas_are_those_of_today_or_of_a_day(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = world(kind);
    let today = get(&world, "quotas");
    assert_eq!(today["day"], "2026-11-21");
    assert_eq!(
        today["quotas"][0],
        json!({"channel": "gt", "kind": "list", "total": 3,
        "sent": 3, "received": 0, "remaining": 0, "is_used_up": true})
    );
    assert_eq!(today["quotas"], get(&world, "today")["quotas"]);
    let report = world.data(ONE, "push/count");
    assert_eq!(report["gt"]["list"]["limit"], true);
    let before = get(&world, "quotas?date=2026-11-20");
    assert_eq!(
        (&before["quotas"][0]["sent"], &before["quotas"][1]["sent"]),
        (&json!(4), &json!(0))
    );
}

#[rstest]
fn a_group_is_summed_over_its_tasks_of_all_kinds(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = world(kind);
    let name = "%E6%98%A5%20%2F%201";
    let group = get(&world, &format!("groups/{name}"));
    assert_eq!(group["group_name"], "春 / 1");
    assert_eq!(group["funnel"]["total"]["target_num"], 5);
    assert_eq!(group["funnel"]["brands"][0]["target_num"], 5);
    let report = world.data(ONE, &format!("push/task_group/{name}"));
    assert_eq!(
        report["春 / 1"]["total"]["target_num"], 4,
        "without the single one"
    );
    let day = get(&world, &format!("groups/{name}?from=2026-11-20"));
    assert_eq!(
        day["funnel"]["total"]["target_num"], 1,
        "by the day of creation"
    );
    let unknown = get(&world, "groups/none");
    assert_eq!(unknown["funnel"]["total"]["target_num"], 0);
    world.events(ONE, &event("clicked", "RASS_1", "c0", NOON_MS, HW));
    let group = get(&world, &format!("groups/{name}"));
    assert_eq!(group["funnel"]["total"]["click_num"], 1);
}
