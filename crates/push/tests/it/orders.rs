//! The same events and receipts in any order, cut into any requests, some of them twice, over one node or two: always the
//! reports that the model says, whichever node is asked.

use std::cell::Cell;

use axum::http::Method;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reportd_protocol::push::{Channel, Date, Quota, Receipt, read_events};
use reportd_testbed::StoreKind;
use rstest::rstest;

use crate::lines;
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

/// A line of a feed, as the event that it tells of.
#[derive(Debug, Clone)]
enum Told {
    Event(String),
    Receipt {
        receipt: Receipt<'static>,
        /// None of one that does not count.
        event: Option<String>,
    },
}

impl Told {
    fn event(&self) -> Option<&str> {
        match self {
            Self::Event(event) => Some(event),
            Self::Receipt { event, .. } => event.as_deref(),
        }
    }
}

/// Some actions of the table, and the event that says the same (spec push-report, What feeds them).
const ACTIONS: [(&str, Option<Channel>, &str); 8] = [
    ("0", None, r#""type":"received","channel":"gt""#),
    ("10000", None, r#""type":"displayed","channel":"gt""#),
    ("10019", None, r#""type":"clicked","channel":"ios""#),
    ("150000", None, r#""type":"received","channel":"vv""#),
    ("120000", None, r#""type":"sent","channel":"xm""#),
    (
        "60001",
        Some(Channel::Op),
        r#""type":"displayed","channel":"op""#,
    ),
    ("60002", None, r#""type":"clicked","channel":"gt""#),
    ("90001", None, r#""type":"action","action_id":"90001""#),
];

fn receipt() -> impl Strategy<Value = Told> {
    let code = select(vec![200, 200, 200, 500]);
    let parts = (
        select(TASKS.to_vec()),
        0..7_u8,
        select(ACTIONS.to_vec()),
        code,
        time(),
    );
    parts.prop_map(
        |(task, cid, (action, channel, means), code, at_ms)| Told::Receipt {
            receipt: Receipt {
                cid: format!("c{cid}").into(),
                task_id: task.into(),
                msg_id: "m".into(),
                code,
                desc: "".into(),
                action_id: action.into(),
                at_ms,
                channel,
            },
            event: (code == 200)
                .then(|| format!(r#"{{{means},"taskid":"{task}","cid":"c{cid}","at":{at_ms}}}"#)),
        },
    )
}

/// What is told, and how it is sent: each request is the places of its lines, and the node that it goes to.
fn feed() -> impl Strategy<Value = (Vec<Told>, Vec<(Vec<usize>, bool)>)> {
    let told = prop_oneof![5 => event().prop_map(Told::Event), 1 => receipt()];
    proptest::collection::vec(told, 1..60).prop_flat_map(|told| {
        let places: Vec<usize> = (0..told.len()).collect();
        let repeats = subsequence(places.clone(), 0..=told.len().min(20));
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
        (Just(told), requests)
    })
}

#[rstest]
fn reports_depend_on_what_happened_alone(
    #[values(StoreKind::Embedded, StoreKind::Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let peer = world.peer();
    let number = Cell::new(0);
    proptest!(ProptestConfig::with_cases(24), |((told, requests) in feed())| {
        number.set(number.get() + 1);
        let app = App {
            id: Box::leak(format!("app{}", number.get()).into_boxed_str()),
            appkey: "key",
            master_secret: "secret",
        };
        create_app(&world.state, app);
        world.directory.reload_if_changed().unwrap();
        put_quotas(&world, app);
        if let Some(peer) = &peer {
            peer.directory.reload_if_changed().unwrap();
        }
        for (places, to_peer) in &requests {
            let node = peer.as_ref().filter(|_| *to_peer).unwrap_or(&world);
            send(node, app, places.iter().map(|place| &told[*place]));
        }
        let mut model = Model::default();
        let events: Vec<&str> = told.iter().filter_map(Told::event).collect();
        read_events(events.join("\n").as_bytes(), NOON_MS, |event| model.add(&event)).unwrap();
        for node in [Some(&world), peer.as_ref()].into_iter().flatten() {
            check(node, app, &model)?;
        }
    });
}

/// Sends lines in a request a feed.
fn send<'t>(node: &World, app: App, told: impl Iterator<Item = &'t Told>) {
    let (mut events, mut receipts) = (Vec::new(), Vec::new());
    for told in told {
        match told {
            Told::Event(event) => events.push(event.as_str()),
            Told::Receipt { receipt, .. } => receipts.push(lines::receipt(app, receipt)),
        }
    }
    node.events(app, &events.join("\n"));
    let reply = node.feed(app, "receipts", &[], receipts.join("\n"));
    assert_eq!(reply.status, 200, "{}", reply.text);
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
    let actions = ["1", "3", "7", "90001"].map(str::to_owned);
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
            format!("push/task/{ids}?actionIdList=1,3,7,90001&needGetuiByBrand=true"),
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
