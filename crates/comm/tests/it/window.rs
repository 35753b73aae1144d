//! The window of `ts`, and identities that last as long as it.

use reportd_platform::clock::{DAY_MS, HOUR_MS};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::world::{ACTIVE, NOON_MS, World, message};

const NOON: i64 = NOON_MS / 1000;

fn identities(world: &World) -> i64 {
    world
        .views
        .read(|tx| tx.query_int("SELECT COUNT(*) FROM comm_identity", &[]))
        .unwrap()
}

#[rstest]
fn identities_are_dropped_when_the_window_itself_refuses(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    for number in 0..50 {
        assert_eq!(
            world.report(&message(NOON - number, "0", ACTIVE, 1, "UP")),
            0
        );
    }
    world.counted(ACTIVE);
    assert_eq!(identities(&world), 50);
    world.clock.advance(DAY_MS + 2 * HOUR_MS);
    // One of that time, and not one of those: an identity is kept longer behind a rejection of the same request.
    assert_eq!(
        world.report(&message(NOON, "refused", ACTIVE, 1, "UP")),
        40004,
        "the window refuses it now"
    );
    assert_eq!(
        world.report(&message(NOON + 26 * 3600, "0", ACTIVE, 1, "UP")),
        0
    );
    world.counted(ACTIVE);
    world.wait_until("only the new identity is left", |world| {
        // Pruning goes by the clock.
        world.clock.advance(2_000);
        identities(world) == 1
    });
}

#[rstest]
fn a_window_made_longer_does_not_let_old_requests_in_twice(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let old = message(NOON, "0", ACTIVE, 1, "UP");
    assert_eq!(world.report(&old), 0);
    world.clock.advance(2 * DAY_MS);
    assert_eq!(world.report(&old), 40004);
    world.set("comm.max_age", "7d");
    assert_eq!(
        world.report(&old),
        40004,
        "its identity may be forgotten, so it stays outside"
    );
    assert_eq!(
        world.report(&message(NOON + 86_400 + 60, "1", ACTIVE, 1, "UP")),
        0
    );
    assert_eq!(world.counted(ACTIVE), 2);
}

#[rstest]
fn without_dedupe_equal_requests_count_each_time(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let body = message(NOON, "0", ACTIVE, 1, "UP");
    assert_eq!((world.report(&body), world.report(&body)), (0, 0));
    world.set("comm.dedupe", "false");
    assert_eq!((world.report(&body), world.report(&body)), (0, 0));
    assert_eq!(world.counted(ACTIVE), 3);
    assert_eq!(world.get("reports")["reports"].as_array().unwrap().len(), 3);
    assert!(
        world
            .metrics
            .encode()
            .contains("reportd_comm_repeats_total{app=\"bots\"} 1")
    );
}
