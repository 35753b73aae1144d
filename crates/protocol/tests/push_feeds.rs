//! The feeds: what gateways send, as data, and each refusal with its place.

use reportd_protocol::push::{
    Accepted, Channel, Event, FeedError, FeedErrorKind, Quota, Reason, Receipt, ReceiptApp,
    ReceiptMeaning, Stage, TaskKind, read_events, read_receipts,
};
use rstest::rstest;

const NOW_MS: i64 = 1_763_700_000_000;
const EVENTS: &str = include_str!("data/push/events-accepted.ndjson");
const RECEIPTS: &str = include_str!("data/push/receipts-accepted.ndjson");

fn events(body: &str) -> Result<(Vec<Event<'_>>, Accepted), FeedError> {
    let mut events = Vec::new();
    let accepted = read_events(body.as_bytes(), NOW_MS, |event| events.push(event))?;
    Ok((events, accepted))
}

fn receipts(body: &str) -> Result<Vec<Receipt<'_>>, FeedError> {
    let app = ReceiptApp {
        app_id: "app1",
        master_secrets: &["older", "secret1"],
    };
    let mut receipts = Vec::new();
    read_receipts(body.as_bytes(), app, NOW_MS, |receipt| {
        receipts.push(receipt)
    })?;
    Ok(receipts)
}

fn refusal(body: &str) -> String {
    let error = events(body).expect_err("must be refused");
    assert_eq!(error.kind.http_status(), 400);
    error.msg
}

/// An event of a type with these fields, as the second of an array.
fn second(kind: &str, fields: &str) -> String {
    let online = r#"{"type":"online","cid":"c","at":0}"#;
    format!("[{online},\n{{\"type\":\"{kind}\",{fields}}}]")
}

#[test]
fn recorded_events_are_accepted_as_lines_and_as_an_array() {
    let (as_lines, accepted) = events(EVENTS).unwrap();
    assert_eq!((accepted.events, accepted.unknown_fields), (19, 1));
    let list: Vec<&str> = EVENTS.lines().filter(|line| !line.is_empty()).collect();
    let array = format!(" \r\n[{}]\n", list.join(", "));
    assert_eq!(events(&array).unwrap(), (as_lines, accepted));
}

#[test]
fn recorded_events_mean_what_they_say() {
    let (events, _) = events(EVENTS).unwrap();
    let types: Vec<&str> = events.iter().map(Event::type_name).collect();
    assert_eq!(
        types,
        [
            "task",
            "task",
            "sendable",
            "sent",
            "sent",
            "received",
            "displayed",
            "clicked",
            "action",
            "action",
            "lost",
            "lost",
            "device",
            "device",
            "online",
            "offline",
        ]
    );
    assert!(matches!(
        &events[1],
        Event::Task {
            kind: TaskKind::Single,
            group_name: None,
            created_at_ms: 0,
            ..
        }
    ));
    let Event::Sendable { cids, .. } = &events[2] else {
        panic!("sendable")
    };
    assert_eq!(cids.iter().collect::<Vec<_>>(), ["c1", "c2", "c3"]);
    assert!(matches!(
        &events[4],
        Event::Reached {
            channel: Channel::Vv,
            quota: Some(Quota::Special),
            ..
        }
    ));
    assert!(matches!(
        &events[6],
        Event::Reached {
            channel: Channel::Ios,
            brand: None,
            ..
        }
    ));
    assert!(matches!(
        &events[7],
        Event::Reached {
            stage: Stage::Clicked,
            brand: None,
            ..
        }
    ));
    assert!(matches!(&events[8], Event::Action { action_id, .. } if action_id == "90001"));
    let Event::Lost { reason, .. } = &events[10] else {
        panic!("lost")
    };
    assert_eq!((reason.code(), reason.class().code()), (13001, 13));
    assert_eq!(Reason::from_code(13001), Some(*reason));
}

#[test]
fn a_feed_may_be_empty() {
    for body in ["", "\n\r\n", "[]", " [ ] "] {
        assert_eq!(events(body).unwrap().1, Accepted::default(), "{body:?}");
    }
}

#[rstest]
#[case::line_not_json(
    "\n\n{\"type\":",
    "line 3: not JSON: EOF while parsing a value at line 1 column 8"
)]
#[case::line_no_object("[1]", "[0]: expected an object")]
#[case::line_of_array(
    "{\"type\":\"online\",\"cid\":\"c\",\"at\":0}\n[]",
    "line 2: expected an object"
)]
#[case::text("\"geheim\"", "line 1: expected an object")]
#[case::two_on_a_line("{}{}", "line 1: not JSON: trailing characters at line 1 column 3")]
#[case::array_not_closed("[", "[0]: not JSON: EOF while parsing a list at line 1 column 1")]
#[case::array_nested("[[]]", "[0]: expected an object")]
#[case::after_array("[]{}", "body: not JSON: trailing characters at line 1 column 3")]
#[case::no_type_in_array("[{}]", "[0].type: missing")]
#[case::no_type_on_line("{}", "line 1: type: missing")]
#[case::twice(
    "{\"type\":\"online\",\"type\":\"online\"}",
    "line 1: type: given twice"
)]
fn bodies_that_are_refused(#[case] body: &str, #[case] expected: &str) {
    assert_eq!(refusal(body), expected);
}

