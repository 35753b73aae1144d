//! An export of push events is what was fed, device by device.

use std::collections::BTreeMap;
#[cfg(feature = "parquet")]
use std::path::Path;

use reportd_client::protocol::push::{Channel, Receipt};
use reportd_platform::zones::{Zone, day_text};
use reportd_testbed::StoreKind;
#[cfg(feature = "parquet")]
use serde_json::Map;
use serde_json::{Value, json};

#[cfg(feature = "parquet")]
use crate::export::text;
use crate::export::{lines, rows, today, zone_of_noon};
use crate::harness::{Data, Http, Server, wait_until};

const SECRET: &str = "master-secret-of-the-tests";
/// In every zone this is a day of 1970: those west of Greenwich begin that year later.
const LONG_AGO_MS: i64 = 36 * 3_600_000;

/// A store with an app in that zone, and another app; and a key for feeds.
fn with_apps(kind: StoreKind, zone: &str) -> (Data, String) {
    let data = Data::empty(kind);
    let secret = ["--master-secret", SECRET];
    data.run(&[&["app", "create", "shop", "--zone", zone], &secret[..]].concat());
    data.run(&["app", "create", "others"]);
    let key = data.key("gateway", "ingest");
    (data, key)
}

/// A request, and the rows that it must become, without the time of arrival.
struct Fed {
    path: &'static str,
    body: Vec<u8>,
    rows: Vec<Value>,
}

fn fed_events(events: Vec<Value>) -> Fed {
    let body = serde_json::to_vec(&events).unwrap();
    Fed {
        path: "events",
        body,
        rows: events.into_iter().flat_map(expand).collect(),
    }
}

/// The rows of an event: one for each device, with `at` for `created_at`, without what is empty.
fn expand(event: Value) -> Vec<Value> {
    let Value::Object(mut fields) = event else {
        unreachable!()
    };
    if let Some(created_at) = fields.remove("created_at") {
        fields.insert("at".to_owned(), created_at);
    }
    fields.retain(|_, value| value != "");
    if let Some(action) = fields.get_mut("action_id").filter(|id| id.is_number()) {
        *action = json!(action.to_string());
    }
    match fields.remove("cids") {
        None => vec![Value::Object(fields)],
        Some(cids) => {
            let of = |cid: &Value| {
                let mut row = fields.clone();
                row.insert("cid".to_owned(), cid.clone());
                Value::Object(row)
            };
            cids.as_array().unwrap().iter().map(of).collect()
        }
    }
}

