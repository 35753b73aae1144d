//! An export of playback reports is what was accepted, by whom, as far as anybody may still know.

use std::collections::HashMap;
#[cfg(feature = "parquet")]
use std::path::Path;

use reportd_client::protocol::playback::bvid_of;
use reportd_platform::zones::day_text;
use reportd_testbed::StoreKind;
use serde_json::{Map, Value, json};

#[cfg(feature = "parquet")]
use crate::export::text;
use crate::export::{lines, rows, today, zone_of_noon};
use crate::harness::{Data, Http, Server};
use crate::viewer::{HISTORY_REPORT, STORED, Viewer, fresh};

/// A store with an app in that zone, and another app; and a key for the API.
fn with_apps(kind: StoreKind, zone: &str) -> (Data, String) {
    let data = Data::empty(kind);
    data.run(&["app", "create", "site", "--zone", zone]);
    data.run(&["app", "create", "others"]);
    let key = data.key("site", "admin");
    (data, key)
}

fn viewer(data: &Data, app: &str, mid: i64) -> Viewer {
    Viewer::create(|arguments| data.run(arguments), app, mid)
}

/// What players call their sittings.
const SESSIONS: [&str; 5] = [
    "0123456789abcdef0123456789ABCDEF",
    "a,b",
    "«\"»",
    "=1+1",
    "会话",
];

/// The form of a heartbeat with everything that one can have, and the row that it must become.
fn full_beat(number: i64) -> (String, Value) {
    let session = SESSIONS[usize::try_from(number).unwrap() % SESSIONS.len()];
    let aid = i64::MAX - number;
    let mut row = json!({
        "aid": aid, "cid": 62131, "progress": 60 + number, "play_type": number % 5, "session": session, "type": 4,
        "sub_type": 1, "dt": 2, "epid": 5, "sid": 6, "duration": 6000, "realtime": 59, "real_played_time": 58,
        "last_play_progress_time": 57, "max_play_progress_time": -1,
    });
    if let Some(bvid) = bvid_of(aid) {
        row["bvid"] = json!(bvid);
    }
    let mut form = Vec::new();
    for (name, value) in row.as_object().unwrap() {
        let name = match name.as_str() {
            "progress" => "played_time",
            "duration" => "video_duration",
            name => name,
        };
        let value = match value {
            Value::String(text) => text.replace('=', "%3D").replace('+', "%2B"),
            value => value.to_string(),
        };
        form.push(format!("{name}={value}"));
    }
    form.push("start_ts=1592720840".to_owned());
    (form.join("&"), row)
}

/// A report that says as little as it can, and its row.
fn least_report() -> (String, Value) {
    let row = json!({"aid": 2, "bvid": "BV1xx411c7mD", "cid": 0, "progress": 0, "play_type": 0});
    ("aid=2".to_owned(), row)
}

/// Sends all that there is to export; gives the rows, in order, without their times.
fn report_all(data: &Data, server: &Server, key: &str) -> Vec<Value> {
    let first = viewer(data, "site", 9_007_199_254_740_993);
    let [paused, erased] = [8, 9].map(|mid| viewer(data, "site", mid));
    let mut told = Vec::new();
    let of = |mut row: Value, mid: i64| {
        row["mid"] = json!(mid);
        row
    };
    for number in 0..12 {
        let (form, row) = full_beat(number);
        first.beat(server, &form);
        told.push(of(row, 9_007_199_254_740_993));
    }
    let (form, row) = least_report();
    let by_key = format!("{form}&platform=android&access_key={}", first.access_key);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let mut http = Http::connect(server.address());
    let reply = http.call("POST", HISTORY_REPORT, &headers, by_key.as_bytes());
    assert_eq!(reply.unwrap().text(), STORED);
    let mut by_app = row.clone();
    by_app["platform"] = json!("android");
    told.push(of(by_app, 9_007_199_254_740_993));
    // Nobody's: the number of a paused history, and that of a history that is erased.
    paused.beat(server, &form);
    told.push(of(row.clone(), 8));
    assert_eq!(
        paused.post(server, "/x/v2/history/shadow/set", "switch=1"),
        0
    );
    paused.beat(server, &form);
    told.push(row.clone());
    erased.beat(server, &form);
    told.push(row);
    // What is no report, and what is of another app, stands in no row.
    assert_eq!(
        first.post(server, "/x/v2/history/delete", "kid=archive_2"),
        0
    );
    viewer(data, "others", 7).beat(server, &form);
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let gone = http.call("DELETE", "/api/apps/site/viewers/9", &headers, b"");
    let gone = gone.unwrap();
    assert!((200..300).contains(&gone.status), "{}", gone.text());
    told
}

fn export(data: &Data, from: i64, to: i64, more: &[&str]) -> String {
    let (from, to) = (day_text(from), day_text(to));
    let asked = [
        "export", "playback", "--app", "site", "--from", &from, "--to", &to, "--format",
    ];
    data.run(&[&asked[..], more].concat())
}

