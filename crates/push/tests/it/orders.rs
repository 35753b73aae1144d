//! The same events in any order, cut into any requests, some of them twice, over one node or two: always the reports that
//! the model says.

use std::cell::Cell;

use axum::http::Method;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reportd_protocol::push::{Channel, Date, Quota, read_events};
use reportd_testbed::StoreKind;
use rstest::rstest;

use crate::model::{DAY_MS, Model, day};
use crate::world::{App, NOON_MS, World, create_app};

const TASKS: [&str; 5] = ["RASL_a", "RASA_b", "RASS_c", "told", "RASL_old"];
const MINUTE_MS: i64 = 60_000;
const QUOTAS: &str =
    r#"{"quotas":{"gt":{"list":3,"app":2},"vv":{"special":1},"op":{"general":5}}}"#;

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        // Around the present, to the minute, so that some meet at a point or at one moment.
        (-200_i64..10).prop_map(|minutes| NOON_MS + minutes * MINUTE_MS),
        // Around the midnights before, to the millisecond.
        (0..3_i64, -3..3_i64).prop_map(|(days, ms)| NOON_MS - DAY_MS / 2 - days * DAY_MS + ms),
        // Long ago: around the windows of tasks and of groups.
        (68..93_i64).prop_map(|days| NOON_MS - days * DAY_MS),
    ]
}

