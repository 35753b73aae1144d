//! Several nodes on one database: whatever is sent to whichever of them counts once, reads are fresh on all of them, what
//! a node leaves behind is folded by another, and credentials and limits hold on all.

use std::collections::BTreeMap;
use std::time::Duration;

use reportd_db::Database;
use reportd_platform::clock::{Clock, MINUTE_MS, SystemClock};
use reportd_platform::zones::{day_text, hour_text};
use serde_json::Value;

use crate::cluster::{Cluster, ITEMS, LEASE, Load, fresh_json};
use crate::harness::{Http, Numbers, Server, TOKEN, days_around_now, now_seconds, wait_until};
use crate::requests::{ACTIVE, active_message, active_messages};

const CENSUS: i64 = 1_502_007_320_601;
/// Asia/Shanghai, the zone of a new app.
const ZONE_HOURS: i64 = 8;

/// Requests, and what they must add up to.
#[derive(Default)]
struct Model {
    bodies: Vec<String>,
    total: i64,
    by: BTreeMap<&'static str, BTreeMap<String, i64>>,
    hours: BTreeMap<String, i64>,
    /// By day and group: the time of the newest report of it, and what that says.
    census: BTreeMap<(String, i64), (i64, i64)>,
}

fn local(ts: i64) -> i64 {
    ts.div_euclid(3600) + ZONE_HOURS
}

impl Model {
    fn messages(&mut self, number: i64, ts: i64, numbers: &mut Numbers) {
        let mut items = Vec::new();
        for _ in 0..4 {
            let mut below = |below| numbers.below(below).to_string();
            let values = [
                ("gid", below(6)),
                ("target_id", below(4)),
                ("ext2", below(9)),
            ];
            let [gid, target, uploader] = values.each_ref().map(|(_, value)| value);
            items.push(format!(
                r#"{{"oper_id":{ACTIVE},"gid":{gid},"target_id":"{target}","scope":"channel","ext1":"youtube","ext2":"{uploader}"}}"#
            ));
            for (field, value) in values {
                *self.by.entry(field).or_default().entry(value).or_default() += 1;
            }
            *self.hours.entry(hour_text(local(ts))).or_default() += 1;
            self.total += 1;
        }
        self.add(&format!("m{number}"), ts, &items);
    }

    fn census(&mut self, number: i64, ts: i64, numbers: &mut Numbers) {
        let mut items = Vec::new();
        for gid in number % 5..number % 5 + 8 {
            let subscriptions = i64::try_from(numbers.below(1_000)).unwrap();
            items.push(format!(
                r#"{{"oper_id":{CENSUS},"gid":{gid},"ext1":"{subscriptions}"}}"#
            ));
            let day = day_text(local(ts).div_euclid(24));
            let newest = self.census.entry((day, gid)).or_default();
            *newest = (*newest).max((ts, subscriptions));
        }
        self.add(&format!("c{number}"), ts, &items);
    }

    fn add(&mut self, nonce: &str, ts: i64, items: &[String]) {
        let items = items.join(",");
        self.bodies.push(format!(
            r#"{{"ts":{ts},"nonce":"{nonce}","data_list":[{items}]}}"#
        ));
    }