/// Takes what cannot be foreseen out of rows: a report counts when it arrives, and arrivals never fall; and a sitting is
/// shown by a hash of its name, one for each name, which the name of the sitting's first row stands for here.
fn without_times(mut rows: Vec<Value>) -> Vec<Value> {
    let mut sittings = HashMap::<String, usize>::new();
    for row in &mut rows {
        let Some(session) = row.get_mut("session") else {
            continue;
        };
        let shown = session.as_str().unwrap();
        assert!(shown.len() == 32 && shown.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let next = sittings.len();
        let place = *sittings.entry(shown.to_owned()).or_insert(next);
        *session = json!(SESSIONS[place]);
    }
    let arrivals = rows.iter_mut().map(|row| {
        let row = row.as_object_mut().unwrap();
        let arrival = row.remove("received_at").unwrap();
        assert_eq!(row.remove("at"), Some(arrival.clone()));
        arrival.as_i64().unwrap()
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
                "bvid" | "session" | "platform" => Value::String(field),
                _ => serde_json::from_str(&field).unwrap(),
            };
            Some((name.clone(), value))
        });
        Value::Object(fields.collect::<Map<_, _>>())
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

/// An export holds what is folded: a read waits for that.
fn wait_until_folded(server: &Server, key: &str) {
    fresh(server, "/api/apps/site/playback/now", key);
}

#[test]
fn an_export_is_what_was_accepted_on_both_stores() {
    let zone = zone_of_noon();
    let (_, day) = today(&zone);
    for kind in [StoreKind::Embedded, StoreKind::Postgres] {
        let (data, key) = with_apps(kind, &zone);
        let server = data.serve();
        let told = report_all(&data, &server, &key);
        wait_until_folded(&server, &key);
        for (from, to) in [(day, day), (day - 1, day + 1), (0, day)] {
            let exported = export(&data, from, to, &["ndjson"]);
            assert_eq!(without_times(lines(&exported)), told);
            let exported = export(&data, from, to, &["csv"]);
            assert_eq!(without_times(rows_of_csv(&exported)), told);
            #[cfg(feature = "parquet")]
            {
                let path = data.path().with_file_name("beats.parquet");
                export(&data, from, to, &["parquet", "-o", text(&path)]);
                assert_eq!(without_times(rows_of_parquet(&path)), told);
            }
        }
        for (from, to) in [(day - 9, day - 1), (day + 1, day + 9)] {
            assert_eq!(export(&data, from, to, &["ndjson"]), "");
        }
        let running = export(&data, day, day, &["ndjson"]);
        server.stop();
        assert_eq!(export(&data, day, day, &["ndjson"]), running);
    }
}

#[test]
fn reports_of_several_nodes_stand_side_by_side() {
    let zone = zone_of_noon();
    let (_, day) = today(&zone);
    let (data, key) = with_apps(StoreKind::Postgres, &zone);
    let second = data.path().with_file_name("second");
    let nodes = [data.serve(), data.serve_beside(&second)];
    let viewer = viewer(&data, "site", 7);
    for number in 1..=20_i64 {
        let node = &nodes[usize::try_from(number % 2).unwrap()];
        viewer.beat(node, &format!("aid={number}"));
    }
    wait_until_folded(&nodes[0], &key);
    let rows = without_times(lines(&export(&data, day, day, &["ndjson"])));
    let mut aids: Vec<i64> = rows
        .iter()
        .map(|row| row["aid"].as_i64().unwrap())
        .collect();
    aids.sort_unstable();
    assert_eq!(aids, (1..=20).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row["mid"] == 7));
}

#[test]
fn a_pause_holds_on_every_node_when_it_is_answered() {
    let (data, key) = with_apps(StoreKind::Postgres, &zone_of_noon());
    let second = data.path().with_file_name("second");
    let nodes = [data.serve(), data.serve_beside(&second)];
    let viewer = viewer(&data, "site", 7);
    for round in 1..=4_i64 {
        // Both know the viewer as it was before.
        for (node, of) in nodes.iter().zip([100, 200]) {
            viewer.beat(node, &format!("aid={}", of + round));
        }
        assert_eq!(
            viewer.post(&nodes[0], "/x/v2/history/shadow/set", "switch=1"),
            0
        );
        viewer.beat(&nodes[1], &format!("aid={}", 300 + round));
        assert_eq!(
            viewer.post(&nodes[0], "/x/v2/history/shadow/set", "switch=0"),
            0
        );
        viewer.beat(&nodes[1], &format!("aid={}", 400 + round));
    }
    wait_until_folded(&nodes[0], &key);
    let mut shown = viewer.history(&nodes[1]);
    shown.sort_unstable();
    let all = [100, 200, 400].map(|of| (1..=4).map(move |round| of + round));
    assert_eq!(shown, all.into_iter().flatten().collect::<Vec<i64>>());
}
