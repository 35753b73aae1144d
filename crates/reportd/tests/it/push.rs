//! Push reports on the real binary: nothing is lost or counted twice by `kill -9` or a second node, and `verify` finds what
//! was changed behind the server's back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reportd_client::protocol::push::{Receipt, auth_request};
use reportd_db::{Database, sqlite};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::harness::{DEADLINE, Data, Http, Numbers, Server, wait_until};

const APP: &str = "shop";
const APPKEY: &str = "key-of-the-shop";
const MASTER_SECRET: &str = "secret-of-the-shop";
const CREATE: [&str; 7] = [
    "app",
    "create",
    APP,
    "--appkey",
    APPKEY,
    "--master-secret",
    MASTER_SECRET,
];
const EVENTS: &str = "/api/apps/shop/push/events";
const RECEIPTS: &str = "/api/apps/shop/push/receipts";
const TASKS: usize = 3;
/// Devices that a request of events tells of.
const DEVICES: usize = 5;
const SENDERS: usize = 4;

/// A store with the app, and a key that may feed it.
fn with_app(kind: StoreKind) -> (Data, String) {
    let data = Data::empty(kind);
    data.run(&CREATE);
    let key = data.key("gateway", "ingest");
    (data, key)
}

/// A token for the reports.
fn token(server: &Server) -> String {
    let body = auth_request(APPKEY, MASTER_SECRET, SystemClock::start().now_ms());
    let reply = Http::connect(server.address())
        .call("POST", "/v2/shop/auth", &[], &body)
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"]["token"].as_str().unwrap().to_owned()
}

/// The data of a report with all that was acknowledged.
fn report(server: &Server, token: &str, path: &str) -> Value {
    let path = format!("/v2/shop/report/{path}");
    let mut data = Value::Null;
    wait_until("the read is fresh", || {
        let reply = Http::connect(server.address())
            .call("GET", &path, &[("token", token)], b"")
            .unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        data = reply.json()["data"].clone();
        reply.header("reportd-lag-ms").is_none()
    });
    data
}

fn feed(http: &mut Http, path: &str, key: &str, body: &str) -> std::io::Result<u16> {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str())];
    let reply = http.call("POST", path, &headers, body.as_bytes())?;
    Ok(reply.status)
}

/// A request: some devices of a task were sent to, and the first of them has clicked.
fn pushed(label: &str, number: usize) -> String {
    let task = format!("RASL_{}", number % TASKS);
    let at = SystemClock::start().now_ms();
    let cid = |device: usize| format!("{label}-{number}-{device}");
    let cids: Vec<_> = (0..DEVICES).map(cid).collect();
    let sent = json!({"type": "sent", "taskid": task, "cids": cids, "channel": "gt", "at": at});
    let clicked =
        json!({"type": "clicked", "taskid": task, "cid": cid(0), "channel": "gt", "at": at});
    format!("{sent}\n{clicked}")
}

/// Requests that were acknowledged, and those that got no answer.
type Sent = (Vec<String>, Vec<String>);

/// Feeds until the server is gone; `begun` counts what was acknowledged.
fn feed_until_it_dies(address: &str, key: &str, label: &str, begun: &AtomicUsize) -> Sent {
    let (mut acknowledged, mut http) = (Vec::new(), Http::connect(address));
    for number in 0.. {
        let body = pushed(label, number);
        match feed(&mut http, EVENTS, key, &body) {
            Ok(200) => {
                acknowledged.push(body);
                begun.fetch_add(1, Ordering::Relaxed);
            }
            _ => return (acknowledged, vec![body]),
        }
    }
    unreachable!("a server that is killed stops answering")
}

/// One life of the server, which ends by `kill -9` under load after so many requests.
fn live_and_die(server: Server, key: &str, round: usize, requests: usize) -> Sent {
    let (address, begun) = (server.address().to_owned(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (address, begun) = (&address, &begun);
        let sender = |number| {
            let label = format!("{round}-{number}");
            scope.spawn(move || feed_until_it_dies(address, key, &label, begun))
        };
        let senders: Vec<_> = (0..SENDERS).map(sender).collect();
        wait_until("requests are acknowledged", || {
            begun.load(Ordering::Relaxed) >= requests
        });
        server.kill();
        let sent = senders.into_iter().map(|sender| sender.join().unwrap());
        sent.fold(Sent::default(), |mut all, one| {
            all.0.extend(one.0);
            all.1.extend(one.1);
            all
        })
    })
}