fn fed_receipts(receipts: &[Receipt<'_>]) -> Fed {
    let (mut body, mut rows) = (Vec::new(), Vec::new());
    for receipt in receipts {
        receipt.write("shop", SECRET, &mut body);
        body.push(b'\n');
        let mut row = json!({
            "type": "receipt", "at": receipt.at_ms, "taskid": receipt.task_id, "cid": receipt.cid,
            "action_id": receipt.action_id, "msgid": receipt.msg_id, "code": receipt.code, "desc": receipt.desc,
        });
        if let Some(channel) = receipt.channel {
            row["channel"] = json!(channel.name());
        }
        rows.push(row);
    }
    Fed {
        path: "receipts",
        body,
        rows,
    }
}

/// Everything that can be fed, around midnight and long ago, with texts that are hard to write.
fn feeds(midnight_ms: i64) -> Vec<Fed> {
    let hard = ["plain", "a,b", "two\r\nlines", "«\"»", "=1+1", "频道"];
    let mut feeds = Vec::new();
    for (number, text) in (0..).zip(hard.into_iter().cycle().take(24)) {
        // Half of it before midnight.
        let at = midnight_ms + (number - 12) * 60_000 - number % 2;
        let task = format!("RASL_{}", number % 5);
        feeds.push(fed_events(vec![
            json!({"type": "task", "taskid": task, "kind": "list", "group_name": text, "created_at": at}),
            json!({"type": "task", "taskid": "RASA_1", "kind": "app", "group_name": "", "created_at": at}),
            json!({"type": "sendable", "taskid": task, "cids": [text, "c1", text], "at": at}),
            json!({"type": "sent", "taskid": task, "cids": ["c1", "c2"], "channel": "gt", "brand": text, "quota": "list",
                "at": at}),
            json!({"type": "received", "taskid": task, "cid": "c1", "channel": "vv", "quota": "general", "at": at + 1}),
            json!({"type": "displayed", "taskid": task, "cid": "c1", "channel": "gt", "brand": "", "at": at + 1}),
            json!({"type": "clicked", "taskid": task, "cid": text, "channel": "ios", "at": LONG_AGO_MS}),
            json!({"type": "action", "taskid": task, "cid": "c1", "action_id": 90_001, "at": at}),
            json!({"type": "lost", "taskid": task, "cids": ["c3"], "channel": "hw", "phase": "ts", "reason": 13_001,
                "at": at}),
            json!({"type": "device", "cid": text, "brand": text, "at": at}),
            json!({"type": "online", "cid": text, "at": midnight_ms - 1}),
            json!({"type": "offline", "cid": text, "at": midnight_ms}),
        ]));
        let receipt = Receipt {
            cid: text.into(),
            task_id: task.into(),
            msg_id: format!("m{number}").into(),
            code: if number % 3 == 0 { 400 } else { 200 },
            desc: if number % 2 == 0 { "" } else { text }.into(),
            action_id: "60001".into(),
            at_ms: at,
            channel: (number % 2 == 0).then_some(Channel::Ho),
        };
        feeds.push(fed_receipts(&[receipt]));
    }
    feeds
}

fn feed(server: &Server, app: &str, key: &str, fed: &Fed) {
    let mut http = Http::connect(server.address());
    let path = format!("/api/apps/{app}/push/{}", fed.path);
    let bearer = format!("Bearer {key}");
    let reply = http.call("POST", &path, &[("authorization", &bearer)], &fed.body);
    let reply = reply.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["accepted"], fed.rows.len());
}

fn export(data: &Data, from: i64, to: i64, more: &[&str]) -> String {
    let (from, to) = (day_text(from), day_text(to));
    let asked = [
        "export", "push", "--app", "shop", "--from", &from, "--to", &to, "--format",
    ];
    data.run(&[&asked[..], more].concat())
}

/// Takes the time of arrival out of rows; it never falls.
fn without_arrival(mut rows: Vec<Value>) -> Vec<Value> {
    let arrivals = rows.iter_mut().map(|row| {
        let arrival = row.as_object_mut().unwrap().remove("received_at");
        arrival.unwrap().as_i64().unwrap()
    });
    assert!(arrivals.collect::<Vec<_>>().is_sorted());
    rows
}

fn rows_of_csv(text: &str) -> Vec<Value> {
    let mut rows = rows(text).into_iter();
    let names: Vec<String> = rows.next().unwrap().into_iter().flatten().collect();
    let row = |row: Vec<Option<String>>| {
        assert_eq!(row.len(), names.len());
        let fields = names.iter().zip(row).filter_map(|(name, field)| {
            let field = field?;
            let value = match name.as_str() {
                "received_at" | "at" | "reason" | "code" => serde_json::from_str(&field),
                _ => Ok(Value::String(field)),
            };
            Some((name.clone(), value.unwrap()))
        });
        Value::Object(fields.collect())
    };
    rows.map(row).collect()
}

#[cfg(feature = "parquet")]
fn rows_of_parquet(path: &Path) -> Vec<Value> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let mut fields = Map::new();
        for (name, field) in row.unwrap().get_column_iter() {
            let value = match field {
                Field::Null => continue,
                Field::Long(number) | Field::TimestampMillis(number) => json!(number),
                Field::Str(text) => json!(text),
                other => panic!("{name}: {other:?}"),
            };
            fields.insert(name.clone(), value);
        }
        Value::Object(fields)
    })
    .collect()
}