#[test]
fn a_body_must_be_utf_8() {
    let error = read_events(b"{\"type\":\"\xff\"}", NOW_MS, |_| {}).unwrap_err();
    assert_eq!(error.msg, "body: not UTF-8 at byte 9");
}

const CHANNELS: &str = "expected gt, ios, hw, ho, xm, xmg, vv, mz, op, opg, wx or st";
const TYPES: &str = "expected task, sendable, sent, received, displayed, clicked, action, lost, \
                     device, online or offline";

#[rstest]
#[case("gone", r#""cid":"c""#, &format!("type: {TYPES}"))]
#[case("Sent", r#""cid":"c""#, &format!("type: {TYPES}"))]
#[case("task", r#""kind":"list""#, "taskid: missing")]
#[case("task", r#""taskid":7"#, "taskid: expected a string")]
#[case("task", r#""taskid":"""#, "taskid: empty")]
#[case(
    "task",
    r#""taskid":"a,b""#,
    "taskid: holds a comma or a control character, or begins or ends with a blank"
)]
#[case("task", r#""taskid":"t""#, "kind: missing")]
#[case(
    "task",
    r#""taskid":"t","kind":"all""#,
    "kind: expected list, app or single"
)]
#[case(
    "task",
    r#""taskid":"t","kind":"app","group_name":7"#,
    "group_name: expected a string"
)]
#[case("task", r#""taskid":"t","kind":"app""#, "created_at: missing")]
#[case(
    "task",
    r#""taskid":"t","kind":"app","created_at":1763700600001"#,
    "created_at: more than 10 minutes ahead"
)]
#[case("sendable", r#""taskid":"t","at":0"#, "cid: missing")]
#[case(
    "sendable",
    r#""taskid":"t","cid":"c","cids":["c"],"at":0"#,
    "cids: given together with cid"
)]
#[case(
    "sendable",
    r#""taskid":"t","cids":"c","at":0"#,
    "cids: expected an array of strings"
)]
#[case("sendable", r#""taskid":"t","cids":[],"at":0"#, "cids: empty")]
#[case(
    "sendable",
    r#""taskid":"t","cids":["a",7],"at":0"#,
    "cids[1]: expected a string"
)]
#[case(
    "sendable",
    r#""taskid":"t","cids":["a","b",""],"at":0"#,
    "cids[2]: empty"
)]
#[case("sendable", r#""taskid":"t","cid":"c""#, "at: missing")]
#[case(
    "sendable",
    r#""taskid":"t","cid":"c","at":"0""#,
    "at: expected an integer"
)]
#[case(
    "sendable",
    r#""taskid":"t","cid":"c","at":1.5"#,
    "at: expected an integer"
)]
#[case("sendable", r#""taskid":"t","cid":"c","at":-1"#, "at: out of range")]
#[case(
    "sendable",
    r#""taskid":"t","cid":"c","at":1763700600001"#,
    "at: more than 10 minutes ahead"
)]
#[case(
    "received",
    r#""taskid":"t","cids":["c"]"#,
    "cids: only sendable, sent and lost take a list"
)]
#[case("sent", r#""taskid":"t","cid":"c","at":0"#, "channel: missing")]
#[case("sent", r#""taskid":"t","cid":"c","channel":"gx""#, &format!("channel: {CHANNELS}"))]
#[case(
    "sent",
    r#""taskid":"t","cid":"c","channel":"xm","quota":"app""#,
    "quota: expected a quota kind of the channel"
)]
#[case(
    "received",
    r#""taskid":"t","cid":"c","channel":"hw","quota":"general""#,
    "quota: expected a quota kind of the channel"
)]
#[case(
    "sent",
    r#""taskid":"t","cid":"c","channel":"gt","brand":1"#,
    "brand: expected a string"
)]
#[case("action", r#""taskid":"t","cid":"c","at":0"#, "action_id: missing")]
#[case(
    "action",
    r#""taskid":"t","cid":"c","action_id":1.5"#,
    "action_id: expected a string or an integer"
)]
#[case(
    "action",
    r#""taskid":"t","cid":"c","action_id":"""#,
    "action_id: empty"
)]
#[case(
    "lost",
    r#""taskid":"t","cid":"c","channel":"gt","phase":"xx""#,
    "phase: expected ts, rs, sf or fd"
)]
#[case(
    "lost",
    r#""taskid":"t","cid":"c","channel":"gt","phase":"ts""#,
    "reason: missing"
)]
#[case(
    "lost",
    r#""taskid":"t","cid":"c","channel":"gt","phase":"ts","reason":9"#,
    "reason: expected a reason of the table"
)]
#[case(
    "lost",
    r#""taskid":"t","cid":"c","channel":"gt","phase":"ts","reason":"x""#,
    "reason: expected a reason of the table"
)]
#[case("device", r#""at":0"#, "cid: missing")]
#[case("offline", r#""cid":"\u0000""#, "cid: holds the character U+0000")]
fn fields_that_are_refused(#[case] kind: &str, #[case] fields: &str, #[case] expected: &str) {
    let body = second(kind, fields);
    assert_eq!(refusal(&body), format!("[1].{expected}"));
    let lines = body.trim_matches(['[', ']']).replace("},\n", "}\n");
    let expected = format!("line 2: {expected}");
    assert_eq!(refusal(&lines), expected);
}

