//! What must hold for every input: no panic, and what is written reads back.

use std::borrow::Cow;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use reportd_protocol::push::{
    ACTIONS_PARAMETER, AuthRequest, Channel, Cids, Date, Event, GroupQuery, Phase, Quota, Reason,
    Receipt, ReceiptApp, Stage, TaskKind, TaskQuery, group_name, past_day, percent_encode,
    read_events, read_receipts, task_ids,
};

const NOW_MS: i64 = 1_763_700_000_000;
const EVENTS: &[u8] = include_bytes!("data/push/events-accepted.ndjson");
const RECEIPTS: &[u8] = include_bytes!("data/push/receipts-accepted.ndjson");
const APP: ReceiptApp<'static> = ReceiptApp {
    app_id: "app1",
    master_secrets: &["secret1"],
};

fn text() -> impl Strategy<Value = Cow<'static, str>> {
    "[^\\x00]{1,60}".prop_map(Cow::Owned)
}

fn id() -> impl Strategy<Value = Cow<'static, str>> {
    "[^,\\pC\\pZ\\x00-\\x20]{1,60}".prop_map(Cow::Owned)
}

fn cids() -> impl Strategy<Value = Cids<'static>> {
    prop_oneof![
        text().prop_map(Cids::One),
        vec(text(), 1..5).prop_map(|cids| Cids::many(cids.iter().map(AsRef::as_ref))),
    ]
}

fn reached() -> impl Strategy<Value = Event<'static>> {
    let channel = select(&Channel::ALL[..]);
    let stage = select(&Stage::ALL[..]);
    (
        stage,
        id(),
        (text(), cids()),
        channel,
        of(text()),
        any::<Index>(),
        0..NOW_MS,
    )
        .prop_map(
            |(stage, task_id, (cid, cids), channel, brand, index, at_ms)| {
                let kinds = Quota::of(channel);
                let may_have_quota = matches!(stage, Stage::Sent | Stage::Received);
                let quota = (may_have_quota && !kinds.is_empty()).then(|| *index.get(kinds));
                let is_bulk = stage == Stage::Sent;
                let cids = if is_bulk { cids } else { Cids::One(cid) };
                Event::Reached {
                    stage,
                    task_id,
                    cids,
                    channel,
                    brand,
                    quota,
                    at_ms,
                }
            },
        )
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let task = (id(), select(&TaskKind::ALL[..]), of(text()), 0..NOW_MS);
    let lost = (
        id(),
        cids(),
        select(&Channel::ALL[..]),
        select(&Phase::ALL[..]),
        select(Reason::all().collect::<Vec<_>>()),
        0..NOW_MS,
    );
    prop_oneof![
        task.prop_map(|(task_id, kind, group_name, created_at_ms)| Event::Task {
            task_id,
            kind,
            group_name,
            created_at_ms,
        }),
        (id(), cids(), 0..NOW_MS).prop_map(|(task_id, cids, at_ms)| Event::Sendable {
            task_id,
            cids,
            at_ms
        }),
        reached(),
        (id(), text(), id(), 0..NOW_MS).prop_map(|(task_id, cid, action_id, at_ms)| {
            Event::Action {
                task_id,
                cid,
                action_id,
                at_ms,
            }
        }),
        lost.prop_map(
            |(task_id, cids, channel, phase, reason, at_ms)| Event::Lost {
                task_id,
                cids,
                channel,
                phase,
                reason,
                at_ms,
            }
        ),
        (text(), of(text()), 0..NOW_MS).prop_map(|(cid, brand, at_ms)| Event::Device {
            cid,
            brand,
            at_ms
        }),
        (any::<bool>(), text(), 0..NOW_MS).prop_map(|(is_online, cid, at_ms)| Event::Presence {
            is_online,
            cid,
            at_ms
        }),
    ]
}

fn receipt() -> impl Strategy<Value = Receipt<'static>> {
    let channel = of(select(&Channel::ALL[..]));
    let desc = "[^\\x00]{0,60}".prop_map(Cow::Owned);
    (
        text(),
        id(),
        text(),
        any::<i64>(),
        desc,
        id(),
        0..NOW_MS,
        channel,
    )
        .prop_map(
            |(cid, task_id, msg_id, code, desc, action_id, at_ms, channel)| Receipt {
                cid,
                task_id,
                msg_id,
                code,
                desc,
                action_id,
                at_ms,
                channel,
            },
        )
}