    fn check(&self, node: &Server, key: &str) {
        let (first, last) = (local(now_seconds()) / 24 - 1, local(now_seconds()) / 24);
        let range = format!("from={}&to={}", day_text(first), day_text(last));
        let series = |more: &str| {
            let path = format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&{range}{more}");
            fresh_json(node, &path, key)
        };
        assert_eq!(series("")["total"], self.total);
        for (field, expected) in &self.by {
            let told = series(&format!("&by={field}&top=100"));
            let lines = told["series"].as_array().unwrap().iter();
            let line = |line: &Value| {
                let key = line["key"].as_str().unwrap().to_owned();
                (key, line["total"].as_i64().unwrap())
            };
            assert_eq!(
                &lines.map(line).collect::<BTreeMap<_, _>>(),
                expected,
                "{field}"
            );
            assert_eq!(told["others"], 0);
        }
        let told = series("&step=hour");
        let points = told["series"][0]["points"].as_array().unwrap().iter();
        let point = |point: &Value| {
            let at = point["at"].as_str().unwrap().to_owned();
            (at, point["count"].as_i64().unwrap())
        };
        let hours: BTreeMap<_, _> = points.map(point).filter(|(_, count)| *count > 0).collect();
        assert_eq!(hours, self.hours);
        for day in [first, last].map(day_text) {
            let told = fresh_json(node, &format!("/api/apps/bots/comm/census/{day}"), key);
            let of_day = self.census.iter().filter(|((of, _), _)| *of == day);
            let expected: Vec<_> = of_day.map(|((_, gid), (_, said))| (*gid, *said)).collect();
            let list = told["list"].as_array().unwrap().iter();
            let row = |row: &Value| {
                let number = |name: &str| row[name].as_i64().unwrap();
                (number("gid"), number("subscriptions"))
            };
            let mut list: Vec<_> = list.map(row).collect();
            list.sort_unstable();
            assert_eq!(list, expected, "{day}");
        }
        assert_eq!(raw_reports(node, key), self.total, "repeats do not appear");
    }
}