#[rstest]
#[case("taskid", 128)]
#[case("cid", 128)]
#[case("brand", 64)]
#[case("action_id", 64)]
#[case("group_name", 100)]
fn texts_are_bounded(#[case] name: &str, #[case] most: usize) {
    let body = |chars: usize| {
        let text = |field| {
            if field == name {
                "字".repeat(chars)
            } else {
                "x".to_owned()
            }
        };
        let kind = match name {
            "action_id" => "action",
            "group_name" => "task",
            _ => "sent",
        };
        let [task_id, cid, brand] = ["taskid", "cid", "brand"].map(text);
        let [action, group] = ["action_id", "group_name"].map(text);
        format!(
            r#"{{"type":"{kind}","taskid":"{task_id}","cid":"{cid}","channel":"gt","kind":"app",
            "brand":"{brand}","action_id":"{action}","group_name":"{group}","at":0,"created_at":0}}"#
        )
        .replace('\n', "")
    };
    assert_eq!(events(&body(most)).unwrap().1.events, 1);
    let expected = format!("line 1: {name}: longer than {most} characters");
    assert_eq!(refusal(&body(most + 1)), expected);
}

#[test]
fn a_time_may_be_ten_minutes_ahead() {
    let body = r#"{"type":"online","cid":"c","at":1763700600000}"#;
    assert_eq!(events(body).unwrap().1.events, 1);
}

