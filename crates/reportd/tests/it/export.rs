//! An export is what the API shows, turned round.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use reportd_platform::clock::{Clock, DAY_MS, HOUR_MS, SystemClock};
use reportd_platform::zones::{Zone, day_text};
use serde_json::{Map, Value, json};

use reportd_testbed::StoreKind;

use crate::aged::spread_over_days;
use crate::harness::{Data, Server, TOKEN, files, reportd, wait_until};
use crate::requests::{ACTIVE, active_messages};

/// A zone in which it is about noon: today's and yesterday's midnight are far from now.
pub(crate) fn zone_of_noon() -> String {
    let hour = SystemClock::start().now_ms().rem_euclid(DAY_MS) / HOUR_MS;
    // These names count the other way round.
    format!("Etc/GMT{:+}", hour - 12)
}

/// The moment at which today began in that zone, in ms, and the day.
pub(crate) fn today(zone: &str) -> (i64, i64) {
    let (zone, now_ms) = (Zone::named(zone).unwrap(), SystemClock::start().now_ms());
    let local_ms = now_ms + i64::from(zone.offset_seconds(now_ms)) * 1000;
    (now_ms - local_ms.rem_euclid(DAY_MS), zone.day(now_ms))
}

/// An app in that zone that takes any operation, and another.
fn with_apps(data: Data, zone: &str) -> Data {
    data.run(&[
        "app",
        "create",
        "bots",
        "--zone",
        zone,
        "--comm-token",
        TOKEN,
    ]);
    data.run(&["app", "set", "bots", "comm.unknown_operations=accept"]);
    data.run(&[
        "app",
        "create",
        "others",
        "--comm-token",
        "token-of-the-others",
    ]);
    data
}

/// What bots send around midnight, with all that is hard to write.
fn bodies(midnight_ms: i64) -> Vec<String> {
    let texts = [
        "plain",
        "",
        "a,b",
        "two\r\nlines",
        "«\"»",
        "=1+1",
        "频道",
        "\u{1}",
    ];
    let to_uids = [
        json!(7),
        json!("7"),
        json!([1, "x"]),
        json!({"a": [1, 2.50]}),
        Value::Null,
    ];
    let body = |number: usize| {
        let (text, to_uid) = (
            texts[number % texts.len()],
            &to_uids[number % to_uids.len()],
        );
        let mut item = json!({"oper_id": 7, "gid": number % 5, "target_id": text, "ext2": text, "ext10": number.to_string()});
        if !to_uid.is_null() {
            item["to_uid"] = to_uid.clone();
        }
        if number.is_multiple_of(4) {
            item["scope"] = json!("private");
        }
        if number.is_multiple_of(3) {
            item.as_object_mut().unwrap().remove("gid");
        }
        // Half of them before midnight.
        let number = i64::try_from(number).unwrap();
        let ts = midnight_ms + (number - 60) * 20_000 - number % 2;
        json!({"ts": ts, "nonce": "0", "data_list": [item, {"oper_id": 8}]}).to_string()
    };
    let mut bodies: Vec<String> = (0..120).map(body).collect();
    for ts in [midnight_ms - 1, midnight_ms, midnight_ms + 1] {
        bodies.push(json!({"ts": ts, "nonce": "edge", "data_list": {"oper_id": 9}}).to_string());
    }
    bodies
}

/// All that the API shows of some days, oldest first.
fn shown(server: &Server, key: &str, from: i64, to: i64) -> Vec<Value> {
    let (mut reports, mut cursor) = (Vec::new(), String::new());
    loop {
        let days = format!("from={}&to={}", day_text(from), day_text(to));
        let page = server.get(
            &format!("/api/apps/bots/comm/reports?{days}&limit=1000{cursor}"),
            key,
        );
        let page = page.json();
        reports.extend(page["reports"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    reports.reverse();
    reports
}

fn export(data: &Data, from: i64, to: i64, format: &str) -> String {
    let (from, to) = (day_text(from), day_text(to));
    data.run(&[
        "export", "comm", "--app", "bots", "--from", &from, "--to", &to, "--format", format,
    ])
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The rows of a CSV text; a field that is empty and not quoted is none.
pub(crate) fn rows(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let field = if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            loop {
                let (before, behind) = quoted.split_once('"').unwrap();
                field.push_str(before);
                quoted = behind;
                match quoted.strip_prefix('"') {
                    Some(behind) => quoted = behind,
                    None => break,
                }
                field.push('"');
            }
            rest = quoted;
            Some(field)
        } else {
            let end = rest.find([',', '\r']).unwrap();
            let field = &rest[..end];
            assert!(!field.contains(['"', '\n']), "{field}");
            rest = &rest[end..];
            (!field.is_empty()).then(|| field.to_owned())
        };
        row.push(field);
        if let Some(next) = rest.strip_prefix(',') {
            rest = next;
        } else {
            rest = rest.strip_prefix("\r\n").unwrap();
            rows.push(std::mem::take(&mut row));
        }
    }
    rows
}

/// The reports of a CSV text, as the API shows them.
fn reports_of_rows(text: &str) -> Vec<Value> {
    let mut rows = rows(text).into_iter();
    let names: Vec<String> = rows.next().unwrap().into_iter().flatten().collect();
    rows.map(|row| {
        assert_eq!(row.len(), names.len());
        let mut report = Map::new();
        for (name, field) in names.iter().zip(row) {
            let value = match (name.as_str(), field) {
                ("received_at" | "ts" | "oper_id" | "gid" | "to_uid", Some(field)) => {
                    serde_json::from_str(&field).unwrap()
                }
                (_, Some(field)) => Value::String(field),
                (name, None) if name.starts_with("ext") => continue,
                (_, None) => Value::Null,
            };
            report.insert(name.clone(), value);
        }
        Value::Object(report)
    })
    .collect()
}

#[cfg(feature = "parquet")]
fn reports_of_parquet(path: &Path) -> Vec<Value> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let mut report = Map::new();
        for (name, field) in row.unwrap().get_column_iter() {
            let value = match field {
                Field::Null if name.starts_with("ext") => continue,
                Field::Null => Value::Null,
                Field::Long(number) | Field::TimestampMillis(number) => json!(number),
                Field::Str(text) if name == "to_uid" => serde_json::from_str(text).unwrap(),
                Field::Str(text) => json!(text),
                other => panic!("{name}: {other:?}"),
            };
            report.insert(name.clone(), value);
        }
        Value::Object(report)
    })
    .collect()
}

