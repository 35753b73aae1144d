//! An embedded store comes whole to PostgreSQL, however often the way is interrupted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reportd_db::Database;
use reportd_db::sqlite::files;
use reportd_platform::clock::{Clock, DAY_MS, SystemClock};
use reportd_platform::zones::day_text;
use serde_json::{Value, json};

use reportd_testbed::StoreKind;

use crate::aged::spread_over_days;
use crate::harness::{self, Data, Http, Server, TOKEN, now_seconds, signal, wait_until};
use crate::requests::{ACTIVE, active_message, active_messages};

const CENSUS: i64 = 1_502_007_320_601;
const DAYS: i64 = 4;
/// Requests of active messages.
const REQUESTS: usize = 400;
const ITEMS: usize = 8;

/// A store with some thousand reports of several days, repeats, a census and rejections.
fn store_of_days() -> (Data, String) {
    let data = Data::with_app(StoreKind::Embedded);
    let key = data.key("k", "admin");
    data.run(&["app", "set", "bots", "comm.rate_limit=600000"]);
    let server = data.serve();
    let mut http = Http::connect(server.address());
    let mut report = |body: String| http.report(TOKEN, body.as_bytes()).unwrap().status;
    for number in 0..REQUESTS {
        let gid = i64::try_from(number % 7).unwrap();
        let body = active_messages(&number.to_string(), gid, ITEMS);
        assert_eq!(report(body.clone()), 200);
        if number % 10 == 0 {
            assert_eq!(report(body), 200, "a repeat");
            let groups = (0..3)
                .map(|group| json!({"oper_id": CENSUS, "gid": group, "ext1": number.to_string()}));
            let groups: Vec<_> = groups.collect();
            let census = json!({"ts": now_seconds(), "nonce": "c", "data_list": groups});
            assert_eq!(report(census.to_string()), 200);
            let unknown = json!({"ts": now_seconds(), "nonce": number.to_string(), "data_list": [{"oper_id": 99}]});
            assert_eq!(report(unknown.to_string()), 400);
        }
    }
    server.stop();
    spread_over_days(&data, DAYS);
    // A read waits until all is folded.
    let server = data.serve();
    server.counted(&key, ACTIVE);
    server.stop();
    (data, key)
}

/// Lets a server drop all days but the last two.
fn drop_old_days(data: &Data) {
    let server = data.serve_with(&[("REPORTD_RETENTION_REPORTS", "1d")]);
    let days = || harness::files(&data.path().join("journal"));
    let is_day = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "db");
    wait_until("two days are left", || {
        days().iter().filter(|path| is_day(path)).count() == 2
    });
    server.stop();
}

/// All that the API tells of the days of the store.
fn told(server: &Server, key: &str) -> Vec<Value> {
    let today = SystemClock::start().now_ms().div_euclid(DAY_MS);
    let (from, to) = (day_text(today - DAYS - 1), day_text(today + 1));
    let days = format!("from={from}&to={to}");
    let mut paths: Vec<String> = ["gid", "target_id", "ext2"]
        .map(|by| format!("series?oper_id={ACTIVE}&{days}&by={by}"))
        .into();
    paths.push(format!("series?oper_id={CENSUS}&{days}"));
    paths.push(format!("messages?{days}"));
    paths.push("operations".to_owned());
    paths.push("rejections?limit=100".to_owned());
    paths.extend((today - DAYS..=today + 1).map(|day| format!("census/{}", day_text(day))));
    let mut told: Vec<Value> = paths.iter().map(|path| get(server, path, key)).collect();
    let mut cursor = String::new();
    loop {
        let page = get(server, &format!("reports?{days}&limit=1000{cursor}"), key);
        told.push(page["reports"].clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return told,
        }
    }
}