fn cids() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..7_u8).prop_map(|number| format!(r#""cid":"c{number}""#)),
        subsequence(vec!["c0", "c1", "c2", "c9"], 1..4)
            .prop_map(|list| format!(r#""cids":["{}"]"#, list.join("\",\""))),
    ]
}

fn cid() -> impl Strategy<Value = String> {
    (0..7_u8).prop_map(|number| format!(r#""cid":"c{number}""#))
}

/// A channel, and where it has some a quota.
fn channel() -> impl Strategy<Value = &'static str> {
    select(vec![
        r#""channel":"gt""#,
        r#""channel":"gt","brand":"hw""#,
        r#""channel":"gt","brand":"xm","quota":"list""#,
        r#""channel":"gt","brand":"hw","quota":"app""#,
        r#""channel":"vv","brand":"hw","quota":"special""#,
        r#""channel":"op","quota":"general""#,
        r#""channel":"ios""#,
    ])
}

/// An event as JSON.
fn event() -> impl Strategy<Value = String> {
    let task = || select(TASKS.to_vec());
    let plain_channel = select(vec!["gt", "vv", "ios"]);
    let stage = select(vec!["received", "displayed", "clicked"]);
    let reason = select(vec![2, 13, 13001, 13999, 14006]);
    let group = select(vec!["g", "h", ""]);
    let kind = select(vec!["list", "app", "single"]);
    prop_oneof![
        2 => (task(), kind, group, time()).prop_map(|(task, kind, group, at)| format!(
            r#"{{"type":"task","taskid":"{task}","kind":"{kind}","group_name":"{group}","created_at":{at}}}"#)),
        2 => (task(), cids(), time()).prop_map(|(task, cids, at)| format!(
            r#"{{"type":"sendable","taskid":"{task}",{cids},"at":{at}}}"#)),
        4 => (task(), cids(), channel(), time()).prop_map(|(task, cids, channel, at)| format!(
            r#"{{"type":"sent","taskid":"{task}",{cids},{channel},"at":{at}}}"#)),
        5 => (stage, task(), cid(), channel(), time()).prop_map(|(stage, task, cid, channel, at)| {
            let channel = if stage == "received" { channel } else { channel.split(",\"quota").next().unwrap() };
            format!(r#"{{"type":"{stage}","taskid":"{task}",{cid},{channel},"at":{at}}}"#)
        }),
        2 => (task(), cid(), 1..4_u8, time()).prop_map(|(task, cid, action, at)| format!(
            r#"{{"type":"action","taskid":"{task}",{cid},"action_id":{action},"at":{at}}}"#)),
        3 => (task(), cids(), plain_channel, select(vec!["ts", "fd"]), reason, time()).prop_map(
            |(task, cids, channel, phase, reason, at)| format!(
            r#"{{"type":"lost","taskid":"{task}",{cids},"channel":"{channel}","phase":"{phase}","reason":{reason},"at":{at}}}"#)),
        2 => (cid(), time()).prop_map(|(cid, at)| format!(r#"{{"type":"device",{cid},"at":{at}}}"#)),
        6 => (select(vec!["online", "online", "offline"]), cid(), time()).prop_map(|(kind, cid, at)| format!(
            r#"{{"type":"{kind}",{cid},"at":{at}}}"#)),
    ]
}

/// The events, and how they are sent: each request is the places of its events, and the node that it goes to.
fn feed() -> impl Strategy<Value = (Vec<String>, Vec<(Vec<usize>, bool)>)> {
    proptest::collection::vec(event(), 1..60).prop_flat_map(|events| {
        let places: Vec<usize> = (0..events.len()).collect();
        let repeats = subsequence(places.clone(), 0..=events.len().min(20));
        let sent = (Just(places), repeats).prop_map(|(all, repeats)| [all, repeats].concat());
        let cut = (
            sent.prop_shuffle(),
            proptest::collection::vec((1..20_usize, any::<bool>()), 80),
        );
        let requests = cut.prop_map(|(sent, lengths)| {
            let (mut left, mut requests) = (&sent[..], Vec::new());
            for (length, node) in lengths {
                let (request, rest) = left.split_at(length.min(left.len()));
                left = rest;
                if !request.is_empty() {
                    requests.push((request.to_vec(), node));
                }
            }
            requests
        });
        (Just(events), requests)
    })
}

#[rstest]
fn reports_depend_on_what_happened_alone(
    #[values(StoreKind::Embedded, StoreKind::Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let peer = world.peer();
    let number = Cell::new(0);
    proptest!(ProptestConfig::with_cases(24), |((events, requests) in feed())| {
        number.set(number.get() + 1);
        let app = App {
            id: Box::leak(format!("app{}", number.get()).into_boxed_str()),
            appkey: "key",
            master_secret: "secret",
        };
        create_app(&world.state, app);
        for node in [Some(&world), peer.as_ref()].into_iter().flatten() {
            node.directory.reload_if_changed().unwrap();
        }
        put_quotas(&world, app);
        for (places, to_peer) in &requests {
            let lines: Vec<&str> = places.iter().map(|place| events[*place].as_str()).collect();
            let node = peer.as_ref().filter(|_| *to_peer).unwrap_or(&world);
            node.events(app, &lines.join("\n"));
        }
        let mut model = Model::default();
        read_events(events.join("\n").as_bytes(), NOON_MS, |event| model.add(&event)).unwrap();
        check(&world, app, &model)?;
    });
}

fn put_quotas(world: &World, app: App) {
    let key = format!("Bearer {}", world.keys.admin);
    let path = format!("/api/apps/{}/push/settings", app.id);
    let put = world.send(&Method::PUT, &path, &[("authorization", &key)], QUOTAS);
    assert_eq!(put.status, 200, "{}", put.text);
}

fn check(world: &World, app: App, model: &Model) -> Result<(), TestCaseError> {
    let token = world.token(app);
    let today = day(NOON_MS);
    let actions = ["1", "3", "7"].map(str::to_owned);
    let ids = TASKS.join("%2C");
    let quotas = [
        (Channel::Gt, Quota::App, 2),
        (Channel::Gt, Quota::List, 3),
        (Channel::Vv, Quota::Special, 1),
        (Channel::Op, Quota::General, 5),
    ];
    let date = |ago: i64| Date::from_days(today - ago).to_string();
    for (path, expected) in [
        (
            format!("push/task/{ids}?actionIdList=1,3,7&needGetuiByBrand=true"),
            model.task_report(&TASKS, today, &actions),
        ),
        (
            format!("push/task/{ids}/detail"),
            model.detail_report(&TASKS, today),
        ),
        (
            "push/task_group/g?needGetuiByBrand=TRUE".to_owned(),
            model.group_report("g", today),
        ),
        (
            format!("push/date/{}?needGetuiByBrand=true", date(1)),
            model.day_report(today - 1),
        ),
        (
            format!("push/date/{}?needGetuiByBrand=true", date(70)),
            model.day_report(today - 70),
        ),
        ("push/count".to_owned(), model.count_report(&quotas, today)),
        (
            format!("user/date/{}", date(1)),
            model.user_report(today - 1),
        ),
        (
            format!("user/date/{}", date(2)),
            model.user_report(today - 2),
        ),
        ("online_user".to_owned(), model.online_report(NOON_MS)),
    ] {
        let found = world.fresh_report(app, &token, &path);
        prop_assert_eq!(found, expected, "{}", path);
    }
    Ok(())
}
