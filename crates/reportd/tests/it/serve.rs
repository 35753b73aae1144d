//! Starting, stopping, and what the commands say.

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::harness::{Data, Http, TOKEN, reportd, wait_until};
use crate::requests::{ACTIVE, active_message, active_messages};

#[rstest]
fn a_second_server_is_refused(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let second = data.output(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        told.contains("another reportd serves the data folder"),
        "{told}"
    );
    assert_eq!(server.report(&active_message("first", 1)).0, 200);
    server.kill();
    // The lock went with its process.
    assert_eq!(data.serve().report(&active_message("second", 1)).0, 200);
}

#[rstest]
fn a_stopping_server_answers_what_is_in_flight_and_exits_cleanly(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let key = data.key("k", "viewer");
    let server = data.serve();
    let address = server.address().to_owned();
    let sending = std::thread::spawn(move || {
        let mut http = Http::connect(&address);
        let sent = |number: usize, http: &mut Http| {
            http.report(
                TOKEN,
                active_messages(&number.to_string(), 1, 10).as_bytes(),
            )
            .is_ok_and(|reply| reply.status == 200)
        };
        (0..).take_while(|&number| sent(number, &mut http)).count()
    });
    wait_until("reports come in", || server.counted(&key, ACTIVE) > 100);
    let (code, took) = server.stop();
    assert_eq!(code, Some(0));
    assert!(took.as_secs() < 10, "{took:?}");
    let acknowledged = i64::try_from(sending.join().unwrap() * 10).unwrap();
    let counted = data.serve().counted(&key, ACTIVE);
    // The last request may have been stored and its answer lost when the connection ended.
    assert!(
        counted == acknowledged || counted == acknowledged + 10,
        "{counted} counted, {acknowledged} acknowledged"
    );
}

#[rstest]
fn health_metrics_and_status_tell_how_the_server_stands(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve();
    assert_eq!(server.report(&active_messages("n", 1, 4)).0, 200);
    assert_eq!(server.get("/healthz", "").text(), "ok\n");
    let ready = server.get("/readyz", "");
    assert_eq!(
        (ready.status, ready.json()["directory"].as_bool()),
        (200, Some(true))
    );
    let metrics = || server.get("/metrics", "").text();
    let has = |metrics: &str, line| metrics.lines().any(|known| known == line);
    // A report is acknowledged before it is folded.
    wait_until("the view is level, and that is told", || {
        has(&metrics(), "reportd_view_lag_ms{view=\"comm\"} 0")
    });
    let metrics = metrics();
    for line in [
        "reportd_comm_reports_total 4",
        "reportd_journal_commits_total 1",
    ] {
        assert!(has(&metrics, line), "{line} in {metrics}");
    }
    let status: serde_json::Value = serde_json::from_str(&data.run(&["status", "--json"])).unwrap();
    assert_eq!(
        (
            status["running"].as_bool(),
            status["journal_entries"].as_u64()
        ),
        (Some(true), Some(1))
    );
    server.stop();
    let status: serde_json::Value = serde_json::from_str(&data.run(&["status", "--json"])).unwrap();
    assert_eq!(
        (
            status["running"].as_bool(),
            status["views"][0]["entries_behind"].as_u64()
        ),
        (Some(false), Some(0))
    );
}

#[rstest]
fn commands_fail_with_a_cause_and_the_right_code(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    for (arguments, code, told) in [
        (
            &["app", "create", "bots"][..],
            1,
            "there is an app «bots» already",
        ),
        (
            &["app", "create", "no spaces"],
            1,
            "id: expected 1 to 64 characters",
        ),
        (
            &["app", "create", "x", "--zone", "Mars/Olympus"],
            1,
            "zone: «Mars/Olympus» is no time zone",
        ),
        (&["app", "show", "nobody"], 1, "there is no app «nobody»"),
        (
            &["app", "set", "bots", "comm.max_age=soon"],
            1,
            "comm.max_age: «soon» is no length of time",
        ),
        (
            &["app", "set", "bots", "colour=red"],
            1,
            "colour: there is no such setting",
        ),
        (
            &["app", "create", "y", "--comm-token", TOKEN],
            1,
            "comm_token: this token is in use",
        ),
        (
            &["key", "revoke", "nothing"],
            1,
            "there is no key «nothing»",
        ),
        (
            &["key", "create", "k", "--role", "king"],
            2,
            "«king» is no role",
        ),
        (&["frobnicate"], 2, "unrecognized subcommand"),
    ] {
        assert_fails(&data, arguments, code, told);
    }
}

#[test]
fn a_database_that_a_command_cannot_use_is_refused() {
    let data = Data::with_app(Embedded);
    for (arguments, told) in [
        (
            &["backup", "b", "--database-url", "postgres://x"][..],
            "with PostgreSQL use pg_dump",
        ),
        (
            &["serve", "--database-url", "mysql://x"],
            "database_url: expected postgres://…",
        ),
    ] {
        assert_fails(&data, arguments, 1, told);
    }
}

