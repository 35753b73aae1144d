//! The API and the reports of an app without data: shapes, parameters, permissions.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{NOON_MS, ONE, World};

#[rstest]
fn reports_without_data_have_their_shapes(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let token = world.token(ONE);
    let data = |path: &str| {
        let reply = world.report(ONE, &token, path);
        assert_eq!(reply.code(), 0, "{path}: {}", reply.text);
        reply.json()["data"].clone()
    };
    let zeros =
        json!({"msg_num": 0, "target_num": 0, "receive_num": 0, "display_num": 0, "click_num": 0});
    assert_eq!(data("push/task/RASL_1,RASL_2?actionIdList=1"), json!({}));
    assert_eq!(data("push/task/RASL_1/detail"), json!({}));
    assert_eq!(data("push/task_group/g"), json!({}));
    assert_eq!(
        data("push/date/2026-11-20"),
        json!({"2026-11-20": {"total": zeros}})
    );
    let users = json!({"accumulative_num": 0, "register_num": 0, "active_num": 0, "online_num": 0});
    assert_eq!(data("user/date/2026-11-20"), json!({"2026-11-20": users}));

    let online = data("online_user");
    let points = online["online_statics"].as_object().unwrap();
    let keys: Vec<i64> = points.keys().map(|key| key.parse().unwrap()).collect();
    assert_eq!(keys.len(), 144);
    assert!(keys.is_sorted() && keys[143] == NOON_MS && keys[0] == NOON_MS - 143 * 600_000);
    assert!(points.values().all(|users| *users == json!(0)));
}

#[rstest]
fn the_api_of_an_app_without_data_has_its_shapes(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let get = |path: &str| world.api(&world.keys.viewer, &Method::GET, path, "");
    let tasks = get("tasks");
    assert_eq!(
        (tasks.status, tasks.json()),
        (200, json!({"tasks": [], "next_cursor": null}))
    );
    assert_eq!(get("tasks/RASL_1").status, 404);
    assert_eq!(get("tasks/a%00b").status, 404);
    let today = get("today").json();
    assert_eq!(today["day"], "2026-11-21");
    assert_eq!(
        (&today["losses"], &today["quotas"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(today["funnel"]["total"]["msg_num"], 0);
    // From midnight to noon, both included.
    let points = today["online"]["points"].as_array().unwrap();
    assert_eq!(points.len(), 73);
    assert_eq!(points[0], json!({"at": NOON_MS - 43_200_000, "users": 0}));
    assert_eq!(points[72]["at"], NOON_MS);
}

#[rstest]
fn parameters_that_do_not_fit_are_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let long_name = format!("groups/{}", "n".repeat(101));
    for (path, field) in [
        ("tasks?from=2026-02-30", "from"),
        ("tasks?to=today", "to"),
        ("tasks?from=2026-11-21&to=2026-11-20", "to"),
        ("tasks?from=2000-01-01&to=2026-11-20", "from"),
        ("tasks?limit=0", "limit"),
        ("tasks?limit=201", "limit"),
        ("tasks?limit=x", "limit"),
        ("tasks?cursor=x", "cursor"),
        ("tasks?cursor=1", "cursor"),
        ("tasks?cursor=1.-1", "cursor"),
        ("tasks?cursor=1.9999999999999999999", "cursor"),
        ("tasks?group=", "group"),
        ("groups/g?from=2000-01-01", "from"),
        ("groups/a%00b", "name"),
        (&long_name, "name"),
        ("days?to=2026-02-30", "to"),
        ("days?from=x&to=2026-11-20", "from"),
        ("days?from=2025-11-20&to=2026-11-21", "from"),
        ("days/yesterday", "day"),
        ("users?from=2025-11-20", "from"),
        ("users?from=2026-11-21&to=2026-11-20", "to"),
        ("online?date=1", "date"),
        ("quotas?date=", "date"),
    ] {
        let reply = world.api(&world.keys.viewer, &Method::GET, path, "");
        let problem = reply.json();
        assert_eq!(
            (reply.status, problem["field"].as_str()),
            (400, Some(field)),
            "{path}: {problem}"
        );
    }
    let fits = "tasks?from=2026-11-01&to=2026-11-21&group=g&limit=200&cursor=1795233600000.7";
    assert_eq!(
        world.api(&world.keys.viewer, &Method::GET, fits, "").status,
        200
    );
}

#[rstest]
fn figures_need_a_key_that_may_read_them(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for path in [
        "tasks",
        "tasks/RASL_1",
        "groups/g",
        "today",
        "days",
        "days/2026-11-20",
        "users",
        "online",
        "quotas",
    ] {
        assert_eq!(
            world.api(&world.keys.ingest, &Method::GET, path, "").status,
            403
        );
        assert_eq!(world.api("unknown", &Method::GET, path, "").status, 401);
    }
}

#[test]
fn the_document_names_each_call_once() {
    let mut document = reportd_push::api_openapi();
    document.merge(reportd_push::protocol_openapi());
    let document = serde_json::to_value(document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut names: Vec<&str> = paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|call| call["operationId"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "push_auth",
            "push_day",
            "push_days",
            "push_end_token",
            "push_events",
            "push_group",
            "push_online",
            "push_put_settings",
            "push_quotas",
            "push_receipts",
            "push_report_count",
            "push_report_day",
            "push_report_details",
            "push_report_group",
            "push_report_online",
            "push_report_tasks",
            "push_report_users",
            "push_settings",
            "push_task",
            "push_tasks",
            "push_today",
            "push_users",
        ]
    );
    let refused = &document["paths"]["/v2/{app_id}/report/push/count"]["get"]["responses"]["403"];
    let codes =
        &refused["content"]["application/json;charset=utf-8"]["schema"]["properties"]["code"];
    assert_eq!(codes["enum"], json!([30023]));
}
