//! People of the console: made, let in and shut out while the server runs.

use std::io::Write;
use std::process::{Output, Stdio};
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::Value;

use crate::harness::{Data, Http, Reply, Server};

pub(crate) const PASSWORD: &str = "correct horse";

impl Data {
    /// Runs a command that reads a line.
    fn output_of_line(&self, arguments: &[&str], line: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may end without having read anything.
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// Makes a person.
    pub(crate) fn person(&self, name: &str, role: &str) {
        let arguments = ["user", "create", name, "--role", role];
        let output = self.output_of_line(&arguments, PASSWORD);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
    }
}

fn log_in(server: &Server, name: &str, password: &str) -> Reply {
    let body = format!("name={name}&password={}", password.replace(' ', "+"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    Http::connect(server.address())
        .call("POST", "/console/login", &form, body.as_bytes())
        .unwrap()
}

/// The cookie of a login that has succeeded.
fn cookie(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text());
    let cookie = reply.header("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn page(server: &Server, path: &str, cookie: &str) -> Reply {
    Http::connect(server.address())
        .call("GET", path, &[("cookie", cookie)], b"")
        .unwrap()
}

/// Waits until it is so, a second at most: longer is a failure of the promise.
fn within_a_second(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !holds() {
        let waited = clock.monotonic();
        assert!(
            waited < Duration::from_secs(1),
            "not within a second: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[rstest]
fn a_person_comes_in_at_once_and_is_refused_within_a_second(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    data.person("root", "admin");
    let server = data.serve();
    data.person("mei", "viewer");
    let session = cookie(&log_in(&server, "mei", PASSWORD));
    let is_in = |session: &str| page(&server, "/console/password", session).status == 200;
    assert!(is_in(&session));
    data.run(&["user", "disable", "mei"]);
    within_a_second("the disabled person is refused", || !is_in(&session));
    assert_eq!(log_in(&server, "mei", PASSWORD).status, 401);
    data.run(&["user", "enable", "mei"]);
    assert!(!is_in(&session), "the session has ended");
    let session = cookie(&log_in(&server, "mei", PASSWORD));
    let output = data.output_of_line(&["user", "passwd", "mei"], "battery staple");
    assert!(output.status.success());
    within_a_second("the session of the old password is refused", || {
        !is_in(&session)
    });
    assert_eq!(log_in(&server, "mei", PASSWORD).status, 401);
    assert!(is_in(&cookie(&log_in(&server, "mei", "battery staple"))));
    let log = server.log();
    for secret in [PASSWORD, "battery", "argon2", session.as_str()] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn a_login_on_one_node_holds_on_another() {
    let data = Data::with_app(Postgres);
    data.person("root", "admin");
    let one = data.serve();
    let folder = tempfile::tempdir().unwrap();
    let other = data.serve_beside(folder.path());
    let session = cookie(&log_in(&one, "root", PASSWORD));
    assert_eq!(page(&other, "/console/password", &session).status, 200);
    let html = page(&one, "/console/password", &session).text();
    let csrf = html.split_once(r#"name="csrf" value=""#).unwrap().1;
    let csrf = csrf.split('"').next().unwrap();
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("cookie", session.as_str()),
    ];
    let left = Http::connect(one.address())
        .call(
            "POST",
            "/console/logout",
            &form,
            format!("csrf={csrf}").as_bytes(),
        )
        .unwrap();
    assert_eq!(left.status, 303);
    within_a_second("who has logged out is out everywhere", || {
        page(&other, "/console/password", &session).status == 303
    });
}

#[rstest]
fn commands_on_people_say_what_is_wrong(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    data.person("root", "admin");
    let refused = |arguments: &[&str], line: &str| {
        let output = data.output_of_line(arguments, line);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let create = |name: &'static str, rest: &[&'static str]| {
        [&["user", "create", name, "--role"], rest].concat()
    };
    for (arguments, line, cause) in [
        (create("a", &["viewer"]), "short", "10 to 200 characters"),
        (create("a", &["viewer"]), "", "expected the password"),
        (
            create("a", &["ingest"]),
            PASSWORD,
            "ingest is for keys alone",
        ),
        (create("a", &["king"]), PASSWORD, "is no role"),
        (create("root", &["lead"]), PASSWORD, "a person «root»"),
        (
            create("a", &["viewer", "--app", "nowhere"]),
            PASSWORD,
            "no app «nowhere»",
        ),
        (
            create("a", &["lead", "--app", "bots", "--category", "c"]),
            PASSWORD,
            "only role moderator",
        ),
        (
            vec!["user", "passwd", "nobody"],
            PASSWORD,
            "no person «nobody»",
        ),
        (
            vec!["user", "disable", "root"],
            "",
            "the last person of role admin",
        ),
    ] {
        let told = refused(&arguments, line);
        assert!(told.contains(cause), "{arguments:?}: {told}");
    }
    data.output_of_line(
        &create("mod", &["moderator", "--app", "bots", "--category", "c"]),
        PASSWORD,
    );
    let told: Value = serde_json::from_str(&data.run(&["user", "list", "--json"])).unwrap();
    let users = told["users"].as_array().unwrap();
    let named: Vec<_> = users.iter().map(|user| &user["name"]).collect();
    assert_eq!(named, ["mod", "root"]);
    assert_eq!(users[0]["app_ids"], serde_json::json!(["bots"]));
    assert!(data.run(&["user", "list"]).contains("moderator"));
}

#[rstest]
fn the_first_start_makes_somebody_who_may_do_everything(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::empty(kind);
    let server = data.serve();
    let told = server.told();
    let line = |name: &str| {
        let found = told.iter().find_map(|line| line.strip_prefix(name));
        found.unwrap().to_owned()
    };
    assert_eq!(line("console: "), format!("{}/console", server.url()));
    let (user, password) = (line("user: "), line("password: "));
    let first = log_in(&server, &user, &password);
    assert_eq!(first.status, 200, "the page where the password is changed");
    assert!(first.text().contains("/console/password"));
    assert!(!server.log().contains(&password));
    server.stop();
    let again = data.serve();
    assert!(
        !again.told().iter().any(|line| line.contains("password")),
        "it is told once"
    );
}

#[test]
fn without_the_console_there_is_no_page_and_no_person() {
    let data = Data::empty(Embedded);
    let server = data.serve_with(&[("REPORTD_CONSOLE_ENABLED", "false")]);
    assert!(server.told().is_empty());
    assert_eq!(page(&server, "/console/login", "").status, 404);
}

#[test]
fn the_console_and_the_api_may_have_a_listener_of_their_own() {
    let data = Data::with_app(Embedded);
    data.person("root", "admin");
    let key = data.key("k", "admin");
    let server = data.serve_with(&[("REPORTD_SERVER_ADMIN_LISTEN", "127.0.0.1:0")]);
    let told = server.told().concat();
    let inner = told.rsplit_once("http://").unwrap().1.to_owned();
    let bearer = format!("Bearer {key}");
    let status = |address: &str, path: &str| {
        Http::connect(address)
            .call("GET", path, &[("authorization", &bearer)], b"")
            .unwrap()
            .status
    };
    for path in [
        "/console/login",
        "/api/apps/bots/comm/operations",
        "/api/openapi.json",
        "/metrics",
    ] {
        let of_both = (status(server.address(), path), status(&inner, path));
        assert_eq!(of_both, (404, 200), "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        let of_both = (status(server.address(), path), status(&inner, path));
        assert_eq!(of_both, (200, 200), "{path}");
    }
    let report = crate::requests::active_message("n", 1);
    assert_eq!(server.report(&report).0, 200);
    let elsewhere = Http::connect(&inner).report(crate::harness::TOKEN, report.as_bytes());
    assert_eq!(elsewhere.unwrap().status, 404);
    assert_eq!(server.stop().0, Some(0));
}
