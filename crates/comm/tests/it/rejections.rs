//! Rejected requests: kept, shown, and replayed at most once each.

use axum::http::Method;
use reportd_platform::clock::{DAY_MS, SECOND_MS};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{NOON_MS, World};

const OPERATION: &str = r#"{"name":"mine","kind":"event"}"#;

fn own(nonce: &str) -> String {
    format!(
        r#"{{"ts":{},"nonce":"{nonce}","data_list":[{{"oper_id":77}}]}}"#,
        NOON_MS / 1000
    )
}

/// The number of rejections that are shown, once they were written.
fn wait_for(world: &World, count: usize) {
    world.wait_until("rejections are kept", |world| {
        world.get("rejections")["rejections"]
            .as_array()
            .unwrap()
            .len()
            == count
    });
}

#[rstest]
fn equal_rejections_are_one_row_and_replay_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for nonce in ["1", "1", "2"] {
        assert_eq!(world.report(&own(nonce)), 40005);
    }
    assert_eq!(world.report("{"), 40001);
    wait_for(&world, 3);
    let page = world.get("rejections?limit=2");
    let newest = &page["rejections"][0];
    assert_eq!(
        (&newest["ret"], &newest["body"], &newest["at"]),
        (&json!(40001), &json!("{"), &json!(NOON_MS))
    );
    let rest = world.get(&format!(
        "rejections?cursor={}",
        page["next_cursor"].as_str().unwrap()
    ));
    assert_eq!(
        (&rest["rejections"][0]["count"], &rest["next_cursor"]),
        (&json!(2), &json!(null))
    );

    let replay = |path: &str| world.api(Method::POST, &format!("rejections/{path}"), "");
    assert_eq!(
        replay("replay?ret=40005"),
        (200, json!({"replayed": 0, "refused": 2})),
        "still unknown"
    );
    assert_eq!(world.api(Method::PUT, "operations/77", OPERATION).0, 200);
    world.clock.advance(3 * DAY_MS);
    let id = rest["rejections"][0]["id"].as_i64().unwrap();
    assert_eq!(
        replay(&format!("{id}/replay")),
        (200, json!({"replayed": 1, "refused": 0}))
    );
    assert_eq!(replay(&format!("{id}/replay")).0, 404);
    assert_eq!(
        replay("replay"),
        (200, json!({"replayed": 1, "refused": 1}))
    );
    assert_eq!(world.counted(77), 2, "each once, days after their window");
    assert_eq!(replay("replay?ret=7").0, 400);
}

#[rstest]
fn of_two_replays_at_once_each_rejection_is_in_one(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for number in 0..50 {
        assert_eq!(world.report(&own(&number.to_string())), 40005);
    }
    wait_for(&world, 50);
    assert_eq!(world.api(Method::PUT, "operations/77", OPERATION).0, 200);
    let replayed: u64 = std::thread::scope(|scope| {
        let replay = || world.api(Method::POST, "rejections/replay", "").1["replayed"].as_u64();
        let told: Vec<_> = (0..4).map(|_| scope.spawn(replay)).collect();
        told.into_iter()
            .map(|told| told.join().unwrap().unwrap())
            .sum()
    });
    assert_eq!(replayed, 50);
    assert_eq!(world.counted(77), 50);
    assert_eq!(world.get("rejections")["rejections"], json!([]));
}

#[rstest]
fn a_request_that_was_accepted_in_the_meantime_is_not_counted_again(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    assert_eq!(world.report(&own("1")), 40005);
    wait_for(&world, 1);
    assert_eq!(world.api(Method::PUT, "operations/77", OPERATION).0, 200);
    assert_eq!(world.report(&own("1")), 0, "the bot sent it again");
    assert_eq!(world.report(&own("never refused")), 0);
    assert_eq!(world.counted(77), 2);
    // Long after the identity of an ordinary request is forgotten.
    world.clock.advance(5 * DAY_MS);
    let later = own("later").replace(
        &(NOON_MS / 1000).to_string(),
        &(NOON_MS / 1000 + 5 * 86_400).to_string(),
    );
    assert_eq!(world.report(&later), 0);
    world.wait_until("the identity of the ordinary request is dropped", |world| {
        // Pruning goes by the clock.
        world.clock.advance(2 * SECOND_MS);
        let sql = "SELECT COUNT(*) FROM comm_identity";
        world.counted(77) == 3 && world.views.read(|tx| tx.query_int(sql, &[])).unwrap() == 2
    });
    let (_, told) = world.api(Method::POST, "rejections/replay", "");
    assert_eq!(told, json!({"replayed": 1, "refused": 0}));
    assert_eq!(world.counted(77), 3);
}

#[rstest]
fn a_rejection_is_gone_after_seven_days(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    assert_eq!(world.report(&own("1")), 40005);
    wait_for(&world, 1);
    assert_eq!(world.api(Method::PUT, "operations/77", OPERATION).0, 200);
    world.clock.advance(7 * DAY_MS + 1);
    wait_for(&world, 0);
    let (_, told) = world.api(Method::POST, "rejections/replay", "");
    assert_eq!(told, json!({"replayed": 0, "refused": 0}));
}

#[rstest]
fn large_bodies_are_not_kept(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let large = own(&"x".repeat(17_000));
    assert_eq!(world.report(&large), 40002);
    assert_eq!(world.report(&own("small")), 40005);
    wait_for(&world, 1);
    assert!(
        world
            .metrics
            .encode()
            .contains("reportd_comm_rejections_dropped_total 1")
    );
}

#[rstest]
fn what_came_in_after_all_leaves_no_second_entry(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    assert_eq!(world.report(&own("1")), 40005);
    wait_for(&world, 1);
    assert_eq!(world.api(Method::PUT, "operations/77", OPERATION).0, 200);
    assert_eq!(world.report(&own("1")), 0);
    let (_, told) = world.api(Method::POST, "rejections/replay", "");
    assert_eq!(told, json!({"replayed": 1, "refused": 0}));
    assert_eq!(world.counted(77), 1);
    assert!(
        world
            .metrics
            .encode()
            .contains("reportd_journal_entries_total 1"),
        "the journal holds it once"
    );
}

#[rstest]
fn a_replay_does_not_open_the_future(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let far = own("1").replace(&(NOON_MS / 1000).to_string(), &i64::MAX.to_string());
    assert_eq!(world.report(&far), 40004);
    wait_for(&world, 1);
    let (_, told) = world.api(Method::POST, "rejections/replay", "");
    assert_eq!(told, json!({"replayed": 0, "refused": 1}));
}