/// Raw reports of messages, all pages.
fn raw_reports(node: &Server, key: &str) -> i64 {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let path = format!("/api/apps/bots/comm/reports?oper_id={ACTIVE}&limit=70{cursor}");
        let page = fresh_json(node, &path, key);
        count += i64::try_from(page["reports"].as_array().unwrap().len()).unwrap();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// Sends each body; all must be taken.
fn send_each<'a>(node: &Server, bodies: impl Iterator<Item = &'a String>) {
    let mut http = Http::connect(node.address());
    for body in bodies {
        let reply = http.report(TOKEN, body.as_bytes()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[test]
fn the_same_reports_to_two_nodes_in_different_orders_count_once() {
    let cluster = Cluster::new();
    let key = cluster.key("lead");
    let nodes = [cluster.node("a"), cluster.node("b")];
    let (mut model, mut numbers, now) = (Model::default(), Numbers(5), now_seconds());
    for number in 0..240 {
        model.messages(number, now - number * 293, &mut numbers);
    }
    for number in 0..20 {
        model.census(number, now - number * 3_000, &mut numbers);
    }
    std::thread::scope(|scope| {
        for sender in 0..3 {
            let ([a, b], bodies) = (&nodes, &model.bodies);
            scope.spawn(move || send_each(a, bodies.iter().skip(sender).step_by(3)));
            scope.spawn(move || send_each(b, bodies.iter().rev().skip(sender).step_by(3)));
        }
    });
    for node in &nodes {
        model.check(node, &key);
    }
    for node in nodes {
        assert_eq!(node.stop().0, Some(0));
    }
    // The same after a restart, and more copies.
    let nodes = [cluster.node("b"), cluster.node("c")];
    for node in &nodes {
        send_each(node, model.bodies.iter().step_by(7));
    }
    for node in &nodes {
        model.check(node, &key);
    }
    cluster.verify();
}

pub(crate) fn total(node: &Server, key: &str) -> i64 {
    let (from, to) = days_around_now();
    let path = format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&from={from}&to={to}");
    fresh_json(node, &path, key)["total"].as_i64().unwrap()
}

#[test]
fn what_one_node_acknowledged_is_in_the_next_figures_of_another() {
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let mut before = 0;
    for number in 0..60 {
        let (told, read) = if number % 2 == 0 { (&a, &b) } else { (&b, &a) };
        assert_eq!(told.report(&active_message(&format!("{number}"), 1)).0, 200);
        before += 1;
        assert_eq!(total(read, &key), before);
    }

    let load = Load::on(&[&a]);
    let mut took = Vec::new();
    let sent = load.during(4, || {
        for _ in 0..120 {
            let (acknowledged, clock) = (load.acknowledged(), SystemClock::start());
            let told = total(&b, &key);
            took.push(clock.monotonic());
            assert!(told >= before + acknowledged, "{told} of {acknowledged}");
        }
    });
    assert_eq!(total(&b, &key), before + sent.reports);
    took.sort_unstable();
    println!(
        "reads of another node's reports under {} reports: median {:?}, p99 {:?}",
        sent.reports,
        took[took.len() / 2],
        took[took.len() * 99 / 100]
    );
}

/// The streams: node, holder, and the sequence behind the newest entry.
pub(crate) fn streams(cluster: &Cluster) -> Vec<(String, String, i64)> {
    let sql = "SELECT node, holder, next FROM journal_stream ORDER BY stream";
    let rows = cluster.db(None).read(|tx| tx.query(sql, &[])).unwrap();
    let row = |mut row: reportd_db::Row| {
        let (node, holder) = (row.take_text(0).unwrap(), row.take_text(1).unwrap());
        (node, holder, row.int(2).unwrap())
    };
    rows.into_iter().map(row).collect()
}

/// Reports that the views have folded, by the store alone: no read that hurries anybody.
pub(crate) fn folded(views: &Database) -> i64 {
    let sql = "SELECT CAST(COALESCE(SUM(c.n), 0) AS BIGINT) FROM comm_count c JOIN comm_series s ON s.id = c.series \
               WHERE s.field = 0";
    views.read(|tx| tx.query_int(sql, &[])).unwrap()
}

/// Reports to a lazy node that are left unfolded but for the first ones.
pub(crate) fn leave_unfolded(views: &Database, node: &Server, key: &str) -> i64 {
    node.report(&active_messages("first", 1, ITEMS));
    let items = i64::try_from(ITEMS).unwrap();
    // A read has the first folded; from then on the node rests.
    assert_eq!(total(node, key), items);
    let bodies: Vec<_> = (0..20)
        .map(|number| active_messages(&format!("{number}"), 2, ITEMS))
        .collect();
    send_each(node, bodies.iter());
    // One more batch may have been folded while the read was still counted as waiting.
    let folded = folded(views);
    assert!(folded < 21 * items, "{folded} are folded: some are left");
    21 * items
}

#[test]
fn what_a_killed_node_left_is_folded_by_another_within_its_lease() {
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let (a, b) = (cluster.lazy_node("a"), cluster.node("b"));
    let views = cluster.db(Some("reportd_views_1"));
    let sent = leave_unfolded(&views, &a, &key);
    a.kill();
    let clock = SystemClock::start();
    wait_until("the other folds what is left", || folded(&views) == sent);
    let took = clock.monotonic();
    assert!(took < LEASE + Duration::from_secs(1), "{took:?}");
    assert_eq!(total(&b, &key), sent);
    wait_until("the stream is let go of", || {
        streams(&cluster)[0].1.is_empty()
    });
    // It is still its node's, who takes it back.
    let a = cluster.node("a");
    assert_eq!(a.report(&active_message("back", 1)).0, 200);
    assert_eq!(streams(&cluster).len(), 2);
    assert_eq!(total(&b, &key), sent + 1);
    cluster.verify();
}

#[test]
fn a_node_that_ends_leaves_its_stream_to_the_next() {
    let cluster = Cluster::new();
    let key = cluster.key("viewer");
    let (a, b) = (cluster.lazy_node("a"), cluster.node("b"));
    let views = cluster.db(Some("reportd_views_1"));
    let sent = leave_unfolded(&views, &a, &key);
    // Its last folds fail.
    let away = "ALTER TABLE comm_count RENAME TO comm_count_away";
    views.execute(away, &[]).unwrap();
    let (code, took) = a.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    let back = "ALTER TABLE comm_count_away RENAME TO comm_count";
    views.execute(back, &[]).unwrap();
    let clock = SystemClock::start();
    wait_until("the other folds what is left", || folded(&views) == sent);
    println!("folded {:?} after the end", clock.monotonic());
    assert_eq!(total(&b, &key), sent);
    let [(node, _, next), _] = &streams(&cluster)[..] else {
        panic!("{:?}", streams(&cluster))
    };
    assert_eq!((node.as_str(), *next), ("", 22));
    wait_until("the stream is let go of", || {
        streams(&cluster)[0].1.is_empty()
    });

    let c = cluster.node("c");
    assert_eq!(c.report(&active_message("c", 1)).0, 200);
    let told = streams(&cluster);
    assert_eq!(told.len(), 2, "no third stream: {told:?}");
    assert!(!told[0].0.is_empty(), "{told:?}");
    // A node tells with its beat how far it is.
    wait_until("it goes on behind what was left", || {
        streams(&cluster)[0].2 == 23
    });
    for node in [&b, &c] {
        assert_eq!(total(node, &key), sent + 1);
    }
    cluster.verify();
}

fn status(node: &Server, token: &str, nonce: &str) -> u16 {
    let body = active_message(nonce, 1);
    let mut http = Http::connect(node.address());
    http.report(token, body.as_bytes()).unwrap().status
}

#[test]
fn credentials_change_on_all_nodes_within_a_second() {
    let cluster = Cluster::new();
    let nodes = [cluster.node("a"), cluster.node("b")];
    let statuses = |token: &str| nodes.each_ref().map(|node| status(node, token, "n"));
    let within_a_second = |what: &str, token: &str| {
        let clock = SystemClock::start();
        wait_until(what, || statuses(token) == [401, 401]);
        let took = clock.monotonic();
        assert!(took < Duration::from_secs(1), "{what} after {took:?}");
    };
    assert_eq!(statuses(TOKEN), [200, 200]);
    let rotate = "app rotate bots --grace 0s --only comm_token --json";
    let words: Vec<_> = rotate.split(' ').collect();
    for _ in 0..3 {
        let told: Value = serde_json::from_str(&cluster.run(&words)).unwrap();
        let token = told["comm_token"].as_str().unwrap();
        assert_eq!(statuses(token), [200, 200], "a new one works at once");
        within_a_second("the old token is refused", TOKEN);
        cluster.run(&["app", "disable", "bots"]);
        within_a_second("the disabled app is refused", token);
        cluster.run(&["app", "enable", "bots"]);
        assert_eq!(statuses(token), [200, 200], "it is back at once");
    }
    let told = cluster.run(&["app", "create", "late", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(statuses(told["comm_token"].as_str().unwrap()), [200, 200]);
}

#[test]
fn a_limit_holds_over_all_nodes() {
    const PER_MINUTE: i64 = 300;
    let cluster = Cluster::new();
    cluster.run(&[
        "app",
        "set",
        "bots",
        &format!("comm.rate_limit={PER_MINUTE}"),
    ]);
    let nodes = [cluster.node("a"), cluster.node("b")];
    let clock = SystemClock::start();
    let counts = std::thread::scope(|scope| {
        let senders = (0..6).map(|sender| {
            let (node, clock) = (&nodes[sender % 2], &clock);
            scope.spawn(move || {
                let (mut http, mut counts) = (Http::connect(node.address()), [0_i64; 2]);
                for number in 0.. {
                    let body = active_message(&format!("{sender}-{number}"), 1);
                    let reply = http.report(TOKEN, body.as_bytes()).unwrap();
                    match reply.status {
                        200 => counts[0] += 1,
                        429 => counts[1] += 1,
                        other => panic!("{other}: {}", reply.text()),
                    }
                    if clock.monotonic() > Duration::from_secs(8) {
                        break;
                    }
                }
                counts
            })
        });
        let senders: Vec<_> = senders.collect();
        let counts = senders.into_iter().map(|sender| sender.join().unwrap());
        counts.fold([0; 2], |all, one| [all[0] + one[0], all[1] + one[1]])
    });
    let elapsed_ms = i64::try_from(clock.monotonic().as_millis()).unwrap();
    // A full bucket, and what ran in meanwhile.
    let most = PER_MINUTE + PER_MINUTE * elapsed_ms / MINUTE_MS + 1;
    let [taken, refused] = counts;
    println!("{taken} of at most {most} taken, {refused} refused in {elapsed_ms} ms");
    assert!(taken <= most && refused > 0, "{taken} of at most {most}");
    assert!(
        taken >= PER_MINUTE * 9 / 10,
        "{taken}: hardly anything is lost"
    );
}
