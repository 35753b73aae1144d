//! `reportd verify` names what is wrong in the views, and `reportd rebuild` mends it while reports and reads go on.

use reportd_db::{Database, sqlite};

use crate::cluster::{Cluster, Load};
use crate::harness::{Data, Http, Server, days_around_now};
use crate::requests::ACTIVE;

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
    let schemas =
        "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'reportd_views_%'";
    let left = cluster.db(None).read(|tx| tx.query_int(schemas, &[]));
    assert_eq!(left.unwrap(), 1, "the old views are dropped");
}
