//! Two stores that folded the same events, in other orders and with other numbers: they are the same by meaning, and each
//! change by hand is named.

use reportd_db::Database;
use reportd_platform::zones::Zone;
use reportd_protocol::push::read_events;
use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use super::compare;
use crate::entry::Encoder;
use crate::gather::Gathered;
use crate::schema::VIEW_MIGRATIONS;
use crate::view::PushView;

/// 2026-11-21 in Shanghai.
const NOW_MS: i64 = 1_795_233_600_000;

const EVENTS: [&str; 9] = [
    r#"{"type":"task","taskid":"t","kind":"list","group_name":"g","created_at":1795233600000}"#,
    r#"{"type":"sendable","taskid":"t","cids":["a","b"],"at":1795233600000}"#,
    r#"{"type":"sent","taskid":"t","cids":["a","b"],"channel":"gt","brand":"hw","quota":"list","at":1795233600000}"#,
    r#"{"type":"sent","taskid":"RASL_2","cids":["b","c"],"channel":"gt","brand":"xm","at":1795233600000}"#,
    r#"{"type":"sendable","taskid":"RASL_3","cids":["a"],"at":1795233600000}"#,
    r#"{"type":"action","taskid":"t","cid":"a","action_id":90001,"at":1795233600000}"#,
    r#"{"type":"lost","taskid":"t","cids":["c"],"channel":"gt","phase":"ts","reason":13001,"at":1795233600000}"#,
    r#"{"type":"device","cid":"a","at":1795233600000}"#,
    r#"{"type":"online","cid":"a","at":1795233600000}"#,
];

/// Changes by hand, and how each is named.
const CHANGES: [(&str, &str); 16] = [
    (
        "UPDATE push_task SET group_name = 'x' WHERE task = 't'",
        "push tasks: app 1 task «t»",
    ),
    (
        "UPDATE push_task SET figures = '0:2,0,0,0,0' WHERE task = 'RASL_3'",
        "push tasks: app 1 task «RASL_3»",
    ),
    (
        "DELETE FROM push_task WHERE task = 'RASL_2'",
        "push tasks: app 1 task «RASL_2»",
    ),
    (
        "UPDATE push_registered SET at = at - 1",
        "push registered devices: app 1 cid «a»",
    ),
    (
        "UPDATE push_user_day SET active = active + 1",
        "push users by day: app 1 day 2026-11-21",
    ),
    (
        "UPDATE push_online SET users = users + 1",
        "push users online: app 1 point 1795233600000",
    ),
    (
        "UPDATE push_quota_count SET sent = sent + 1",
        "push quotas: app 1 day 2026-11-21 channel 1 quota ",
    ),
    (
        "UPDATE push_day_loss SET n = n + 1",
        "push losses by day: app 1 day 2026-11-21 phase 0 channel 1 reason 13001",
    ),
    (
        "UPDATE push_day_count SET sent = sent + 1 WHERE brand = 0",
        "push counts of app 1 by day: day 2026-11-21 brand «» channel 0",
    ),
    (
        "UPDATE push_task_count SET sent = sent + 1 WHERE brand > 0",
        "push counts of task t: brand «hw» channel 1",
    ),
    (
        "UPDATE push_task_day SET sendable = 0",
        "push days of task t: day 2026-11-21",
    ),
    (
        "UPDATE push_task_action SET n = n + 1",
        "push actions of task t: action «90001»",
    ),
    (
        "DELETE FROM push_task_loss",
        "push losses of task t: phase 0 channel 1 reason 13001",
    ),
    (
        "DELETE FROM push_mark WHERE stage = 1",
        "push marks of task t:",
    ),
    (
        "DELETE FROM push_active",
        "push devices online by day: app 1 day ",
    ),
    (
        "DELETE FROM push_presence",
        "push presence: app 1 point 1795233600000",
    ),
];

/// A store that folded these events, one after the other.
fn folded<'e>(ground: &Ground, name: &str, events: impl Iterator<Item = &'e &'e str>) -> Database {
    let views = ground.open(name);
    VIEW_MIGRATIONS.apply(&views).unwrap();
    let (zone, mut view) = (Zone::named("Asia/Shanghai").unwrap(), PushView::default());
    for event in events {
        let mut encoder = Encoder::new(&zone);
        read_events(event.as_bytes(), NOW_MS, |event| encoder.event(&event)).unwrap();
        let entry = encoder.finish();
        let mut gathered = Gathered::default();
        gathered.add_entry(1, &entry).unwrap();
        views.write(|tx| view.fold(tx, &gathered)).unwrap();
    }
    views
}

fn differences(stored: &Database, folded: &Database) -> Vec<String> {
    let mut told = Vec::new();
    let compared = stored.read(|stored| {
        folded.read(|folded| compare(stored, folded, &mut |difference| told.push(difference.what)))
    });
    compared.unwrap();
    told
}

#[rstest]
fn stores_are_compared_by_meaning(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let stored = folded(&ground, "stored", EVENTS.iter());
    let other = folded(&ground, "folded", EVENTS.iter().rev().chain(&EVENTS));
    assert_eq!(differences(&stored, &other), [""; 0]);
    assert_eq!(differences(&other, &stored), [""; 0]);
}

#[rstest]
fn each_change_by_hand_is_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let right = folded(&ground, "right", EVENTS.iter());
    let changed = folded(&ground, "changed", EVENTS.iter());
    let mut count = 0;
    for (sql, named) in CHANGES {
        assert!(changed.execute(sql, &[]).unwrap() > 0, "{sql}");
        let told = differences(&changed, &right);
        let is_named = |told: &Vec<String>| told.iter().any(|what| what.starts_with(named));
        assert!(is_named(&told), "{sql}: {told:#?}");
        assert!(told.len() > count, "{sql}: {told:#?}");
        count = told.len();
        // From the other side it is seen too.
        let back = differences(&right, &changed);
        assert!(is_named(&back), "{sql}: {back:#?}");
    }
}