/// Exports in all formats equal what the API shows, for every choice of days.
fn check_days(data: &Data, server: &Server, key: &str, day: i64) -> usize {
    for (from, to) in [
        (day, day),
        (day - 1, day - 1),
        (day - 1, day),
        (day + 1, day + 9),
        (day - 30, day + 30),
    ] {
        let shown = shown(server, key, from, to);
        assert_eq!(
            lines(&export(data, from, to, "ndjson")),
            shown,
            "{from} to {to}"
        );
        assert_eq!(
            reports_of_rows(&export(data, from, to, "csv")),
            shown,
            "{from} to {to}"
        );
        #[cfg(feature = "parquet")]
        {
            let path = data.path().with_file_name("reports.parquet");
            let (from, to) = (day_text(from), day_text(to));
            let days = [
                "export", "comm", "--app", "bots", "--from", &from, "--to", &to,
            ];
            data.run(&[&days[..], &["--format", "parquet", "-o", text(&path)]].concat());
            assert_eq!(reports_of_parquet(&path), shown, "{from} to {to}");
        }
    }
    shown(server, key, day - 30, day + 30).len()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_export_is_what_the_api_shows_on_both_stores() {
    let zone = zone_of_noon();
    let (midnight_ms, day) = today(&zone);
    for data in [StoreKind::Embedded, StoreKind::Postgres].map(Data::empty) {
        let data = with_apps(data, &zone);
        let key = data.key("k", "lead");
        let server = data.serve();
        let bodies = bodies(midnight_ms);
        for body in &bodies {
            // Each twice: the repeat is in neither.
            assert_eq!(
                (server.report(body).0, server.report(body).0),
                (200, 200),
                "{body}"
            );
        }
        let mut others = crate::harness::Http::connect(server.address());
        let told = others.report("token-of-the-others", active_messages("o", 1, 3).as_bytes());
        assert_eq!(told.unwrap().status, 200);
        assert_eq!(check_days(&data, &server, &key, day), 120 * 2 + 3);
        let edges = export(&data, day - 1, day - 1, "ndjson");
        let edges = lines(&edges)
            .into_iter()
            .filter(|report| report["oper_id"] == 9);
        assert_eq!(
            edges
                .map(|report| report["ts"].as_i64())
                .collect::<Vec<_>>(),
            [Some(midnight_ms - 1)]
        );

        let running = export(&data, day - 1, day, "ndjson");
        server.stop();
        assert_eq!(
            export(&data, day - 1, day, "ndjson"),
            running,
            "without a server"
        );
    }
}

#[test]
fn streams_of_several_nodes_stand_side_by_side() {
    let zone = zone_of_noon();
    let (midnight_ms, day) = today(&zone);
    let data = with_apps(Data::empty(StoreKind::Postgres), &zone);
    let key = data.key("k", "lead");
    let nodes = [
        data.serve(),
        data.serve_beside(&data.path().with_file_name("second")),
    ];
    for (number, body) in bodies(midnight_ms).iter().enumerate() {
        assert_eq!(nodes[number % 2].report(body).0, 200);
        // A repeat at the other node.
        assert_eq!(nodes[(number + 1) % 2].report(body).0, 200);
    }
    assert_eq!(check_days(&data, &nodes[0], &key, day), 120 * 2 + 3);
    let ndjson = lines(&export(&data, day - 1, day, "ndjson"));
    let arrivals: Vec<_> = ndjson
        .iter()
        .map(|report| report["received_at"].as_i64())
        .collect();
    assert!(arrivals.is_sorted());
}

/// Three reports, and no server.
fn store_with_three() -> Data {
    let data = Data::with_app(StoreKind::Embedded);
    let server = data.serve();
    server.report(&active_messages("n", 1, 3));
    server.stop();
    data
}

/// Exports to a file; the exit code, and what was said.
fn export_to(file: &Path, data: &Data, asked: [&str; 4]) -> (Option<i32>, String) {
    let [app, from, to, format] = asked;
    let days = [
        "--from",
        from,
        "--to",
        to,
        "--format",
        format,
        "-o",
        text(file),
    ];
    let told = data.output(&[&["export", "comm", "--app", app][..], &days].concat());
    (told.status.code(), String::from_utf8(told.stderr).unwrap())
}

#[test]
fn a_file_appears_when_it_is_whole() {
    let data = store_with_three();
    let all = |format| ["bots", "2020-01-01", "2099-01-01", format];
    let file = data.path().with_file_name("out");
    fs::write(&file, "from before").unwrap();
    let told = export_to(&file, &data, all("ndjson"));
    assert_eq!(told, (Some(0), String::new()));
    assert_eq!(lines(&fs::read_to_string(&file).unwrap()).len(), 3);
    // What is no file is written to, and stays what it is.
    let device = Path::new("/dev/null");
    assert_eq!(export_to(device, &data, all("csv")).0, Some(0));
    assert!(!device.is_file());
    let nowhere = data.path().join("no/such/folder");
    assert_eq!(export_to(&nowhere, &data, all("csv")).0, Some(1));
    let left = files(data.path().parent().unwrap());
    let is_part = |file: &std::path::PathBuf| text(file).contains(".part");
    assert!(!left.iter().any(is_part), "{left:?}");
}

#[test]
fn what_cannot_be_exported_is_told() {
    let data = store_with_three();
    let none = data.path().with_file_name("none");
    let mut refusals = vec![
        (
            ["bts", "2020-01-01", "2020-01-01", "csv"],
            1,
            "there is no app «bts»",
        ),
        (
            ["bots", "2020-02-30", "2020-03-01", "csv"],
            2,
            "«2020-02-30» is no date",
        ),
        (
            ["bots", "2020-01-02", "2020-01-01", "csv"],
            2,
            "--from 2020-01-02 is after --to 2020-01-01",
        ),
        (
            ["bots", "2020-01-01", "2020-01-01", "xml"],
            2,
            "possible values: ndjson, csv, parquet",
        ),
    ];
    if cfg!(not(feature = "parquet")) {
        let asked = ["bots", "2020-01-01", "2020-01-01", "parquet"];
        refusals.push((asked, 1, "--features parquet"));
    }
    for (asked, code, because) in refusals {
        let (told, stderr) = export_to(&none, &data, asked);
        assert_eq!(told, Some(code), "{stderr}");
        assert!(stderr.contains(because), "{stderr}");
    }
    assert!(!none.exists());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let data = store_with_three();
    let mut command = reportd();
    command.args([
        "export",
        "comm",
        "--app",
        "bots",
        "--from",
        "2020-01-01",
        "--to",
        "2099-01-01",
    ]);
    command.args(["--format", "csv", "--data"]).arg(data.path());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let told = child.wait_with_output().unwrap();
    assert_eq!((told.status.code(), told.stderr.len()), (Some(141), 0));
}

#[test]
fn days_that_were_dropped_are_told() {
    let data = Data::with_app(StoreKind::Embedded);
    let key = data.key("k", "lead");
    let server = data.serve();
    for number in 0..40 {
        server.report(&active_messages(&number.to_string(), number, 2));
    }
    server.stop();
    spread_over_days(&data, 4);
    let day = SystemClock::start().now_ms().div_euclid(DAY_MS);
    let whole = data.serve();
    assert_eq!(shown(&whole, &key, day - 9, day + 1).len(), 80);
    whole.stop();
    assert_eq!(lines(&export(&data, day - 9, day + 1, "ndjson")).len(), 80);

    let server = data.serve_with(&[("REPORTD_RETENTION_REPORTS", "1d")]);
    wait_until("two days are left", || {
        shown(&server, &key, day - 9, day + 1).len() <= 40
    });
    let (from, to) = (day_text(day - 9), day_text(day + 1));
    let told = data.output(&[
        "export", "comm", "--app", "bots", "--from", &from, "--to", &to, "--format", "ndjson",
    ]);
    let stderr = String::from_utf8(told.stderr).unwrap();
    assert!(
        stderr.contains(&format!("dropped up to {}", day_text(day - 2))),
        "{stderr}"
    );
    assert_eq!(
        lines(&String::from_utf8(told.stdout).unwrap()),
        shown(&server, &key, day - 9, day + 1)
    );
    // The days of the app are not those of the journal: at some hours three of them lie around today.
    let (_, today) = today("Asia/Shanghai");
    let two_days = (day_text(today - 1), day_text(today));
    assert_eq!(server.counted_on(&key, ACTIVE, two_days), 40);
}
