//! A paused history: what is there stays, and what comes is nobody's.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ONE, Session, World};

const SET: &str = "/x/v2/history/shadow/set";
const SHADOW: &str = "/x/v2/history/shadow";

fn switch(world: &World, session: &Session, switch: &str) -> i64 {
    let form = format!("switch={switch}&csrf={}", session.csrf);
    world.post(SET, &session.cookie(), &form).code()
}

#[rstest]
fn what_comes_in_a_pause_counts_and_belongs_to_nobody(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let cookie = session.cookie();
    assert_eq!(
        world.fresh(SHADOW, &cookie),
        false,
        "nothing is known of them"
    );
    assert_eq!(switch(&world, &session, "false"), 0);
    world.beat(&session, "aid=1&played_time=10");
    assert_eq!(switch(&world, &session, "true"), 0);
    assert_eq!(world.fresh(SHADOW, &cookie), true);
    world.clock.advance(1_000);
    world.beat(&session, "aid=1&played_time=99");
    world.beat(&session, "aid=2&played_time=20");
    assert_eq!(world.history(&cookie), [(1, 10)]);
    let player = world.fresh("/x/player/v2?aid=2", &cookie);
    assert_eq!(player["last_play_time"], 0);
    let videos = world.admin(
        &Method::GET,
        &format!("{ONE}/playback/videos"),
        &json!(null),
    );
    let plays = |aid: i64| {
        let mut videos = videos["videos"].as_array().unwrap().iter();
        let found = videos.find(|video| video["aid"] == aid);
        found.map(|video| video["plays"].as_i64().unwrap())
    };
    assert_eq!((plays(1), plays(2)), (Some(2), Some(1)));

    let world = world.restart();
    assert_eq!(world.fresh(SHADOW, &cookie), true);
    assert_eq!(switch(&world, &session, "0"), 0);
    world.clock.advance(1_000);
    world.beat(&session, "aid=3&played_time=30");
    assert_eq!(world.history(&cookie), [(3, 30), (1, 10)]);
}

#[rstest]
fn each_pause_has_a_number_of_its_own(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let stored = |column: &str| {
        let sql = format!("SELECT {column} FROM playback_viewer");
        world.state.read(|tx| tx.query_int(&sql, &[])).unwrap()
    };
    let mut numbers = Vec::new();
    for _ in 0..3 {
        assert_eq!(switch(&world, &session, "1"), 0);
        numbers.push(stored("paused"));
        assert_eq!(switch(&world, &session, "true"), 0);
        assert_eq!(stored("paused"), numbers[numbers.len() - 1], "it is paused");
        numbers.push(stored("viewer"));
        assert_eq!(switch(&world, &session, "FALSE"), 0);
        assert_eq!(stored("paused"), 0);
    }
    assert!(numbers.iter().all(|number| *number >= 1 << 32));
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "one viewer and three pauses");
    for wrong in ["", "yes", "2"] {
        assert_eq!(switch(&world, &session, wrong), -400, "{wrong}");
    }
}

#[rstest]
fn deletes_leave_something_only_where_something_is_shown(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let cookie = session.cookie();
    let delete = |kid: &str| {
        let form = format!("kid={kid}&csrf={}", session.csrf);
        world.post("/x/v2/history/delete", &cookie, &form).code()
    };
    let clear = || {
        let form = format!("csrf={}", session.csrf);
        world.post("/x/v2/history/clear", &cookie, &form).code()
    };
    assert_eq!((delete("archive_1"), clear(), world.entries()), (0, 0, 1));
    world.beat(&session, "aid=1");
    world.beat(&session, "aid=2");
    world.clock.advance(1_000);
    assert_eq!((delete("archive_9"), delete("pgc_1")), (0, 0));
    assert_eq!(world.entries(), 3);
    assert_eq!((delete("archive_1"), delete("archive_1")), (0, 0));
    assert_eq!(world.entries(), 4);
    assert_eq!(world.history(&cookie), [(2, 0)]);
    assert_eq!((clear(), clear(), world.entries()), (0, 0, 5));
    assert_eq!(world.history(&cookie), []);
    for wrong in ["", "1", "live_1", "archive_x"] {
        assert_eq!(delete(wrong), -400, "{wrong}");
    }
}
