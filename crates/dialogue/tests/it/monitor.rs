//! Figures per app: what they count, and that folding changes none of them.

use std::sync::Arc;

use axum::http::Method;
use reportd_dialogue::Monitor;
use reportd_platform::metrics::Metrics;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{NOON_MS, ONE, TWO, World, judgement, lead, moderator, report, with};

fn monitor(world: &World, query: &str) -> Value {
    let path = format!("/api/apps/app-One_1/dialogue/monitor{query}");
    let reply = world.api(&Method::GET, &path, &Value::Null);
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn fold(world: &World) {
    world.run(world.dialogue.fold_figures()).unwrap();
}

/// Four reports, two of them refused; one ticket judged twice, its first callback arrived, its second given up.
fn happen(world: &World) {
    let one = world.file(ONE, &report("a")).ticket();
    world.file(ONE, &report("b")).ticket();
    let old = with(report("c"), "timestamp", json!(NOON_MS / 1000 - 3_600));
    assert_eq!(world.file(ONE, &old).ec(), 408);
    assert_eq!(
        world
            .file(ONE, &with(report("d"), "category", json!("")))
            .ec(),
        400
    );
    world.file(TWO, &report("a")).ticket();
    let (mei, boss) = (moderator("mei"), lead("boss"));
    world.clock.advance(1_000);
    world.claim(&mei, one).unwrap();
    world.clock.advance(1_000);
    world.judge(&mei, one, judgement("ad", &[])).unwrap();
    world.run(world.dialogue.undo(mei.clone(), one)).unwrap();
    world.judge(&mei, one, judgement("ad", &[])).unwrap();
    end(world, 1, 10);
    world
        .run(
            world
                .dialogue
                .reopen(boss.clone(), one, "appeal".to_owned()),
        )
        .unwrap();
    world.judge(&boss, one, judgement("normal", &[])).unwrap();
    end(world, 2, 20);
}

/// Ends the callbacks that wait.
fn end(world: &World, state: i64, after_ms: i64) {
    let sql = format!(
        "UPDATE dialogue_delivery SET state = {state}, done_at = created_at + {after_ms} WHERE state = 0"
    );
    world.dialogue.state.execute(&sql, &[]).unwrap();
}

#[rstest]
fn figures_are_the_same_before_and_after_a_fold(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let nothing = monitor(&world, "");
    assert_eq!(
        (&nothing["from"], &nothing["to"]),
        (&json!("2026-10-23"), &json!("2026-11-21"))
    );
    assert_eq!(
        (&nothing["received"], &nothing["waiting"], &nothing["days"]),
        (&json!(0), &json!(0), &json!([]))
    );
    assert_eq!(nothing["oldest_waiting_seconds"], Value::Null);
    happen(&world);
    let before = monitor(&world, "");
    let sums = json!({
        "received": 2, "rejected": 2, "judged": 3, "undone": 1, "reopened": 1, "delivered": 1, "failed": 1,
    });
    for (name, number) in sums.as_object().unwrap() {
        assert_eq!(&before[name], number, "{name}: {before}");
        assert_eq!(&before["days"][0][name], number, "{name}: {before}");
    }
    assert_eq!(
        before["rejected_by_cause"],
        json!([{"ec": 400, "count": 1}, {"ec": 408, "count": 1}])
    );
    assert_eq!(
        (&before["waiting"], &before["oldest_waiting_seconds"]),
        (&json!(1), &json!(2))
    );
    let latency = |ms: i64| json!({"count": 1, "p50_ms": ms, "p95_ms": ms, "p99_ms": ms});
    assert_eq!(
        before["latency"],
        json!({"claim": latency(1_023), "verdict": latency(2_047), "delivery": latency(10)})
    );
    // Too young to be folded, but for refusals; then some of it; then all.
    for _ in 0..3 {
        fold(&world);
        let after = monitor(&world, "");
        let age = &after["oldest_waiting_seconds"];
        let expected = with(before.clone(), "oldest_waiting_seconds", age.clone());
        assert_eq!(after, expected);
        world.clock.advance(9_000);
    }
    assert_eq!(
        world.int("SELECT COUNT(*) FROM dialogue_count WHERE figure = 1"),
        2,
        "of two apps"
    );
    assert_eq!(
        monitor(&world, "?from=2026-11-20&to=2026-11-20")["received"],
        0
    );
    let path = "/api/apps/app-One_1/dialogue/moderators";
    let moderators = world.api(&Method::GET, path, &Value::Null).json();
    assert_eq!(
        moderators["moderators"],
        json!([
            {"moderator": "mei", "claimed": 1, "judged": 2, "undone": 1, "reopened": 0},
            {"moderator": "boss", "claimed": 0, "judged": 1, "undone": 0, "reopened": 1},
        ])
    );
}

#[test]
fn nodes_that_fold_at_once_count_once() {
    let world = World::new(Postgres);
    let peer = world.peer().unwrap();
    for number in 0..50 {
        world.file(ONE, &report(&format!("r{number}"))).ticket();
        world.clock.advance(500);
        let (one, other) = (world.dialogue.fold_figures(), peer.dialogue.fold_figures());
        let (one, other) = world.run(async { tokio::join!(one, other) });
        one.and(other).unwrap();
    }
    world.clock.advance(11_000);
    fold(&world);
    assert_eq!(
        world.int("SELECT number FROM dialogue_count WHERE figure = 1"),
        50
    );
    assert_eq!(monitor(&world, "")["received"], 50);
}

#[rstest]
fn many_rows_are_folded_in_shares(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let insert = "INSERT INTO dialogue_report (ticket, app, report_id, digest, uniqid, redirect, received_at, body, users, infos) \
         VALUES (1, 1, $1, $2, '', '', $3, $2, 1, 1)";
    let fill = |tx: &mut reportd_db::Tx<'_>| {
        for number in 0..12_000_i64 {
            let id = number.to_string();
            tx.execute(
                insert,
                &[(&id).into(), id.as_bytes().into(), NOON_MS.into()],
            )?;
        }
        Ok(())
    };
    world.dialogue.state.write(fill).unwrap();
    let done = "INSERT INTO dialogue_delivery (webhook_id, app, ticket, verdict, revision, url, host, uniqid, state, attempts, \
         next_at, body, created_at, done_at) VALUES ($1, 1, 1, 1, 1, '', '', '', 1, 1, 0, $2, $3, $4)";
    let fill = |tx: &mut reportd_db::Tx<'_>| {
        for number in 0..12_000_i64 {
            let (id, at) = (number.to_string(), NOON_MS + number / 100);
            tx.execute(
                done,
                &[
                    (&id).into(),
                    id.as_bytes().into(),
                    NOON_MS.into(),
                    at.into(),
                ],
            )?;
        }
        Ok(())
    };
    world.dialogue.state.write(fill).unwrap();
    for _ in 0..2 {
        let figures = monitor(&world, "");
        assert_eq!(
            (&figures["received"], &figures["delivered"]),
            (&json!(12_000), &json!(12_000))
        );
        assert_eq!(figures["latency"]["delivery"]["count"], 12_000);
        world.clock.advance(20_000);
        fold(&world);
        let left = "SELECT 12000 - report FROM dialogue_count_mark";
        assert_eq!(world.int(left), 0);
    }
}