/// The sum of a counter over all tasks.
fn sum(server: &Server, token: &str, counter: &str) -> i64 {
    let ids: Vec<_> = (0..TASKS).map(|task| format!("RASL_{task}")).collect();
    let data = report(server, token, &format!("push/task/{}", ids.join(",")));
    let tasks = data.as_object().unwrap().values();
    let counts = tasks.map(|task| {
        // One channel alone: its counters are those of the total.
        assert_eq!(task["total"][counter], task["gt"][counter], "{task}");
        task["total"][counter].as_i64().unwrap()
    });
    counts.sum()
}

#[rstest]
fn events_survive_kill_9_and_count_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    const ROUNDS: usize = 6;
    let (data, key) = with_app(kind);
    let (mut numbers, mut requests, mut unanswered) = (Numbers(20_261_123), 0, 0);
    let mut kept_token = None;
    for round in 0..ROUNDS {
        let most = 1 + numbers.below(300);
        let sent = live_and_die(data.serve(), &key, round, most);
        let server = data.serve();
        // What got no answer is sent again, and some of what was acknowledged too.
        let mut http = Http::connect(server.address());
        for body in sent.1.iter().chain(sent.0.iter().rev().take(20)) {
            assert_eq!(feed(&mut http, EVENTS, &key, body).unwrap(), 200);
        }
        requests += sent.0.len() + sent.1.len();
        unanswered += sent.1.len();
        let token = kept_token.get_or_insert_with(|| token(&server));
        let counted = ["target_num", "click_num"].map(|counter| sum(&server, token, counter));
        let expected = [requests * DEVICES, requests].map(|count| i64::try_from(count).unwrap());
        assert_eq!(counted, expected, "round {round}");
        server.kill();
    }
    assert!(data.run(&["verify"]).contains("the views say the same"));
    println!("{requests} requests over {ROUNDS} lives, {unanswered} of them without an answer");
}

const REQUESTS: usize = 120;
/// Devices of a request of receipts, and how far the devices of two that follow each other in a task are apart.
const TOLD: usize = 20;
const APART: usize = 15;

/// Requests of receipts: each device has received, seen and done something, and a quarter of them stand in two requests.
fn receipts() -> Vec<String> {
    let at_ms = SystemClock::start().now_ms();
    let request = |number: usize| {
        let mut lines = Vec::new();
        for (device, action) in
            (0..3 * TOLD).map(|line| (line % TOLD, ["0", "10000", "90001"][line / TOLD]))
        {
            let receipt = Receipt {
                cid: format!("c{}", number / TASKS * APART + device).into(),
                task_id: format!("RASL_{}", number % TASKS).into(),
                msg_id: format!("m{number}").into(),
                code: 200,
                desc: "".into(),
                action_id: action.into(),
                at_ms,
                channel: None,
            };
            receipt.write(APP, MASTER_SECRET, &mut lines);
            lines.push(b'\n');
        }
        String::from_utf8(lines).unwrap()
    };
    (0..REQUESTS).map(request).collect()
}

