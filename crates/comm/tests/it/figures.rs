//! Series, messages and the census.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ACTIVE, CENSUS, NOON_MS, PASSIVE, TODAY, World, census, message};

const NOON: i64 = NOON_MS / 1000;

#[rstest]
fn a_series_has_a_point_for_every_step_and_the_greatest_values(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    for (nonce, gid) in [("1", 7), ("2", 7), ("3", 7), ("4", 8), ("5", 8), ("6", 9)] {
        assert_eq!(
            world.report(&message(NOON - 60, nonce, ACTIVE, gid, "UP")),
            0
        );
    }
    assert_eq!(
        world.report(&message(NOON - 13 * 3600, "7", ACTIVE, 9, "UP")),
        0
    );
    let by_gid = world.get(&format!(
        "series?oper_id={ACTIVE}&from=2026-11-20&to={TODAY}&by=gid&top=2"
    ));
    let point = |at: &str, count: i64| json!({"at": at, "count": count});
    let line = |key: &str, before: i64, today: i64| {
        let points = [point("2026-11-20", before), point(TODAY, today)];
        json!({"key": key, "total": before + today, "points": points})
    };
    assert_eq!(
        by_gid,
        json!({"total": 7, "series": [line("7", 0, 3), line("8", 0, 2)], "others": 2})
    );

    let hours = world.get(&format!(
        "series?oper_id={ACTIVE}&from={TODAY}&to={TODAY}&step=hour"
    ));
    let points = hours["series"][0]["points"].as_array().unwrap();
    assert_eq!(
        (points.len(), &hours["series"][0]["key"]),
        (24, &json!(null))
    );
    assert_eq!(points[11], point("2026-11-21T11:00", 6));
    assert_eq!(hours["total"], 6);
}

#[rstest]
fn a_day_begins_at_midnight_of_the_apps_zone(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let midnight = NOON - 12 * 3600;
    for (nonce, ts) in [("1", midnight - 1), ("2", midnight)] {
        assert_eq!(world.report(&message(ts, nonce, ACTIVE, 1, "UP")), 0);
    }
    let days = world.get(&format!(
        "series?oper_id={ACTIVE}&from=2026-11-20&to={TODAY}"
    ));
    let counts: Vec<_> = days["series"][0]["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["count"].clone())
        .collect();
    assert_eq!(counts, [1, 1]);
}

#[rstest]
fn long_values_stay_apart(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let long = "长".repeat(1000);
    for (nonce, end) in [("1", "a"), ("2", "b"), ("3", "b")] {
        assert_eq!(
            world.report(&message(NOON, nonce, ACTIVE, 1, &format!("{long}{end}"))),
            0
        );
    }
    let by_uploader = world.get(&format!(
        "series?oper_id={ACTIVE}&from={TODAY}&to={TODAY}&by=ext2"
    ));
    let lines = by_uploader["series"].as_array().unwrap();
    assert_eq!(
        lines
            .iter()
            .map(|line| line["total"].as_i64().unwrap())
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert!(lines[0]["key"].as_str().unwrap().len() < 256);
}

#[rstest]
fn active_and_passive_messages_stand_side_by_side(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (nonce, oper_id, gid) in [
        ("1", ACTIVE, 1),
        ("2", ACTIVE, 1),
        ("3", PASSIVE, 1),
        ("4", PASSIVE, 2),
    ] {
        assert_eq!(world.report(&message(NOON, nonce, oper_id, gid, "UP")), 0);
    }
    let by_gid = world.get(&format!("messages?from={TODAY}&to={TODAY}&by=gid"));
    let row = |key: &str, active: i64, passive: i64| json!({"key": key, "active": active, "passive": passive});
    assert_eq!(
        by_gid,
        json!({"active": 2, "passive": 2, "rows": [row("1", 2, 1), row("2", 0, 1)]})
    );
    let by_day = world.get(&format!("messages?from=2026-11-20&to={TODAY}"));
    assert_eq!(
        by_day["rows"],
        json!([row("2026-11-20", 0, 0), row(TODAY, 2, 2)])
    );
}

#[rstest]
fn the_census_takes_the_newest_and_compares_with_the_day_before(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let yesterday = NOON - 24 * 3600 + 60;
    for body in [
        census(NOON, "2", &[(2, 20), (3, 30)]),
        census(NOON - 5, "late copy of an older list", &[(2, 99)]),
        census(yesterday, "1", &[(1, 1), (2, 2)]),
        census(NOON, "3", &[(4, 0)]),
    ] {
        assert_eq!(world.report(&body), 0);
    }
    let today = world.get(&format!("census/{TODAY}"));
    assert_eq!(
        (&today["groups"], &today["subscriptions"]),
        (&json!(3), &json!(50))
    );
    assert_eq!(
        (&today["gained"], &today["lost"]),
        (&json!([3, 4]), &json!([1]))
    );
    assert_eq!(today["list"][0], json!({"gid": 2, "subscriptions": 20}));
    let before = world.get("census/2026-11-20");
    assert_eq!(
        (&before["gained"], &before["lost"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(world.counted(CENSUS), 6);
}

#[rstest]
fn the_largest_numbers_do_not_wrap(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    assert_eq!(
        world.report(&census(NOON, "1", &[(1, i64::MAX), (2, i64::MAX)])),
        0
    );
    assert_eq!(
        world.get(&format!("census/{TODAY}"))["subscriptions"],
        json!(i64::MAX)
    );
}

#[rstest]
fn what_cannot_be_asked_is_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let series = |rest: &str| format!("series?oper_id={ACTIVE}&{rest}");
    for (path, field) in [
        (series("from=2026-02-30&to=2026-11-21"), "from"),
        (series("from=2026-11-21&to=2026-11-20"), "to"),
        (series("from=2000-01-01&to=2026-11-20"), "from"),
        (series("from=2026-11-01&to=2026-11-21&step=week"), "step"),
        (series("from=2026-10-20&to=2026-10-21&step=hour"), "from"),
        (series("from=2026-11-21&to=2026-11-21&by=to_uid"), "by"),
        (series("from=2026-11-21&to=2026-11-21&by=ext9"), "by"),
        (
            series("from=2026-11-21&to=2026-11-21&by=gid&top=1001"),
            "top",
        ),
        (
            series("from=2025-11-22&to=2026-11-21&by=gid&top=1000"),
            "top",
        ),
        (series("from=2026-11-21"), "query"),
        ("reports?limit=0".to_owned(), "limit"),
        ("reports?limit=many".to_owned(), "limit"),
        ("reports?cursor=x".to_owned(), "cursor"),
        ("census/today".to_owned(), "date"),
        ("rejections?cursor=x".to_owned(), "cursor"),
    ] {
        let (status, problem) = world.api(Method::GET, &path, "");
        assert_eq!(
            (status, problem["field"].as_str()),
            (400, Some(field)),
            "{path}: {problem}"
        );
    }
}

#[rstest]
fn what_is_expected_is_said_in_words_of_the_api(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (path, expected) in [
        ("reports?gid=x", "expected an integer"),
        ("reports?limit=many", "expected an integer of 1 to 1000"),
        (
            "rejections?limit=9999999999999999999",
            "expected an integer of 1 to 1000",
        ),
        (
            "series?oper_id=1&from=2026-11-21&to=2026-11-21&step=week",
            "expected one of hour, day",
        ),
    ] {
        let (status, problem) = world.api(Method::GET, path, "");
        assert_eq!(
            (status, problem["detail"].as_str()),
            (400, Some(expected)),
            "{path}: {problem}"
        );
    }
}