#[rstest]
fn what_is_folded_moves_the_metrics(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    happen(&world);
    let metrics = Metrics::default();
    let mut dialogue = world.dialogue.clone();
    dialogue.monitor = Arc::new(Monitor::register(&metrics));
    world.clock.advance(11_000);
    world.run(dialogue.fold_figures()).unwrap();
    let text = metrics.encode();
    for line in [
        "received_total{app=\"app-One_1\"} 2",
        "received_total{app=\"two\"} 1",
        "judged_total{app=\"app-One_1\"} 3",
        "delivered_total{app=\"app-One_1\"} 1",
        "failed_total{app=\"app-One_1\"} 1",
        "step_latency_seconds_sum{app=\"app-One_1\",step=\"claim\"} 1.023",
        "step_latency_seconds_count{app=\"app-One_1\",step=\"verdict\"} 1",
        "step_latency_seconds_sum{app=\"app-One_1\",step=\"delivery\"} 0.01",
    ] {
        let line = format!("\nreportd_dialogue_app_{line}\n");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[rstest]
fn what_was_refused_is_counted_also_where_the_room_ends(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let old = with(report("r"), "timestamp", json!(NOON_MS / 1000 - 3_600));
    assert_eq!(world.file(ONE, &old).ec(), 408);
    world.run(world.dialogue.close());
    // Only the store knows it now.
    let counted = "SELECT COUNT(*) FROM dialogue_count WHERE part = '408' AND number = 1";
    assert_eq!(world.int(counted), 1);
}