/// Exports in all formats equal what was fed, for every choice of days.
fn check_days(data: &Data, zone: &Zone, fed: &[Value], day: i64) {
    let mut seen = 0;
    for (from, to) in [
        (day, day),
        (day - 1, day - 1),
        (day - 1, day),
        (day + 1, day + 9),
        (0, 2),
        (0, day),
    ] {
        let is_in = |row: &&Value| (from..=to).contains(&zone.day(row["at"].as_i64().unwrap()));
        let expected: Vec<Value> = fed.iter().filter(is_in).cloned().collect();
        let told = export(data, from, to, &["ndjson"]);
        assert_eq!(without_arrival(lines(&told)), expected, "{from} to {to}");
        let told = export(data, from, to, &["csv"]);
        assert_eq!(
            without_arrival(rows_of_csv(&told)),
            expected,
            "{from} to {to}"
        );
        #[cfg(feature = "parquet")]
        {
            let path = data.path().with_file_name("events.parquet");
            export(data, from, to, &["parquet", "-o", text(&path)]);
            let told = rows_of_parquet(&path);
            assert_eq!(without_arrival(told), expected, "{from} to {to}");
        }
        seen = expected.len();
    }
    assert_eq!(seen, fed.len(), "the last choice has all days");
}

#[test]
fn an_export_is_what_was_fed_on_both_stores() {
    let zone = zone_of_noon();
    let (midnight_ms, day) = today(&zone);
    for kind in [StoreKind::Embedded, StoreKind::Postgres] {
        let (data, key) = with_apps(kind, &zone);
        let server = data.serve();
        let feeds = feeds(midnight_ms);
        for fed in &feeds {
            feed(&server, "shop", &key, fed);
        }
        // Of another app, and so in no row.
        let of_others = json!({"type": "online", "cid": "o", "at": midnight_ms});
        feed(&server, "others", &key, &fed_events(vec![of_others]));
        // What was fed twice stands there twice: these are the events, not what they count.
        feed(&server, "shop", &key, &feeds[0]);
        wait_until_folded(&data, &server);
        let rows: Vec<Value> = feeds
            .iter()
            .chain([&feeds[0]])
            .flat_map(|fed| fed.rows.clone())
            .collect();
        check_days(&data, &Zone::named(&zone).unwrap(), &rows, day);
        let running = export(&data, day - 1, day, &["ndjson"]);
        server.stop();
        assert_eq!(export(&data, day - 1, day, &["ndjson"]), running);
    }
}

#[test]
fn feeds_of_several_nodes_stand_side_by_side() {
    let zone = zone_of_noon();
    let (midnight_ms, day) = today(&zone);
    let (data, key) = with_apps(StoreKind::Postgres, &zone);
    let second = data.path().with_file_name("second");
    let nodes = [data.serve(), data.serve_beside(&second)];
    let feeds = feeds(midnight_ms);
    for (number, fed) in feeds.iter().enumerate() {
        feed(&nodes[number % 2], "shop", &key, fed);
    }
    wait_until_folded(&data, &nodes[0]);
    let told = without_arrival(lines(&export(&data, 0, day, &["ndjson"])));
    let rows = feeds.into_iter().flat_map(|fed| fed.rows).collect();
    assert!(in_one_order(told) == in_one_order(rows));
}

/// Rows in an order of their own, whichever node they went to, as texts with their members in order.
fn in_one_order(rows: Vec<Value>) -> Vec<String> {
    let text = |row: Value| {
        let members: BTreeMap<String, Value> = serde_json::from_value(row).unwrap();
        serde_json::to_string(&members).unwrap()
    };
    let mut texts: Vec<String> = rows.into_iter().map(text).collect();
    texts.sort();
    texts
}

/// An export holds what is folded: a read waits for that.
fn wait_until_folded(data: &Data, server: &Server) {
    let key = data.key("reader", "viewer");
    wait_until("all is folded", || {
        let reply = server.get("/api/apps/shop/push/today", &key);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.header("reportd-lag-ms").is_none()
    });
}
