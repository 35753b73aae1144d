//! What must hold for every input: no panic, and what a client builds is what a server reads.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use reportd_protocol::comm::{OutgoingItem, OutgoingReport, Scope, parse};
use serde_json::Value;

const ACCEPTED: &str = include_str!("data/comm-accepted.jsonl");

fn to_uid() -> impl Strategy<Value = Value> {
    let scalar = || {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            "[^\\x00]{0,20}".prop_map(Value::from)
        ]
    };
    prop_oneof![
        scalar(),
        vec(scalar(), 0..4).prop_map(Value::from),
        vec((".{0,8}", scalar()), 0..4)
            .prop_map(|entries| Value::Object(entries.into_iter().collect())),
    ]
}

fn item() -> impl Strategy<Value = OutgoingItem> {
    let scope = prop_oneof![Just(Scope::Channel), Just(Scope::Private)];
    let ext = proptest::array::uniform10(of("[^\\x00]{0,60}"));
    (
        any::<i64>(),
        of(any::<i64>()),
        of("[^\\x00]{0,60}"),
        of(to_uid()),
        of(scope),
        ext,
    )
        .prop_map(
            |(oper_id, gid, target_id, to_uid, scope, ext)| OutgoingItem {
                oper_id,
                gid,
                target_id,
                to_uid,
                scope,
                ext,
            },
        )
}

fn report() -> impl Strategy<Value = OutgoingReport> {
    (0..=i64::MAX, "[^\\x00]{1,128}", vec(item(), 1..=10)).prop_map(|(ts, nonce, data_list)| {
        OutgoingReport {
            ts,
            nonce,
            data_list,
        }
    })
}

/// A change to a body: where, which bytes go, and what comes there.
fn edit() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let inserted = prop_oneof![
        vec(any::<u8>(), 0..3),
        prop::sample::select(
            &[
                "{", "}", "[", "]", "\"", "\\", ",", ":", "null", "1e999", "\\ud800"
            ][..]
        )
        .prop_map(|token| token.as_bytes().to_vec()),
    ];
    (any::<prop::sample::Index>(), 0..8_usize, inserted)
}

proptest! {
    #[test]
    fn parse_never_panics_on_any_bytes(body in vec(any::<u8>(), 0..600)) {
        let _ = parse(&body);
    }

    #[test]
    fn parse_never_panics_on_a_damaged_request(
        case in any::<prop::sample::Index>(),
        edits in vec(edit(), 1..6),
    ) {
        let cases: Vec<&str> = ACCEPTED.lines().collect();
        let line = case.get(&cases);
        let start = line.find("\"request\":").unwrap() + "\"request\":".len();
        let mut body = line.as_bytes()[start..line.len() - 1].to_vec();
        for (place, removed, inserted) in edits {
            let from = place.index(body.len() + 1);
            let to = (from + removed).min(body.len());
            body.splice(from..to, inserted);
        }
        if let Err(refusal) = parse(&body) {
            prop_assert!((40001..=40003).contains(&refusal.ret.code()));
            prop_assert!(refusal.msg.len() < 200, "{}", refusal.msg);
        }
    }

    #[test]
    fn what_is_sent_is_what_is_read(sent in report()) {
        let body = sent.to_json();
        let read = parse(&body).unwrap();
        let ts_ms = if sent.ts < 100_000_000_000 { sent.ts * 1000 } else { sent.ts };
        prop_assert_eq!(read.ts_ms, ts_ms);
        prop_assert_eq!(&read.nonce, &sent.nonce);
        prop_assert_eq!(read.unknown_fields, 0);
        prop_assert_eq!(read.items.len(), sent.data_list.len());
        for (read, sent) in read.items.iter().zip(&sent.data_list) {
            prop_assert_eq!((read.oper_id, read.gid), (sent.oper_id, sent.gid));
            prop_assert_eq!(read.scope, sent.scope.unwrap_or_default());
            prop_assert_eq!(read.target_id.as_deref(), sent.target_id.as_deref());
            for (index, text) in sent.ext.iter().enumerate() {
                prop_assert_eq!(read.ext[index].as_deref(), text.as_deref());
            }
            let is_private = sent.scope == Some(Scope::Private);
            let by_default = sent.target_id.clone().filter(|_| is_private).map(Value::from);
            let to_uid = read.to_uid.as_deref().map(serde_json::from_str::<Value>).transpose();
            let to_uid = to_uid.unwrap();
            prop_assert_eq!(to_uid, sent.to_uid.clone().or(by_default));
        }
    }
}