fn assert_fails(data: &Data, arguments: &[&str], code: i32, told: &str) {
    let output = data.output(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert!(error.contains(told), "{arguments:?}: {error}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

#[test]
fn a_mistyped_folder_does_not_become_a_store() {
    // With PostgreSQL a store is where its URL says, whatever the folder.
    let data = Data::with_app(Embedded);
    let missing = data.path().with_file_name("dta");
    for arguments in [
        &["app", "list"][..],
        &["app", "show", "bots"],
        &["app", "set", "bots", "name=x"],
        &["app", "rotate", "bots"],
        &["app", "disable", "bots"],
        &["key", "list"],
        &["key", "create", "k", "--role", "viewer"],
        &["status"],
    ] {
        let output = reportd()
            .args(arguments)
            .arg("--data")
            .arg(&missing)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(
            error.contains("there is no reportd store in"),
            "{arguments:?}: {error}"
        );
        assert!(!missing.exists(), "{arguments:?}");
    }
}

#[rstest]
fn a_reader_that_goes_away_ends_a_command_quietly(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    for arguments in [&["app", "list"][..], &["config"], &["status", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = data.command(arguments).stdout(writer).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), error.as_str()),
            (Some(141), ""),
            "{arguments:?}"
        );
    }
}

#[rstest]
fn a_wrong_method_or_path_is_a_problem_that_says_so(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    for (method, path, status, allow) in [
        (
            "DELETE",
            "/api/apps/bots/comm/series",
            405,
            Some("GET,HEAD"),
        ),
        ("POST", "/metrics", 405, Some("GET,HEAD")),
        ("GET", "/api/nothing", 404, None),
    ] {
        let reply = Http::connect(server.address())
            .call(method, path, &[], b"")
            .unwrap();
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("allow"), allow, "{path}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
        assert_eq!(
            reply.json()["request_id"].as_str(),
            reply.header("x-request-id"),
            "{path}"
        );
    }
}

#[rstest]
fn the_api_shows_itself_without_a_key_and_without_a_network(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve_with(&[("REPORTD_COMM_ENABLED", "false")]);
    let get = |path: &str| {
        Http::connect(server.address())
            .call("GET", path, &[], b"")
            .unwrap()
    };
    let document = get("/api/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/api/apps/{app}/comm/series"));
    assert!(!paths.contains_key("/api/v1/CommReport"), "it is off");
    let page = get("/api/docs");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"));
    let (page, mut files) = (page.text(), 0);
    for named in page.split("=\"docs/").skip(1) {
        let file = named.split('"').next().unwrap();
        assert_eq!(get(&format!("/api/docs/{file}")).status, 200, "{file}");
        files += 1;
    }
    assert!(files == 3 && !page.contains("//"), "{page}");
    assert_eq!(get("/api/docs/none.js").status, 404);
}

#[rstest]
fn lines_of_a_request_carry_its_id_and_no_path(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve_with(&[("REPORTD_LOG_LEVEL", "debug")]);
    let reply = server.get("/api/apps/hidden/comm/series", "no-key");
    let id = reply.header("x-request-id").unwrap();
    server.get("/hidden", "");
    wait_until("the lines are logged", || {
        server.log().matches("\"answered\"").count() >= 2
    });
    let log = server.log();
    let line = log.lines().find(|line| line.contains(id)).unwrap();
    assert!(line.contains("/api/apps/{app}/comm/series"), "{line}");
    assert!(!log.contains("hidden"), "{log}");
}

#[rstest]
fn config_shows_each_setting_with_its_origin(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let mut command = data.command(&["config"]);
    command.env("REPORTD_JOURNAL_LINGER_MS", "9");
    let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let line = |name: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        line("journal.linger_ms"),
        ["journal.linger_ms", "9", "REPORTD_JOURNAL_LINGER_MS"]
    );
    assert_eq!(line("comm.enabled"), ["comm.enabled", "true", "default"]);
    assert_eq!(line("data").last(), Some(&"--data"));
}

#[rstest]
fn a_typed_client_reports_and_reads_refusals(#[values(Embedded, Postgres)] kind: StoreKind) {
    use reportd_client::protocol::comm::{OutgoingItem, OutgoingReport};
    let data = Data::with_app(kind);
    let server = data.serve();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = reportd_client::CommClient::new(&server.url(), TOKEN).unwrap();
    let now = crate::harness::now_seconds();
    let good = OutgoingReport::new(now, "1").item(OutgoingItem::active_message(7, "42", "UP"));
    let bad = OutgoingReport::new(now, "2").item(OutgoingItem::new(7));
    runtime.block_on(async {
        client.send(&good).await.unwrap();
        let refused = client.send(&bad).await.unwrap_err().to_string();
        assert!(refused.contains("40005"), "{refused}");
    });
    assert_eq!(server.counted(&data.key("k", "viewer"), ACTIVE), 1);
}
