//! A paused history: what is there stays, and what comes is nobody's.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, Session, World, shared_key};

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

/// The beats that this node has written, without the numbers of their viewers and what they have.
fn beats(world: &World) -> Vec<Vec<u8>> {
    let blocks = world.blocks();
    let payloads = blocks.iter().flat_map(|block| block.entries());
    let beats = payloads.filter(|entry| entry.payload[1] == 0);
    beats.map(|entry| entry.payload[13..].to_vec()).collect()
}

/// The longest run of bytes that both have.
fn longest_common(a: &[u8], b: &[u8]) -> usize {
    let starts = (0..a.len()).flat_map(|i| (0..b.len()).map(move |j| (i, j)));
    let run = |(i, j): (usize, usize)| {
        let pairs = a[i..].iter().zip(&b[j..]);
        pairs.take_while(|(a, b)| a == b).count()
    };
    starts.map(run).max().unwrap_or(0)
}

#[rstest]
#[case("&session=0123456789abcdef0123456789abcdef&start_ts=1795233000")]
#[case("&session=a-player's-own-word")]
#[case("")]
fn nothing_joins_a_pause_or_an_erasure_to_the_rest(
    #[values(Embedded, Postgres)] kind: StoreKind,
    #[case] sitting: &str,
) {
    let world = World::new(kind);
    world.put_keys(
        ONE,
        &json!([{"algorithm": "HS256", "secret": crate::world::SHARED}]),
    );
    // A token outlives an erasure.
    let token = world.token(&shared_key(), 7, Some("login"));
    let cookie = format!("SESSDATA={token}");
    let beat = |aid: i64| {
        let form = format!("aid={aid}&played_time={}{sitting}", 100 * aid);
        assert_eq!(world.heartbeat(&cookie, &form).code(), 0);
        world.clock.advance(1_000);
    };
    let pause = |switch: &str| {
        let form = format!("switch={switch}&csrf=csrf-of-7");
        assert_eq!(world.post(SET, &cookie, &form).code(), 0);
    };
    beat(1);
    pause("1");
    beat(2);
    pause("0");
    pause("1");
    beat(3);
    pause("0");
    beat(1);
    let videos = world.admin(
        &Method::GET,
        &format!("{ONE}/playback/videos/1"),
        &Value::Null,
    );
    assert_eq!(videos["plays"], 1, "one sitting goes on behind a pause");
    world.admin(&Method::DELETE, &format!("{ONE}/viewers/7"), &Value::Null);
    beat(4);
    let beats = beats(&world);
    assert_eq!(beats.len(), 5);
    for (a, b) in [(0, 1), (0, 2), (1, 2), (1, 3), (0, 4), (1, 4), (3, 4)] {
        // What kind of beat it is, and the day.
        let common = longest_common(&beats[a], &beats[b]);
        assert!(common <= 3, "{a} and {b}: {common} bytes");
    }
    assert!(longest_common(&beats[0], &beats[3]) >= 8, "one source");
}
