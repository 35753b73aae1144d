//! Raw reports, page by page.

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ACTIVE, NOON_MS, PASSIVE, TODAY, World, message};

const NOON: i64 = NOON_MS / 1000;

fn nonces_of(world: &World, filter: &str, limit: usize) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("reports?limit={limit}{filter}{cursor}"));
        let reports = page["reports"].as_array().unwrap();
        assert!(reports.len() <= limit);
        seen.extend(
            reports
                .iter()
                .map(|report| report["ext2"].as_str().unwrap().to_owned()),
        );
        match &page["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return seen,
        }
    }
}

#[rstest]
fn pages_show_each_report_once_newest_first_and_no_repeats(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    for number in 0..25 {
        let oper_id = if number % 2 == 0 { ACTIVE } else { PASSIVE };
        let body = message(
            NOON - number,
            "0",
            oper_id,
            number % 3,
            &format!("u{number}"),
        );
        assert_eq!((world.report(&body), world.report(&body)), (0, 0));
    }
    let all: Vec<String> = (0..25).rev().map(|number| format!("u{number}")).collect();
    for limit in [1, 7, 100] {
        assert_eq!(nonces_of(&world, "", limit), all, "limit {limit}");
    }
    let filtered = nonces_of(&world, &format!("&gid=1&oper_id={ACTIVE}"), 2);
    assert_eq!(filtered, ["u22", "u16", "u10", "u4"]);
    assert_eq!(nonces_of(&world, "&target_id=c2", 100).len(), 8);
    assert!(nonces_of(&world, "&target_id=c9", 100).is_empty());
    assert_eq!(
        nonces_of(&world, &format!("&from={TODAY}&to={TODAY}"), 100).len(),
        25
    );
    assert!(nonces_of(&world, "&to=2026-11-20", 100).is_empty());
}

#[rstest]
fn a_report_is_shown_as_it_was_sent(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let body = format!(
        r#"{{"ts":{NOON},"nonce":"0","data_list":{{"oper_id":{PASSIVE},"gid":1,"target_id":"频道","to_uid":{{"a":[1, 2.50]}},"ext1":"youtube","ext2":"\u0055P","ext10":1e5}}}}"#
    );
    assert_eq!(world.report(&body), 0);
    let page = world.get("reports");
    let report = &page["reports"][0];
    let expected = json!({
        "received_at": NOON_MS, "ts": NOON_MS, "oper_id": PASSIVE, "gid": 1, "target_id": "频道",
        "to_uid": {"a": [1, 2.5]}, "scope": "channel", "ext1": "youtube", "ext2": "UP", "ext10": "1e5",
    });
    assert_eq!(report, &expected);
}