/// Sends each request to the node that listens there, again until it is acknowledged.
fn send_all<'a>(
    address: impl Fn() -> String,
    requests: impl Iterator<Item = &'a String>,
    done: &AtomicUsize,
) {
    for body in requests {
        wait_until("a node takes it", || {
            let headers = [("connection", "close")];
            let Ok(stream) = std::net::TcpStream::connect(address()) else {
                return false;
            };
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            let mut http = Http {
                stream: std::io::BufReader::new(stream),
            };
            let reply = http.call("POST", RECEIPTS, &headers, body.as_bytes());
            reply.is_ok_and(|reply| reply.status == 200)
        });
        done.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_same_receipts_to_two_nodes_one_of_which_is_killed_count_once() {
    let cluster = Cluster::new();
    cluster.run(&CREATE);
    let requests = receipts();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let address_of_b = b.address().to_owned();
    let address_of_a = std::sync::Mutex::new(a.address().to_owned());
    let (by_a, by_b) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let is_back = AtomicBool::new(false);
    let a = std::thread::scope(|scope| {
        scope.spawn(|| {
            send_all(
                || address_of_a.lock().unwrap().clone(),
                requests.iter(),
                &by_a,
            )
        });
        scope.spawn(|| {
            let (half, rest) = requests.split_at(requests.len() / 2);
            send_all(|| address_of_b.clone(), half.iter().rev(), &by_b);
            // The rest comes when the other one is back, or has been sent there already.
            wait_until("it is back", || is_back.load(Ordering::SeqCst));
            send_all(|| address_of_b.clone(), rest.iter().rev(), &by_b);
        });
        wait_until("both have some", || {
            by_a.load(Ordering::SeqCst) > 20 && by_b.load(Ordering::SeqCst) > 20
        });
        a.kill();
        let a = cluster.node("a");
        a.address().clone_into(&mut address_of_a.lock().unwrap());
        is_back.store(true, Ordering::SeqCst);
        a
    });
    let each = json!((REQUESTS / TASKS - 1) * APART + TOLD);
    for node in [&a, &b] {
        let token = token(node);
        for task in 0..TASKS {
            let id = format!("RASL_{task}");
            let data = report(node, &token, &format!("push/task/{id}?actionIdList=90001"));
            let of_task = &data[&id];
            let counted = [
                &of_task["total"]["receive_num"],
                &of_task["gt"]["display_num"],
                &of_task["actionCntMap"]["90001"],
            ];
            assert_eq!(counted, [&each; 3], "{data}");
        }
    }
    cluster.verify();
}

/// Something of everything that is counted.
fn feed_some(server: &Server, key: &str) {
    let at = SystemClock::start().now_ms();
    let lines = [
        json!({"type": "task", "taskid": "RASL_1", "kind": "list", "group_name": "g", "created_at": at}),
        json!({"type": "sendable", "taskid": "RASL_1", "cids": ["a", "b"], "at": at}),
        json!({"type": "sent", "taskid": "RASL_1", "cids": ["a", "b"], "channel": "gt", "brand": "hw",
               "quota": "list", "at": at}),
        json!({"type": "action", "taskid": "RASL_1", "cid": "a", "action_id": 90001, "at": at}),
        json!({"type": "lost", "taskid": "RASL_1", "cids": ["c"], "channel": "gt", "phase": "ts",
               "reason": 13001, "at": at}),
        json!({"type": "device", "cid": "a", "at": at}),
        json!({"type": "online", "cid": "a", "at": at}),
    ];
    let body = lines.map(|line| line.to_string()).join("\n");
    let mut http = Http::connect(server.address());
    assert_eq!(feed(&mut http, EVENTS, key, &body).unwrap(), 200);
}

/// Changes by hand, and how `verify` names each.
const CHANGES: [(&str, &str); 2] = [
    (
        "UPDATE push_task_count SET sent = sent + 7 WHERE brand > 0",
        "push counts of task RASL_1: brand «hw»",
    ),
    (
        "DELETE FROM push_mark WHERE stage = 1",
        "push marks of task RASL_1:",
    ),
];

fn views(data: &Data) -> Database {
    match data.database_url() {
        None => sqlite::open(sqlite::Options::durable(data.path().join("views.db"))).unwrap(),
        Some(url) => {
            let mut options = reportd_db::postgres::Options::new(url);
            options.schema = Some("reportd_views_1".to_owned());
            reportd_db::postgres::open(options).unwrap()
        }
    }
}

#[rstest]
fn verify_names_a_changed_counter_and_lost_marks_and_rebuild_mends_them(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let (data, key) = with_app(kind);
    let server = data.serve();
    feed_some(&server, &key);
    let report_of = |server: &Server| {
        let token = token(server);
        let path = "push/task/RASL_1?needGetuiByBrand=true&actionIdList=90001";
        let detail = report(server, &token, "push/task/RASL_1/detail");
        (
            report(server, &token, path),
            detail,
            report(server, &token, "online_user"),
        )
    };
    let before = report_of(&server);
    assert_eq!(server.stop().0, Some(0));
    assert!(data.run(&["verify"]).contains("the views say the same"));
    let changed = views(&data);
    for (sql, named) in CHANGES {
        assert!(changed.execute(sql, &[]).unwrap() > 0, "{sql}");
        let told = data.output(&["verify"]);
        let stdout = String::from_utf8_lossy(&told.stdout);
        assert_eq!(told.status.code(), Some(1), "{sql}: {stdout}");
        assert!(stdout.contains(named), "{sql}: {stdout}");
    }
    drop(changed);
    data.run(&["rebuild"]);
    assert!(data.run(&["verify"]).contains("the views say the same"));
    let server = data.serve();
    assert_eq!(report_of(&server), before);
    // The marks are back: what comes again is not counted again.
    feed_some(&server, &key);
    assert_eq!(report_of(&server).0, before.0);
}
