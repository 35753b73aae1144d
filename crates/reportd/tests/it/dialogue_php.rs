//! PHP as the proof: requests that PHP's own functions built are taken, and callbacks say to PHP what was judged.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use reportd_client::protocol::dialogue::AesMode;
use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::StoreKind::Embedded;
use serde_json::{Value, json};

use crate::harness::{Data, Http, Server, wait_until};
use crate::receiver::{Arrival, Manner, Receiver};
use crate::reporter::{Moderator, post_form};

const FIXED_IV: &str = "000102030405060708090a0b0c0d0e0f";
const LONG_KEY: &str = "0123456789abcdefFEDCBA9876543210zyxwvu";

/// An app with a cipher, and how PHP is told of it.
struct Case {
    app: String,
    secret: String,
    php: Value,
    has_list: bool,
}

/// Every mode with every iv, with a key as long as it should be and one that PHP fills up or cuts, with both paddings.
fn cases(data: &Data) -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in AesMode::ALL {
        let ivs = ["prepended", "zero", "key", FIXED_IV];
        for iv in ivs.into_iter().take(if mode.is_ecb() { 1 } else { 4 }) {
            for key_bytes in [mode.key_bytes(), 10, LONG_KEY.len()] {
                cases.push(case(data, cases.len(), (mode, iv), &LONG_KEY[..key_bytes]));
            }
        }
    }
    cases
}

fn case(data: &Data, number: usize, (mode, iv): (AesMode, &str), key: &str) -> Case {
    let app = format!("php{number}");
    let mut create = vec!["app", "create", &app, "--aes-key", key, "--json"];
    create.extend(["--aes-mode", mode.name(), "--aes-iv", iv]);
    let told: Value = serde_json::from_str(&data.run(&create)).unwrap();
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let has_list = number % 4 == 1;
    let php = json!({
        "app": app, "mode": mode.name(), "iv": iv, "key": hex, "zero_padding": number % 2 == 1,
        "twice": number % 3 == 1, "raw": number % 3 == 2, "lists": has_list,
    });
    Case {
        secret: told["callback_secret"].as_str().unwrap().to_owned(),
        app,
        php,
        has_list,
    }
}

/// Runs a script with a line for each case; what it writes, a line each.
fn php(script: &str, lines: &[Value]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/php")
        .join(script);
    let mut command = Command::new("php");
    let command = command
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut running = command
        .spawn()
        .expect("this test needs PHP: run `cargo xtask test`, which installs it, or apt-get install php-cli");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut stdin = running.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let told = running.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(
        told.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&told.stdout)
    );
    let text = String::from_utf8(told.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Files the report of each case as PHP wrote it; the tickets.
fn file_by_php(server: &Server, cases: &[Case], redirect: &str) -> Vec<String> {
    let now_ms = SystemClock::start().now_ms();
    let asked: Vec<_> = (cases.iter().enumerate())
        .map(|(number, case)| {
            let mut asked = case.php.clone();
            // PHP's time is in seconds.
            asked["timestamp"] = json!(now_ms / 1000);
            asked["report_id"] = json!(format!("report-{number}"));
            asked["redirect"] = json!(redirect);
            asked
        })
        .collect();
    let mut http = Http::connect(server.address());
    let bodies = php("report.php", &asked);
    assert_eq!(bodies.len(), cases.len());
    let file = |(case, body): (&Case, String)| {
        let told = post_form(&mut http, body.as_bytes()).unwrap();
        assert_eq!(told["ec"], 0, "{}: {told}", case.php);
        told["data"]["ticket_id"].as_str().unwrap().to_owned()
    };
    cases.iter().zip(bodies).map(file).collect()
}

/// The callback of each ticket, in their order.
fn callbacks(receiver: &Receiver, cases: &[Case]) -> Vec<Arrival> {
    wait_until("all callbacks are here", || receiver.count() >= cases.len());
    let mut callbacks = receiver.arrivals();
    let place = |arrival: &Arrival| {
        let body = String::from_utf8_lossy(&arrival.body).into_owned();
        cases
            .iter()
            .position(|case| body.contains(&format!("appid={}&", case.app)))
    };
    callbacks.sort_by_key(place);
    callbacks
}

#[test]
fn php_files_reports_and_reads_verdicts_in_each_mode() {
    let data = Data::empty(Embedded);
    let cases = cases(&data);
    let admin = data.key("admin", "admin");
    let server = data.serve();
    let receiver = Receiver::start(Manner::Takes);
    let mut moderator = Moderator::new(&server, &admin, "审核员 1");
    for case in &cases {
        let settings = json!({
            "php_key": true, "zero_padding": case.php["zero_padding"], "allow_private_callbacks": true, "undo_seconds": 0,
        });
        moderator.set_of(&case.app, &settings);
    }
    let tickets = file_by_php(&server, &cases, &receiver.url());
    for (ticket, case) in tickets.iter().zip(&cases) {
        let user = if case.has_list { "1" } else { "id_2" };
        let verdict = json!({"dialogue_result": "ad", "user_result": {user: "porn"}});
        let path = format!("/api/tickets/{ticket}/verdict");
        let reply = moderator.call("POST", &path, &verdict.to_string()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let callbacks = callbacks(&receiver, &cases);
    let asked: Vec<_> = (cases.iter().zip(&callbacks))
        .map(|(case, callback)| {
            let mut asked = case.php.clone();
            asked["callback_secret"] = json!(case.secret);
            asked["body"] = json!(String::from_utf8_lossy(&callback.body));
            for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
                asked[name.replace('-', "_")] = json!(callback.header(name));
            }
            asked
        })
        .collect();
    let told = php("callback.php", &asked);
    assert_eq!(told.len(), cases.len());
    for (number, ((case, ticket), told)) in cases.iter().zip(&tickets).zip(told).enumerate() {
        let users = if case.has_list {
            json!({"0": "normal", "1": "porn"})
        } else {
            json!({"id_1": "normal", "id_2": "porn"})
        };
        let verdict = json!({
            "ticket_id": ticket, "category": "场景/1", "appid": case.app, "uniqid": format!("案-report-{number}"),
            "result": {"dialogue_result": "ad", "user_result": users}, "auditor": "审核员 1",
        });
        let expected = json!({
            "appid": case.app, "is_signed": true, "has_map": true, "verdict": verdict,
        });
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told, expected, "{}", case.php);
    }
}
