//! Erasure: nothing names the viewer any more, nor does it after an older state is restored.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, TWO, World};

fn erase(world: &World, mid: i64) -> Value {
    world.admin(
        &Method::DELETE,
        &format!("{ONE}/viewers/{mid}"),
        &Value::Null,
    )
}

fn count(world: &World, sql: &str) -> i64 {
    world.state.read(|tx| tx.query_int(sql, &[])).unwrap()
}

fn history(world: &World, app: &str, mid: i64) -> Value {
    let path = format!("{app}/viewers/{mid}/history");
    world.admin(&Method::GET, &path, &Value::Null)["entries"].clone()
}

#[rstest]
fn nothing_names_an_erased_viewer(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (session, other) = (world.session(ONE, 7), world.session(ONE, 8));
    let of_two = world.session(TWO, 7);
    for session in [&session, &other, &of_two] {
        world.beat(session, "aid=1&cid=1&played_time=10");
    }
    let form = format!("switch=true&csrf={}", session.csrf);
    world.post("/x/v2/history/shadow/set", &session.cookie(), &form);
    assert_eq!(history(&world, ONE, 7).as_array().unwrap().len(), 1);
    assert_eq!(erase(&world, 7), json!({"erased": true}));
    assert_eq!(erase(&world, 7), json!({"erased": false}));
    assert_eq!(history(&world, ONE, 7), json!([]));
    assert_eq!(
        world.heartbeat(&session.cookie(), "aid=1").code(),
        -101,
        "the session has ended"
    );
    for sql in [
        "SELECT COUNT(*) FROM playback_viewer WHERE app = 1 AND mid = 7",
        "SELECT COUNT(*) FROM playback_session WHERE app = 1 AND mid = 7",
        "SELECT COUNT(*) FROM playback_erasure WHERE is_told = 0",
    ] {
        assert_eq!(count(&world, sql), 0, "{sql}");
    }
    assert_eq!(count(&world, "SELECT COUNT(*) FROM playback_erasure"), 1);
    // Others are as they were, and so are figures.
    assert_eq!(world.history(&other.cookie()), [(1, 10)]);
    assert_eq!(world.history(&of_two.cookie()), [(1, 10)]);
    let videos = world.admin(
        &Method::GET,
        &format!("{ONE}/playback/videos"),
        &Value::Null,
    );
    assert_eq!(
        (
            &videos["videos"][0]["plays"],
            &videos["videos"][0]["viewers"]
        ),
        (&json!(2), &json!(2))
    );
    let shown = "SELECT COUNT(*) FROM playback_watch WHERE view_at >= 0";
    assert_eq!(
        world.views().read(|tx| tx.query_int(shown, &[])).unwrap(),
        2
    );
    // Who comes back is somebody else.
    let again = world.session(ONE, 7);
    assert_eq!(world.history(&again.cookie()), []);
    world.beat(&again, "aid=2&cid=1&played_time=5");
    assert_eq!(world.history(&again.cookie()), [(2, 5)]);
}

#[rstest]
fn an_erasure_outlives_a_restore_of_the_state(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    world.beat(&session, "aid=1&cid=1&played_time=10");
    let row = |sql: &str| {
        let row = world.state.read(|tx| tx.query_first(sql, &[])).unwrap();
        row.map(|row| row.int(0).unwrap())
    };
    let of_viewer = "SELECT viewer FROM playback_viewer WHERE app = 1 AND mid = 7";
    let viewer = row(of_viewer).unwrap();
    erase(&world, 7);
    // As the state was before.
    let restore = |tx: &mut reportd_db::Tx<'_>| {
        tx.execute("DELETE FROM playback_erasure", &[])?;
        let sql = "INSERT INTO playback_viewer (app, mid, viewer) VALUES (1, 7, $1)";
        tx.execute(sql, &[viewer.into()])
    };
    world.state.write(restore).unwrap();
    let file = world.erasures();
    assert_eq!(
        reportd_playback::apply_erasures(&world.state, &file).unwrap(),
        1
    );
    assert_eq!(row(of_viewer), None);
    assert_eq!(row("SELECT is_told FROM playback_erasure"), Some(0));
    assert_eq!(
        reportd_playback::apply_erasures(&world.state, &file).unwrap(),
        0
    );
    let text = std::fs::read_to_string(world.erasures_path()).unwrap();
    assert_eq!(text.lines().filter(|line| !line.is_empty()).count(), 1);
    assert!(
        !text.split([' ', '.']).any(|number| number == "7"),
        "no mid: {text}"
    );
    // A file that was lost is written again.
    std::fs::remove_file(world.erasures_path()).unwrap();
    reportd_playback::apply_erasures(&world.state, &file).unwrap();
    assert_eq!(
        std::fs::read_to_string(world.erasures_path()).unwrap(),
        text
    );
}

#[rstest]
fn where_the_store_fails_nothing_is_erased(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    world.beat(&session, "aid=1&cid=1&played_time=10");
    world.rename("playback_erasure", "elsewhere");
    let path = format!("{ONE}/viewers/7");
    let reply = world.api(&world.keys.admin, &Method::DELETE, &path, "");
    assert!(reply.status >= 500, "{}", reply.text);
    world.rename("elsewhere", "playback_erasure");
    assert_eq!(world.history(&session.cookie()), [(1, 10)]);
    assert_eq!(erase(&world, 7), json!({"erased": true}));
}
