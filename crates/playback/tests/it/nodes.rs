//! Two nodes on one store: what one changes the other sees with its next look, four times a second.

use reportd_testbed::StoreKind::Postgres;
use serde_json::json;

use crate::world::{ONE, SHARED, World, pair, shared_key};

fn nodes() -> (World, World) {
    let world = World::new(Postgres);
    let peer = world.peer().unwrap();
    (world, peer)
}

fn send(world: &World, secret: &str) -> i64 {
    world
        .heartbeat(&format!("SESSDATA={secret}"), "aid=1")
        .code()
}

#[test]
fn a_new_session_works_at_once_and_an_ended_one_is_refused_after_a_look() {
    let (world, peer) = nodes();
    let (ended, kept) = (world.session(ONE, 7), world.session(ONE, 7));
    for session in [&ended, &kept] {
        assert_eq!(
            (
                send(&world, &session.sessdata),
                send(&peer, &session.sessdata)
            ),
            (0, 0)
        );
    }
    assert_eq!(world.end_session(ONE, 7, &ended.id.to_string()).status, 200);
    assert_eq!(send(&world, &ended.sessdata), -101);
    peer.poll();
    assert_eq!(send(&peer, &ended.sessdata), -101);
    assert_eq!(send(&peer, &kept.sessdata), 0);
}

#[test]
fn keys_and_revoked_tokens_are_those_of_all_nodes() {
    let (world, peer) = nodes();
    let key = pair(1);
    let shared = json!({"algorithm": "HS256", "secret": SHARED});
    let public = json!({"algorithm": "EdDSA", "public_key": key.public_key().unwrap()});
    world.put_keys(ONE, &json!([shared, public]));
    let tokens = [&shared_key(), &key].map(|key| world.token(key, 7, Some("login")));
    for token in &tokens {
        assert_eq!((send(&world, token), send(&peer, token)), (0, 0));
    }
    assert_eq!(peer.end_session(ONE, 7, "jti:login").status, 200);
    world.poll();
    for token in &tokens {
        assert_eq!((send(&world, token), send(&peer, token)), (-101, -101));
    }
    let others = [&shared_key(), &key].map(|key| world.token(key, 7, Some("other")));
    for token in &others {
        assert_eq!((send(&world, token), send(&peer, token)), (0, 0));
    }
    world.put_keys(ONE, &json!([]));
    peer.poll();
    for token in &others {
        assert_eq!((send(&world, token), send(&peer, token)), (-101, -101));
    }
}

#[test]
fn a_viewer_has_one_number_and_a_pause_is_one_of_all_nodes() {
    let (world, peer) = nodes();
    let session = world.session(ONE, 7);
    let cookie = session.cookie();
    world.beat(&session, "aid=1&played_time=10");
    peer.beat(&session, "aid=2&played_time=20");
    assert_eq!(world.history(&cookie), [(2, 20), (1, 10)]);
    let switch = |world: &World, switch: &str| {
        let form = format!("switch={switch}&csrf={}", session.csrf);
        assert_eq!(
            world
                .post("/x/v2/history/shadow/set", &cookie, &form)
                .code(),
            0
        );
    };
    switch(&world, "true");
    peer.poll();
    assert_eq!(peer.fresh("/x/v2/history/shadow", &cookie), true);
    peer.beat(&session, "aid=3&played_time=30");
    assert_eq!(peer.history(&cookie), [(2, 20), (1, 10)]);
    // What another node was quicker with changes nothing.
    switch(&peer, "true");
    switch(&peer, "false");
    world.poll();
    world.beat(&session, "aid=4&played_time=40");
    assert_eq!(peer.history(&cookie), [(4, 40), (2, 20), (1, 10)]);
}

#[test]
fn a_node_that_was_away_for_long_drops_all_it_knew() {
    let (world, peer) = nodes();
    let session = world.session(ONE, 7);
    assert_eq!(send(&peer, &session.sessdata), 0);
    assert_eq!(
        world.end_session(ONE, 7, &session.id.to_string()).status,
        200
    );
    // The change is removed with a later one, before the other node looks.
    world.clock.advance(3_600_000);
    let other = world.session(ONE, 8);
    assert_eq!(world.end_session(ONE, 8, &other.id.to_string()).status, 200);
    assert_eq!(world.end_session(ONE, 8, "jti:x").status, 200);
    let kept = world
        .state
        .read(|tx| tx.query_int("SELECT COUNT(*) FROM playback_change", &[]));
    assert_eq!(kept.unwrap(), 2);
    peer.poll();
    assert_eq!(send(&peer, &session.sessdata), -101);
}
