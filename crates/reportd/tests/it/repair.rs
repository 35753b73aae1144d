//! `reportd verify` names what is wrong in the views, and `reportd rebuild` mends it while reports and reads go on.

use std::process::Stdio;
use std::time::Duration;

use reportd_db::{Database, sqlite};

use crate::cluster::{Cluster, ITEMS, Load};
use crate::harness::{Data, Http, Server, TOKEN, days_around_now, reportd, signal, wait_until};
use crate::nodes::total;
use crate::requests::{ACTIVE, active_message, active_messages};

/// What a counter is changed by.
const WRONG: i64 = 7;
/// Reports that are stored and not yet counted as acknowledged, at most.
const IN_FLIGHT: i64 = 9;

/// Changes a counter behind the server's back.
fn tamper(views: &Database) {
    let sql = "UPDATE comm_count SET n = n + $2 WHERE value = '' AND series = \
               (SELECT id FROM comm_series WHERE oper_id = $1 AND field = 0)";
    assert_eq!(
        views.execute(sql, &[ACTIVE.into(), WRONG.into()]).unwrap(),
        1
    );
}

/// Reads figures as long as there is load: each is a reply of 200, and none loses what was counted before.
fn read_on(node: &Server, key: &str, load: &Load) {
    let (from, to) = days_around_now();
    let path = format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&from={from}&to={to}");
    let mut http = Http::connect(node.address());
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str())];
    while !load.is_over() {
        let acknowledged = load.acknowledged();
        let reply = http.call("GET", &path, &headers, b"").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let told = reply.json()["total"].as_i64().unwrap();
        if reply.header("reportd-lag-ms").is_none() {
            assert!(told >= acknowledged, "{told} of {acknowledged}: stale");
        }
        let most = load.acknowledged() + WRONG + IN_FLIGHT;
        assert!(told <= most, "{told} of at most {most}");
    }
}

/// Load and reads on `nodes` while `rebuild` runs; nothing is refused, and the sum is right in the end.
fn rebuild_under_load(nodes: &[&Server], key: &str, tamper: impl FnOnce(), rebuild: impl FnOnce()) {
    let load = Load::on(nodes);
    let sent = std::thread::scope(|scope| {
        load.during(3, || {
            load.wait_for_more(300);
            for node in nodes {
                let load = &load;
                scope.spawn(move || read_on(node, key, load));
            }
            tamper();
            rebuild();
        })
    });
    assert_eq!((sent.refused, sent.unanswered), (0, 0), "{sent:?}");
    for node in nodes {
        assert_eq!(node.counted(key, ACTIVE), sent.reports);
    }
    println!("{sent:?}");
}

/// `verify` must find the changed counter.
fn assert_found(told: &std::process::Output) {
    let stdout = String::from_utf8_lossy(&told.stdout);
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(1), "{stdout}{stderr}");
    let named = format!("comm counts: app 1 operation {ACTIVE}: day ");
    assert!(
        stdout.contains(&named) || stdout.contains(&named.replace(": day", " day")),
        "{stdout}"
    );
    assert!(stdout.contains("the views say n "), "{stdout}");
    assert!(stdout.contains("the journal says n "), "{stdout}");
    assert!(stderr.contains("1 differences in"), "{stderr}");
    assert!(stderr.contains("reportd rebuild"), "{stderr}");
}

#[test]
fn a_rebuild_mends_the_embedded_views_under_load() {
    let data = Data::with_app(reportd_testbed::StoreKind::Embedded);
    let key = data.key("k", "viewer");
    let server = data.serve();
    let views = || {
        let path = data.path().join("views.db");
        sqlite::open(sqlite::Options::durable(path)).unwrap()
    };
    let change = || {
        tamper(&views());
        assert_found(&data.output(&["verify"]));
    };
    rebuild_under_load(&[&server], &key, change, || {
        assert!(data.run(&["rebuild"]).contains("made anew, and served"));
    });
    assert!(data.run(&["verify"]).contains("the views say the same"));
    assert!(!data.path().join("views.db").exists());
    assert_eq!(server.stop().0, Some(0));
    assert!(data.run(&["verify"]).contains("the views say the same"));
    // Once more without a server.
    tamper(&sqlite::open(sqlite::Options::durable(data.path().join("views.2.db"))).unwrap());
    assert_found(&data.output(&["verify"]));
    data.run(&["rebuild"]);
    assert!(data.run(&["verify"]).contains("the views say the same"));
}

#[test]
fn a_rebuild_mends_the_views_of_all_nodes_under_load() {
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let nodes = [cluster.node("a"), cluster.node("b")];
    let change = || {
        tamper(&cluster.db(Some("reportd_views_1")));
        assert_found(&cluster.output(&["verify"]));
    };
    rebuild_under_load(&nodes.each_ref(), &key, change, || {
        let told = cluster.run(&["rebuild"]);
        assert!(told.contains("made anew, and served"), "{told}");
    });
    cluster.verify();
    assert_eq!(views_left(&cluster), 1, "the old views are dropped");
}