#[test]
fn each_cid_counts_towards_ten_thousand() {
    let body = |count: usize| {
        let cids = vec!["\"c\""; count].join(",");
        second(
            "sendable",
            &format!(r#""taskid":"t","cids":[{cids}],"at":0"#),
        )
    };
    assert_eq!(events(&body(9_999)).unwrap().1.events, 10_000);
    assert_eq!(
        refusal(&body(10_000)),
        "[1]: more than 10000 events in one request"
    );
    let one = "{\"type\":\"online\",\"cid\":\"c\",\"at\":0}\n";
    assert_eq!(events(&one.repeat(10_000)).unwrap().0.len(), 10_000);
    assert_eq!(
        refusal(&one.repeat(10_001)),
        "line 10001: more than 10000 events in one request"
    );
}

#[test]
fn deep_nesting_costs_no_stack() {
    let nested = |field: &str| {
        format!(
            "{{\"{field}\":{}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        )
    };
    assert_eq!(refusal(&nested("x")), "line 1: type: missing");
    assert_eq!(
        refusal(&format!("[{}]", nested("cids"))),
        "[0].type: missing"
    );
    assert!(refusal(&"[".repeat(100_000)).starts_with("[0]: "));
}

#[test]
fn recorded_receipts_are_accepted() {
    let receipts = receipts(RECEIPTS).unwrap();
    let read: Vec<_> = receipts
        .iter()
        .map(|receipt| {
            (
                receipt.msg_id.as_ref(),
                receipt.is_counted(),
                receipt.meaning(),
            )
        })
        .collect();
    use ReceiptMeaning::{Action, Reached};
    assert_eq!(
        read,
        [
            ("m1", true, Reached(Stage::Received, Channel::Gt)),
            ("17", true, Reached(Stage::Clicked, Channel::Gt)),
            ("m1", true, Reached(Stage::Clicked, Channel::Hw)),
            ("m1", false, Action),
        ]
    );
    assert!(receipts.iter().all(|receipt| receipt.at_ms == NOW_MS));
    assert_eq!(receipts[3].desc, "失败");
}

#[test]
fn each_action_id_has_its_meaning() {
    use Channel::{Gt, Hw, Ios, Mz, Op, St, Vv, Xm};
    use Stage::{Clicked, Displayed, Received, Sent};
    let mut receipt = receipts(RECEIPTS).unwrap().remove(0);
    let mut meaning = |action: &str, channel| {
        receipt.action_id = action.to_owned().into();
        receipt.channel = channel;
        receipt.meaning()
    };
    for (action, stage, channel) in [
        ("0", Received, Gt),
        ("10030", Received, Gt),
        ("10000", Displayed, Gt),
        ("10010", Clicked, Gt),
        ("10009", Displayed, Ios),
        ("10019", Clicked, Ios),
        ("110000", Received, Hw),
        ("140000", Received, Op),
        ("150000", Received, Vv),
        ("120000", Sent, Xm),
        ("120010", Clicked, Xm),
        ("130000", Sent, Mz),
        ("130010", Clicked, Mz),
        ("60001", Displayed, Gt),
        ("60002", Clicked, Gt),
    ] {
        assert_eq!(
            meaning(action, None),
            ReceiptMeaning::Reached(stage, channel),
            "{action}"
        );
    }
    assert_eq!(
        meaning("60001", Some(St)),
        ReceiptMeaning::Reached(Displayed, St)
    );
    assert_eq!(
        meaning("10000", Some(St)),
        ReceiptMeaning::Reached(Displayed, Gt)
    );
    for action in ["90000", "90999"] {
        assert_eq!(meaning(action, None), ReceiptMeaning::Action, "{action}");
    }
    for action in ["89999", "91000", "900000", "00", "buy"] {
        assert_eq!(
            meaning(action, None),
            ReceiptMeaning::UnknownAction,
            "{action}"
        );
    }
}

/// The first recorded receipt with one text replaced, on line 2.
fn changed(from: &str, to: &str) -> FeedError {
    let line = RECEIPTS.lines().next().expect("a line");
    assert!(line.contains(from), "{from}");
    let body = format!("\n{}", line.replacen(from, to, 1));
    receipts(&body).expect_err("must be refused")
}

#[rstest]
#[case(
    r#""appid":"app1""#,
    r#""appid":"app2""#,
    "appid: not the app of the path"
)]
#[case(r#""appid":"app1","#, "", "appid: missing")]
#[case(r#""cid":"c1""#, r#""cid":1"#, "cid: expected a string")]
#[case(r#""taskid":"RASL_a""#, r#""taskid":"""#, "taskid: empty")]
#[case(r#""msgid":"m1","#, "", "msgid: missing")]
#[case(r#""code":"200""#, r#""code":"ok""#, "code: expected an integer")]
#[case(r#""code":"200""#, r#""code":null"#, "code: missing")]
#[case(
    r#""desc":"success""#,
    r#""desc":[]"#,
    "desc: expected a string, a number or a bool"
)]
#[case(
    r#""actionId":"0""#,
    r#""actionId":true"#,
    "actionId: expected a string or an integer"
)]
#[case(
    r#""recvtime":1763700000000"#,
    r#""recvtime":"1763700600001""#,
    "recvtime: more than 10 minutes ahead"
)]
#[case(
    r#""recvtime":1763700000000"#,
    r#""recvtime":"now""#,
    "recvtime: expected an integer"
)]
#[case(r#""recvtime":"#, r#""channel":"xx","recvtime":"#, &format!("channel: {CHANNELS}"))]
#[case(r#""sign":"#, r#""signature":"#, "sign: missing")]
#[case("}", ",\"cid\":\"c1\"}", "cid: given twice")]
#[case("}", "", "not JSON: EOF while parsing an object at line 1 column 169")]
fn receipts_that_are_refused(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let error = changed(from, to);
    assert_eq!(error.to_string(), format!("line 2: {expected}"));
    assert_eq!(error.kind, FeedErrorKind::Malformed);
}

#[rstest]
#[case(r#""msgid":"m1""#, r#""msgid":"m2""#)]
#[case(r#""sign":""#, r#""sign":"0"#)]
fn a_bad_sign_is_401(#[case] from: &str, #[case] to: &str) {
    let error = changed(from, to);
    assert_eq!(
        error.to_string(),
        "line 2: sign: not by the app's master secret"
    );
    assert_eq!(error.kind.http_status(), 401);
}

#[test]
fn receipts_are_lines_and_at_most_ten_thousand() {
    let line = RECEIPTS.lines().next().unwrap();
    let body = format!("{line}\n");
    assert_eq!(receipts(&body.repeat(10_000)).unwrap().len(), 10_000);
    let error = receipts(&body.repeat(10_001)).unwrap_err();
    assert_eq!(
        error.msg,
        "line 10001: more than 10000 receipts in one request"
    );
    let error = receipts(&format!("[{line}]")).unwrap_err();
    assert_eq!(error.msg, "line 1: expected an object");
}