fn get(server: &Server, path: &str, key: &str) -> Value {
    let reply = server.get(&format!("/api/apps/bots/comm/{path}"), key);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

/// What the embedded store says of itself.
fn figures(data: &Data, key: &str) -> Vec<Value> {
    let server = data.serve();
    let told = told(&server, key);
    server.stop();
    let total = &told[0]["total"];
    assert_eq!(total.as_u64(), Some((REQUESTS * ITEMS) as u64));
    told
}

/// The contents of the files that are the truth of a store, however SQLite lays them out.
fn contents(data: &Data) -> Vec<(PathBuf, Vec<String>)> {
    let paths = harness::files(&data.path()).into_iter();
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
        .collect();
    paths.sort();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let rows = |path: &Path| {
        let names = files::query(path, tables, &[]).unwrap();
        let names = names.into_iter().map(|mut row| row.take_text(0).unwrap());
        let rows = names
            .flat_map(|name| files::query(path, &format!("SELECT * FROM {name}"), &[]).unwrap());
        rows.map(|row| format!("{row:?}")).collect()
    };
    paths
        .into_iter()
        .map(|path| (path.clone(), rows(&path)))
        .collect()
}

fn migrate(data: &Data, target: &Data) -> (Option<i32>, String, String) {
    let told = data.output(&["migrate", "--to", target.database_url().unwrap()]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (told.status.code(), text(told.stdout), text(told.stderr))
}

/// A migration in the background.
fn spawn_migration(data: &Data, target: &Data) -> Child {
    let mut command: Command = harness::reportd();
    command.args(["migrate", "--to", target.database_url().unwrap(), "--data"]);
    command.arg(data.path());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What is done to a migration that runs.
type Hurt = fn(&Child, &Database);

/// Ends all connections to the database, as it does when it goes down.
fn cut_connections(database: &Database) {
    let cut = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.read(|tx| tx.query_int(cut, &[])).unwrap();
}

/// True where the database belongs to a source.
fn has_begun(database: &Database) -> bool {
    let steps = "SELECT COUNT(*) FROM migration_step";
    // Before the first try has made the table, it cannot be asked.
    database
        .read(|tx| tx.query_int(steps, &[]))
        .is_ok_and(|steps| steps > 0)
}

/// The target with the key of the source.
fn take_key(data: &Data, target: &Data) {
    fs::create_dir_all(target.path()).unwrap();
    fs::copy(
        data.path().join("master.key"),
        target.path().join("master.key"),
    )
    .unwrap();
}

#[test]
fn a_store_comes_whole_and_goes_on() {
    for with_base in [false, true] {
        let ((data, key), target) = (store_of_days(), Data::empty(StoreKind::Postgres));
        if with_base {
            drop_old_days(&data);
        }
        let (before, stored) = (figures(&data, &key), contents(&data));
        let (code, stdout, stderr) = migrate(&data, &target);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(
            stdout.contains("the views say the same") && stdout.contains("master.key"),
            "{stdout}"
        );
        assert_eq!(contents(&data), stored, "the embedded store is as it was");
        let verified = target.run(&["verify"]);
        assert_eq!(verified.contains("dropped up to"), with_base, "{verified}");

        take_key(&data, &target);
        let server = target.serve();
        assert_eq!(told(&server, &key), before);
        assert_eq!(server.report(&active_message("after", 1)).0, 200);
        let mut again = server.report(&active_message("after", 1)).1;
        assert_eq!(again["ret"].take(), json!(0));
        assert!(told(&server, &key) != before);
        server.stop();
        assert!(target.run(&["verify"]).contains("the views say the same"));
        let streams = "SELECT COUNT(*) FROM journal_stream";
        let streams = target.database().read(|tx| tx.query_int(streams, &[]));
        assert_eq!(streams, Ok(1), "it goes on with stream 1");

        let (code, stdout, _) = migrate(&data, &target);
        assert!(
            code == Some(0) && stdout.contains("there already"),
            "{stdout}"
        );
        let server = data.serve();
        assert_eq!(told(&server, &key), before, "one can go back");
        server.report(&active_message("elsewhere", 1));
        server.stop();
        let (code, _, stderr) = migrate(&data, &target);
        assert!(
            code == Some(1) && stderr.contains("has taken reports since"),
            "{stderr}"
        );
    }
}

#[test]
fn a_migration_that_is_killed_at_any_point_goes_on() {
    let (data, key) = store_of_days();
    let before = figures(&data, &key);
    let ways: [(&str, u64, Hurt); 3] = [
        ("killed", 12, |running, _| signal(running.id(), "KILL")),
        ("interrupted", 20, |running, _| signal(running.id(), "INT")),
        ("cut off", 20, |_, database| cut_connections(database)),
    ];
    for (name, step_ms, hurt) in ways {
        let target = Data::empty(StoreKind::Postgres);
        let mut after = Duration::ZERO;
        let database = target.database();
        assert!(!has_begun(&database), "and it is connected");
        let (mut interrupted, mut refused) = (0, false);
        loop {
            after += Duration::from_millis(step_ms);
            let mut running = spawn_migration(&data, &target);
            std::thread::sleep(after);
            while running.try_wait().unwrap().is_none() {
                hurt(&running, &database);
                std::thread::sleep(Duration::from_millis(2));
            }
            let told = running.wait_with_output().unwrap();
            if told.status.success() {
                break;
            }
            let stderr = String::from_utf8_lossy(&told.stderr).into_owned();
            assert!(told.status.code().is_none_or(|code| code == 1), "{stderr}");
            interrupted += 1;
            if !refused && has_begun(&database) {
                refused = true;
                // No server takes for a store what is there by now.
                let told = target.output(&["status"]);
                let stderr = String::from_utf8_lossy(&told.stderr).into_owned();
                assert!(stderr.contains("run reportd migrate again"), "{stderr}");
            }
        }
        assert!(refused);
        println!("{name} {interrupted} times");
        assert!(target.run(&["verify"]).contains("the views say the same"));
        take_key(&data, &target);
        let server = target.serve();
        assert_eq!(told(&server, &key), before);
    }
    assert_eq!(figures(&data, &key), before);
}

#[test]
fn a_database_that_is_not_its_own_is_refused() {
    let (data, target) = (
        Data::with_app(StoreKind::Embedded),
        Data::empty(StoreKind::Postgres),
    );
    let refused = |data: &Data, target: &Data, because: &str| {
        let (code, _, stderr) = migrate(data, target);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(because), "{stderr}");
    };
    let server = data.serve();
    refused(&data, &target, "another reportd serves the data folder");
    server.report(&active_message("n", 1));
    server.stop();
    assert_eq!(migrate(&data, &target).0, Some(0));
    let other = Data::with_app(StoreKind::Embedded);
    refused(&other, &target, "another embedded store was brought");

    let own = Data::empty(StoreKind::Postgres);
    own.run(&["app", "create", "theirs"]);
    refused(&data, &own, "holds a reportd store already");
    assert!(own.run(&["app", "list"]).contains("theirs"));
    let served = Data::empty(StoreKind::Postgres);
    served.serve().stop();
    refused(&data, &served, "holds a reportd store already");

    refused(&Data::nowhere(), &target, "there is no reportd store");
    let told = data.output(&["migrate", "--to", "mysql://h/d"]);
    assert_eq!(told.status.code(), Some(1));
    let told = data.output(&["migrate", "--to", "postgres://u:hush@127.0.0.1:1/d"]);
    let stderr = String::from_utf8(told.stderr).unwrap();
    assert!(
        told.status.code() == Some(1) && !stderr.contains("hush"),
        "{stderr}"
    );
}

#[test]
fn views_that_were_not_folded_or_are_gone_are_folded_there() {
    let ((data, key), target) = (store_of_days(), Data::empty(StoreKind::Postgres));
    drop_old_days(&data);
    let before = figures(&data, &key);
    for file in harness::files(&data.path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name.starts_with("views.") {
            fs::remove_file(&file).unwrap();
        }
    }
    let (code, stdout, stderr) = migrate(&data, &target);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    take_key(&data, &target);
    assert_eq!(told(&target.serve(), &key), before);
}