/// Schemas of views that are there.
fn views_left(cluster: &Cluster) -> i64 {
    let schemas =
        "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'reportd_views_%'";
    let left = cluster.db(None).read(|tx| tx.query_int(schemas, &[]));
    left.unwrap()
}

#[test]
fn two_rebuilds_at_once_leave_the_views_of_one() {
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let nodes = [cluster.node("a"), cluster.node("b")];
    let nodes = nodes.each_ref();
    let load = Load::on(&nodes);
    let sent = load.during(2, || {
        load.wait_for_more(300);
        let told = std::thread::scope(|scope| {
            let rebuild = || scope.spawn(|| cluster.output(&["rebuild"]));
            let rebuilds = [rebuild(), rebuild()];
            let read = |node: &Server| {
                let read = node.get("/api/apps/bots/comm/operations", &key);
                assert_eq!(read.status, 200, "{}", read.text());
                node.counted(&key, ACTIVE);
            };
            while !rebuilds.iter().all(|rebuild| rebuild.is_finished()) {
                nodes.iter().for_each(|node| read(node));
            }
            rebuilds.map(|rebuild| rebuild.join().unwrap())
        });
        let well = told.iter().filter(|told| told.status.success());
        assert!(well.count() > 0, "{told:?}");
        assert_eq!(views_left(&cluster), 1, "{told:?}");
    });
    assert_eq!((sent.refused, sent.unanswered), (0, 0), "{sent:?}");
    for node in nodes {
        assert_eq!(node.counted(&key, ACTIVE), sent.reports);
    }
    cluster.verify();
    cluster.run(&["rebuild"]);
    assert_eq!(views_left(&cluster), 1, "only those that are served");
    for node in nodes {
        assert_eq!(node.report(&active_message("behind", 1)).0, 200);
    }
    for node in nodes {
        assert_eq!(node.counted(&key, ACTIVE), sent.reports + 1);
    }
    cluster.verify();
}

#[test]
fn a_node_that_was_stopped_while_others_changed_over_changes_over_by_itself() {
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    for (number, node) in [&a, &b].into_iter().enumerate() {
        let body = active_messages(&format!("{number}"), 1, ITEMS);
        assert_eq!(node.report(&body).0, 200);
    }
    let before = a.counted(&key, ACTIVE);
    signal(a.pid(), "STOP");
    // It ends when all have had time to change over.
    cluster.run(&["rebuild"]);
    let gone =
        "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'reportd_views_1'";
    let gone = cluster.db(None).read(|tx| tx.query_int(gone, &[]));
    assert_eq!(gone, Ok(0), "its views are gone");
    signal(a.pid(), "CONT");
    wait_until("it takes reports again", || {
        a.report(&active_message("again", 1)).0 == 200
    });
    assert_eq!(b.counted(&key, ACTIVE), before + 1);
    wait_until("its own figures are those of the others", || {
        let (from, to) = days_around_now();
        let path = format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&from={from}&to={to}");
        let reply = a.get(&path, &key);
        reply.status == 200 && reply.json()["total"] == before + 1
    });
    assert_eq!(total(&a, &key), before + 1);
    cluster.verify();
    assert_eq!(a.stop().0, Some(0));
}

/// Reports for seconds of folding.
fn fill(server: &Server) {
    let url = server.url();
    let load = "load comm --seconds 5 --connections 16 --items 10";
    let told = reportd()
        .args(load.split(' '))
        .args(["--token", TOKEN, "--url", &url])
        .output()
        .unwrap();
    assert!(told.status.success(), "{told:?}");
}

#[test]
fn a_server_that_is_stopped_while_it_rebuilds_ends_in_time() {
    // Views on PostgreSQL are rebuilt by the command.
    let data = Data::with_app(reportd_testbed::StoreKind::Embedded);
    data.run(&["app", "set", "bots", "comm.rate_limit=0"]);
    let server = data.serve();
    fill(&server);
    let rebuild = data
        .command(&["rebuild"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let path = data.path().join("rebuild.db");
    wait_until("it rebuilds", || path.exists());
    let (code, took) = server.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    let told = rebuild.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(1), "it was under way: {told:?}");
    let left = |name: &str| data.path().join(name).exists();
    assert!(!left("views.2.db"), "nothing half made is served");
    assert!(!left("rebuild.db"), "nor left");
    let server = data.serve();
    assert!(data.run(&["verify"]).contains("the views say the same"));
    assert!(data.run(&["rebuild"]).contains("made anew, and served"));
    assert_eq!(server.stop().0, Some(0));
    assert!(data.run(&["verify"]).contains("the views say the same"));
}