/// A body with some places damaged.
fn damage(body: &[u8], edits: Vec<(Index, usize, Vec<u8>)>) -> Vec<u8> {
    let mut body = body.to_vec();
    for (place, removed, inserted) in edits {
        let from = place.index(body.len() + 1);
        let to = (from + removed).min(body.len());
        body.splice(from..to, inserted);
    }
    body
}

fn edits() -> impl Strategy<Value = Vec<(Index, usize, Vec<u8>)>> {
    let tokens = [
        "{", "}", "[", "]", "\"", "\\", ",", ":", "null", "1e999", "\\ud800", "\n",
    ];
    let inserted = prop_oneof![
        vec(any::<u8>(), 0..3),
        select(tokens.to_vec()).prop_map(|token| token.as_bytes().to_vec()),
    ];
    vec((any::<Index>(), 0..8_usize, inserted), 1..6)
}

fn read_all(body: &[u8]) {
    if let Err(error) = read_events(body, NOW_MS, |event| drop(format!("{event:?}"))) {
        assert!(error.msg.len() < 200, "{error}");
    }
    if let Err(error) = read_receipts(body, APP, NOW_MS, |receipt| {
        drop(format!("{:?}", receipt.meaning()))
    }) {
        assert!(error.msg.len() < 200, "{error}");
    }
    let _ = AuthRequest::parse(body);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(body in vec(any::<u8>(), 0..400)) {
        read_all(&body);
    }

    #[test]
    fn no_damaged_feed_makes_a_reader_panic(edits in edits()) {
        read_all(&damage(EVENTS, edits.clone()));
        read_all(&damage(RECEIPTS, edits));
    }

    #[test]
    fn no_damaged_array_makes_a_reader_panic(edits in edits(), place in any::<Index>()) {
        let lines: Vec<&[u8]> = EVENTS.split(|byte| *byte == b'\n').collect();
        let line = *place.get(&lines);
        let array = [b"[", line, b",", line, b"]"].concat();
        read_all(&damage(&array, edits));
    }

    #[test]
    fn no_path_or_query_makes_a_reader_panic(text in ".{0,80}", codes in "(%[0-9a-fA-F]{0,2}|,){0,9}") {
        let today = Date::from_days(20_000);
        for text in [&text, &codes] {
            let _ = (task_ids(text), group_name(text), past_day(text, today));
            let query = format!("actionIdList={text}&startDate={text}&needGetuiByBrand={text}");
            let _ = (TaskQuery::parse(Some(&query)), GroupQuery::parse(Some(&query), today));
        }
    }

    #[test]
    fn encoded_texts_read_back(name in "[^\\x00]{1,100}", ids in vec(id(), 1..5)) {
        let segment = percent_encode(&name);
        prop_assert_eq!(group_name(&segment).unwrap(), &name[..]);
        let ids: BTreeSet<String> = ids.into_iter().map(Cow::into_owned).collect();
        let segments: Vec<String> = ids.iter().map(|id| percent_encode(id)).collect();
        let read = task_ids(&segments.join(",")).unwrap();
        prop_assert!(read.iter().eq(&ids));
        let query = format!("{ACTIONS_PARAMETER}={}", segments.join("%2C"));
        prop_assert!(TaskQuery::parse(Some(&query)).unwrap().actions.iter().eq(&ids));
    }

    #[test]
    fn events_that_are_written_read_back(sent in vec(event(), 0..6)) {
        let mut body = Vec::new();
        for event in &sent {
            event.write(&mut body);
            body.push(b'\n');
        }
        let mut read = Vec::new();
        let accepted = read_events(&body, NOW_MS, |event| read.push(event)).unwrap();
        prop_assert_eq!(accepted.events, sent.iter().map(Event::count).sum::<u32>());
        prop_assert_eq!(accepted.unknown_fields, 0);
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn receipts_that_are_written_read_back(sent in vec(receipt(), 0..6)) {
        let mut body = Vec::new();
        for receipt in &sent {
            receipt.write(APP.app_id, APP.master_secrets[0], &mut body);
            body.push(b'\n');
        }
        let mut read = Vec::new();
        read_receipts(&body, APP, NOW_MS, |receipt| read.push(receipt)).unwrap();
        prop_assert_eq!(read, sent);
    }
}
