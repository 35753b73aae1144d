//! Receipts by hand: what each action of the table counts, and what a repeated, late or failed one does.

use std::borrow::Cow;

use reportd_platform::clock::DAY_MS;
use reportd_protocol::push::{Channel, Receipt};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lines;
use crate::world::{NOON_MS, ONE, World};

fn receipt<'a>(task: impl Into<Cow<'a, str>>, action: &'a str) -> Receipt<'a> {
    Receipt {
        cid: "c".into(),
        task_id: task.into(),
        msg_id: "m".into(),
        code: 200,
        desc: "".into(),
        action_id: action.into(),
        at_ms: NOON_MS,
        channel: None,
    }
}

fn send(world: &World, receipts: &[Receipt<'_>]) {
    let lines: Vec<_> = receipts
        .iter()
        .map(|one| lines::receipt(ONE, one))
        .collect();
    let reply = world.feed(ONE, "receipts", &[], lines.join("\n"));
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["accepted"], receipts.len());
}

/// The counters of a task that are not 0, as `channel stage count`; actions that are asked for too.
fn counted(data: &Value) -> Vec<String> {
    let mut counted = Vec::new();
    for (channel, figures) in data.as_object().unwrap() {
        let figures = figures.as_object().unwrap().iter();
        let some = figures.filter(|(_, count)| **count != json!(0));
        counted.extend(some.map(|(stage, count)| format!("{channel} {stage} {count}")));
    }
    counted.sort_unstable();
    counted
}

#[rstest]
fn each_action_of_the_table_counts_what_it_says(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let table: [(&str, Option<Channel>, &str); 24] = [
        ("0", None, "gt receive_num"),
        ("10030", None, "gt receive_num"),
        ("10000", None, "gt display_num"),
        ("10010", None, "gt click_num"),
        ("10009", None, "ios display_num"),
        ("10019", None, "ios click_num"),
        ("110000", None, "hw receive_num"),
        ("140000", None, "op receive_num"),
        ("150000", None, "vv receive_num"),
        ("120000", None, "xm target_num"),
        ("120010", None, "xm click_num"),
        ("130000", None, "mz target_num"),
        ("130010", None, "mz click_num"),
        ("60001", None, "gt display_num"),
        ("60002", None, "gt click_num"),
        ("60001", Some(Channel::Ho), "ho display_num"),
        ("60002", Some(Channel::St), "st click_num"),
        // Of any other action the table names the channel.
        ("110000", Some(Channel::Gt), "hw receive_num"),
        ("0", Some(Channel::Hw), "gt receive_num"),
        ("90000", None, "actionCntMap 90000"),
        ("90999", Some(Channel::Gt), "actionCntMap 90999"),
        ("91000", None, "actionCntMap 91000"),
        ("7", None, "actionCntMap 7"),
        ("00", None, "actionCntMap 00"),
    ];
    for (place, (action, channel, expected)) in table.into_iter().enumerate() {
        let id = format!("RASL_{place}");
        let channel_of = receipt(id.as_str(), action);
        send(
            &world,
            &[Receipt {
                channel,
                ..channel_of
            }],
        );
        let data = world.data(ONE, &format!("push/task/{id}?actionIdList={action}"));
        let mut all = vec![format!("{expected} 1")];
        if let Some((_, stage)) = expected
            .split_once(' ')
            .filter(|(of, _)| *of != "actionCntMap")
        {
            all.push(format!("total {stage} 1"));
        }
        all.sort_unstable();
        assert_eq!(counted(&data[&id]), all, "{action} {channel:?}");
    }
}

#[rstest]
fn repeated_and_late_receipts_count_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let once = [receipt("RASL_1", "0"), receipt("RASL_1", "90001")];
    send(&world, &[once.clone(), once.clone()].concat());
    send(&world, &once);
    // Another message, hour or day makes no other device of the task.
    let late = once.clone().map(|one| Receipt {
        msg_id: "m2".into(),
        at_ms: NOON_MS - DAY_MS,
        ..one
    });
    send(&world, &late);
    let path = "push/task/RASL_1?actionIdList=90001";
    let expected = [
        "actionCntMap 90001 1",
        "gt receive_num 1",
        "total receive_num 1",
    ];
    assert_eq!(counted(&world.data(ONE, path)["RASL_1"]), expected);
    // The day of the late one has it too.
    let world = world.restart();
    send(&world, &late);
    let of_day = world.data(ONE, "push/date/2026-11-20");
    assert_eq!(counted(&of_day["2026-11-20"]), expected[1..]);
    world.clock.advance(DAY_MS);
    let of_day = world.data(ONE, "push/date/2026-11-21");
    assert_eq!(counted(&of_day["2026-11-21"]), expected[1..]);
}

#[rstest]
fn a_receipt_that_says_it_failed_counts_nowhere(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let failed = |code| Receipt {
        code,
        ..receipt("RASL_1", "0")
    };
    send(&world, &[failed(0), failed(201), failed(-1), failed(500)]);
    assert_eq!(
        world.data(ONE, "push/task/RASL_1"),
        json!({}),
        "nor is the task known by it"
    );
    send(
        &world,
        &[failed(500), receipt("RASL_1", "10010"), failed(500)],
    );
    let data = world.data(ONE, "push/task/RASL_1");
    assert_eq!(
        counted(&data["RASL_1"]),
        ["gt click_num 1", "total click_num 1"]
    );
}

#[rstest]
fn a_receipt_and_an_event_of_the_same_device_count_once(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let received = lines::event(
        "received",
        "RASL_1",
        "c",
        NOON_MS,
        r#","channel":"gt","brand":"hw""#,
    );
    world.events(ONE, &received);
    send(&world, &[receipt("RASL_1", "0")]);
    let data = world.data(ONE, "push/task/RASL_1?needGetuiByBrand=true");
    assert_eq!(data["RASL_1"]["gt"]["receive_num"], 1);
    assert_eq!(data["RASL_1"]["gt"]["hw"]["receive_num"], 1);
}
