//! Nodes that are killed or stopped and a PostgreSQL that is killed, all under load: what was acknowledged counts once.

use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::{Options, Postgres};
use serde_json::Value;

use crate::cluster::{Cluster, LEASE, Load, assert_try_later, fresh_json, readiness, try_connect};
use crate::harness::{Numbers, Server, TOKEN, days_around_now, signal, wait_until};
use crate::nodes::{folded, leave_unfolded, total};
use crate::requests::{ACTIVE, active_message};

/// The counts are what was sent, on each node and by the journal.
fn check(cluster: &Cluster, nodes: &[&Server], key: &str, reports: i64) {
    let (from, to) = days_around_now();
    let path =
        format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&from={from}&to={to}&by=gid&top=10");
    for node in nodes {
        assert_eq!(total(node, key), reports);
        let by_group = fresh_json(node, &path, key);
        let lines = by_group["series"].as_array().unwrap().iter();
        let total = |line: &Value| line["total"].as_i64().unwrap();
        assert_eq!(lines.map(total).sum::<i64>(), reports);
    }
    cluster.verify();
}

#[test]
fn acknowledged_reports_survive_kill_9_of_either_node_and_count_once() {
    const KILLS: usize = 10;
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let mut nodes = [cluster.node("a"), cluster.node("b")].map(Some);
    let load = Load::on(&nodes.each_ref().map(|node| node.as_ref().unwrap()));
    let mut numbers = Numbers(20_261_122);
    let sent = load.during(6, || {
        for _ in 0..KILLS {
            load.wait_for_more(10 + numbers.below(400));
            let index = numbers.below(2);
            nodes[index].take().unwrap().kill();
            load.wait_for_more(20);
            let node = cluster.node(["a", "b"][index]);
            load.addresses.set(index, &node);
            nodes[index] = Some(node);
        }
        load.wait_for_more(50);
    });
    let nodes = nodes.each_ref().map(|node| node.as_ref().unwrap());
    check(&cluster, &nodes, &key, sent.reports);
    println!("{KILLS} kills: {sent:?}");
}

#[test]
fn postgres_that_is_killed_means_try_later_and_nothing_is_lost() {
    const KILLS: usize = 5;
    let mut postgres = Postgres::start(Options::default()).unwrap();
    let cluster = Cluster::at(postgres.url());
    let key = cluster.key("viewer");
    let nodes = [cluster.node("a"), cluster.node("b")];
    let nodes = nodes.each_ref();
    let load = Load::on(&nodes);
    let mut numbers = Numbers(3);
    let sent = load.during(4, || {
        for _ in 0..KILLS {
            load.wait_for_more(20 + numbers.below(300));
            postgres.stop_at_once().unwrap();
            for node in nodes {
                wait_until("it is told", || readiness(node) == 503);
                let mut http = try_connect(node.address(), Duration::from_secs(6)).unwrap();
                let body = active_message("away", 9);
                assert_try_later(&http.report(TOKEN, body.as_bytes()).unwrap());
                let read = node.get("/api/apps/bots/comm/operations", &key).status;
                assert!([200, 503].contains(&read), "{read}");
                let (from, to) = days_around_now();
                let path =
                    format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&from={from}&to={to}");
                assert_eq!(node.get(&path, &key).status, 503);
            }
            postgres.start_again().unwrap();
            let clock = SystemClock::start();
            load.wait_for_more(20);
            for node in nodes {
                wait_until("it is ready again", || readiness(node) == 200);
            }
            let took = clock.monotonic();
            assert!(took < Duration::from_secs(5), "back after {took:?}");
        }
    });
    assert!(sent.refused > 0);
    assert!(sent.slowest < Duration::from_secs(6), "{sent:?}");
    check(&cluster, &nodes, &key, sent.reports);
    println!("PostgreSQL killed {KILLS} times: {sent:?}");
}

#[test]
fn a_node_stopped_past_its_lease_goes_on_with_its_own_stream() {
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let (a, b) = (cluster.lazy_node("a"), cluster.node("b"));
    let views = cluster.db(Some("reportd_views_1"));
    let mut sent = leave_unfolded(&views, &a, &key);
    signal(a.pid(), "STOP");
    wait_until("its stream is folded by the other", || {
        folded(&views) == sent
    });
    assert_eq!(total(&b, &key), sent);
    let held = "SELECT COUNT(*) FROM journal_stream WHERE holder = node AND node <> ''";
    let journal = cluster.db(None);
    let held = || journal.read(|tx| tx.query_int(held, &[])).unwrap();
    wait_until("its stream is let go of", || held() == 1);
    signal(a.pid(), "CONT");
    let body = active_message("again", 1);
    let mut http = try_connect(a.address(), Duration::from_secs(6)).unwrap();
    wait_until("it takes reports again", || {
        let reply = http.report(TOKEN, body.as_bytes()).unwrap();
        if reply.status != 200 {
            assert_try_later(&reply);
        }
        reply.status == 200
    });
    sent += 1;
    assert_eq!(held(), 2, "it has taken its stream back, and no other");
    let streams = "SELECT COUNT(*) FROM journal_stream";
    assert_eq!(journal.read(|tx| tx.query_int(streams, &[])).unwrap(), 2);
    check(&cluster, &[&a, &b], &key, sent);
}

#[test]
fn a_node_stopped_in_the_middle_of_load_loses_and_repeats_nothing() {
    const STOPS: usize = 3;
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let nodes = [cluster.node("a"), cluster.node("b")];
    let nodes = nodes.each_ref();
    let load = Load::hasty(&nodes, Duration::from_millis(700));
    let mut numbers = Numbers(4);
    let epochs = "SELECT epoch FROM journal_stream ORDER BY stream";
    let journal = cluster.db(None);
    let epochs = || -> Vec<i64> {
        let rows = journal.read(|tx| tx.query(epochs, &[])).unwrap();
        rows.iter().map(|row| row.int(0).unwrap()).collect()
    };
    let sent = load.during(6, || {
        for round in 0..STOPS {
            load.wait_for_more(30 + numbers.below(300));
            let index = round % 2;
            let before = epochs();
            signal(nodes[index].pid(), "STOP");
            wait_until("its stream is taken over", || {
                epochs()[index] > before[index]
            });
            load.wait_for_more(30);
            signal(nodes[index].pid(), "CONT");
            wait_until("it takes its stream back", || {
                epochs()[index] > before[index] + 1
            });
        }
    });
    // What a stopped node held locked is let go of by then.
    wait_until("both are level", || {
        let counted = nodes.map(|node| node.counted(&key, ACTIVE));
        counted == [sent.reports; 2]
    });
    check(&cluster, &nodes, &key, sent.reports);
    println!("{STOPS} stops past the lease of {LEASE:?}: {sent:?}");
}
