//! An erasure holds whatever becomes of the store: also where a backup comes back that was made before.

use std::fs;

use reportd_db::Tx;
use reportd_testbed::StoreKind;

use crate::export::lines;
use crate::harness::{Data, Http, Server, days_around_now};
use crate::viewer::{HEARTBEAT, Viewer, fresh};

fn viewer(data: &Data, mid: i64) -> Viewer {
    Viewer::create(|arguments| data.run(arguments), "site", mid)
}

/// Who is named in an export, report by report.
fn exported_mids(data: &Data) -> Vec<Option<i64>> {
    let (from, to) = days_around_now();
    let asked = ["export", "playback", "--app", "site", "--format", "ndjson"];
    let days = ["--from", &from, "--to", &to];
    let rows = lines(&data.run(&[&asked[..], &days].concat()));
    rows.iter().map(|row| row["mid"].as_i64()).collect()
}

/// Removes the store, and leaves what is kept beside it.
fn lose_store(data: &Data) {
    for entry in fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if !["erasures", "master.key"].contains(&name) {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn an_erasure_holds_in_a_backup_that_was_made_before() {
    let data = Data::empty(StoreKind::Embedded);
    data.run(&["app", "create", "site"]);
    let key = data.key("site", "admin");
    let server = data.serve();
    let [erased, other] = [7, 8].map(|mid| viewer(&data, mid));
    for viewer in [&erased, &other] {
        viewer.beat(&server, "aid=2&cid=62131&played_time=60&realtime=60");
        assert_eq!(viewer.history(&server), [2]);
    }
    let file = data.path().with_file_name("backup.tar.zst");
    data.run(&["backup", file.to_str().unwrap()]);
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let gone = Http::connect(server.address())
        .call("DELETE", "/api/apps/site/viewers/7", &headers, b"")
        .unwrap();
    assert_eq!(gone.status, 200, "{}", gone.text());
    server.stop();

    lose_store(&data);
    data.run(&["restore", file.to_str().unwrap()]);
    assert_eq!(exported_mids(&data), [None, Some(8)]);
    let server = data.serve();
    assert_eq!(erased.post(&server, HEARTBEAT, "aid=2"), -101);
    assert_eq!(viewer(&data, 7).history(&server), [0; 0]);
    assert_eq!(other.history(&server), [2]);
    // What was watched stays counted, and names nobody.
    let (from, to) = days_around_now();
    let path = format!("/api/apps/site/playback/videos?from={from}&to={to}");
    assert_eq!(fresh(&server, &path, &key)["videos"][0]["plays"], 2);
    server.stop();
    assert!(data.run(&["verify"]).contains("the views say the same"));
}

fn erase(server: &Server, key: &str, mid: i64) {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/api/apps/site/viewers/{mid}");
    let gone = Http::connect(server.address()).call("DELETE", &path, &headers, b"");
    assert_eq!(gone.unwrap().status, 200);
}

#[test]
fn a_restore_elsewhere_takes_the_erasures_along_or_says_that_it_has_none() {
    let data = Data::empty(StoreKind::Embedded);
    data.run(&["app", "create", "site"]);
    let key = data.key("site", "admin");
    let server = data.serve();
    viewer(&data, 7).beat(&server, "aid=2");
    let file = data.path().with_file_name("backup.tar.zst");
    let file = file.to_str().unwrap();
    data.run(&["backup", file]);
    erase(&server, &key, 7);
    server.stop();

    let without = Data::nowhere();
    let told = without.run(&["restore", file]);
    assert!(told.contains("--erasures FILE"), "{told}");
    assert_eq!(exported_mids(&without), [Some(7)]);
    let erasures = data.path().join("erasures");
    let given = Data::nowhere();
    let told = given.run(&["restore", file, "--erasures", erasures.to_str().unwrap()]);
    assert!(!told.contains("--erasures"), "{told}");
    assert_eq!(exported_mids(&given), [None]);
    // The next restore into that folder knows them too.
    lose_store(&given);
    given.run(&["restore", file]);
    assert_eq!(exported_mids(&given), [None]);
    // The folder that is configured has the file.
    let configured = Data::nowhere();
    let environment = [("REPORTD_DATA", data.path().display().to_string())];
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let told = configured.output_with(&["restore", file], &environment);
    assert!(
        told.status.success()
            && !String::from_utf8(told.stdout)
                .unwrap()
                .contains("--erasures")
    );
    assert_eq!(exported_mids(&configured), [None]);
    let never = Data::nowhere().output(&["restore", file, "--erasures", "never"]);
    assert!(!never.status.success());
}

#[test]
fn an_erasure_holds_where_postgres_comes_back_as_it_was_before() {
    let data = Data::empty(StoreKind::Postgres);
    data.run(&["app", "create", "site"]);
    let key = data.key("site", "admin");
    let server = data.serve();
    viewer(&data, 7).beat(&server, "aid=2");
    let state = data.database();
    let number = |tx: &mut Tx<'_>| tx.query_int("SELECT viewer FROM playback_viewer", &[]);
    let number = state.read(number).unwrap();
    erase(&server, &key, 7);
    server.stop();
    let restore = |tx: &mut Tx<'_>| {
        tx.execute("DELETE FROM playback_erasure", &[])?;
        let sql = "INSERT INTO playback_viewer (app, mid, viewer) SELECT no, 7, $1 FROM app";
        tx.execute(sql, &[number.into()])
    };
    state.write(restore).unwrap();
    assert_eq!(exported_mids(&data), [Some(7)]);
    let server = data.serve();
    assert_eq!(exported_mids(&data), [None]);
    server.stop();
}
