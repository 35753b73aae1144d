//! Dialogue reports on the real binary: what is wrong is refused and harms nothing, and two hundred moderators at once
//! judge each ticket once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use reportd_testbed::StoreKind::Embedded;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::harness::{Data, Http, Numbers, Server, wait_until};
use crate::receiver::{Manner, Receiver};
use crate::reporter::{
    CREATE, Moderator, allow_loopback, file, file_many, post_form, post_text, report, verdict_in,
};

const TICKETS: usize = 2_000;
const MODERATORS: usize = 200;

/// All judge until there is nothing left; some also judge what others may hold. Which tickets each judged.
fn judge_all(nodes: &[&Server], key: &str, tickets: &[String]) -> Vec<String> {
    let judged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..MODERATORS {
            let (node, judged) = (nodes[number % nodes.len()], &judged);
            scope.spawn(move || {
                let mut numbers = Numbers(number as u64);
                let mut moderator = Moderator::new(node, key, &format!("moderator {number}"));
                let mut own = Vec::new();
                while let Some(ticket) = moderator.next() {
                    let any = &tickets[numbers.below(tickets.len())];
                    for ticket in [any, &ticket].into_iter().skip(number % 2) {
                        match moderator.judge(ticket, "ad").unwrap() {
                            200 => own.push(ticket.clone()),
                            // Another has it, or has judged it.
                            status => assert_eq!(status, 409, "{ticket}"),
                        }
                    }
                }
                judged.lock().unwrap().extend(own);
            });
        }
    });
    judged.into_inner().unwrap()
}

/// Each ticket was judged once, and each verdict delivered under one id.
fn check_all_judged(
    node: &Server,
    key: &str,
    tickets: &[String],
    judged: &[String],
    receiver: &Receiver,
) {
    let distinct: BTreeSet<_> = judged.iter().collect();
    assert_eq!(distinct.len(), judged.len(), "one was judged twice");
    assert_eq!(distinct, tickets.iter().collect(), "some are left");
    let mut lead = Moderator::new(node, key, "lead");
    for state in ["open", "claimed"] {
        assert_eq!(lead.tickets(state), BTreeSet::new(), "{state}");
    }
    wait_until("all verdicts are delivered", || {
        lead.tickets("delivered").len() == tickets.len()
    });
    let mut ids = BTreeMap::<_, BTreeSet<_>>::new();
    for arrival in receiver.arrivals() {
        let verdict = verdict_in(&arrival.body);
        assert_eq!(verdict.dialogue_result, "ad");
        let id = arrival.webhook_id().to_owned();
        ids.entry(verdict.ticket_id).or_default().insert(id);
    }
    assert_eq!(ids.keys().collect::<BTreeSet<_>>(), distinct);
    assert!(
        ids.values().all(|ids| ids.len() == 1),
        "one id for a verdict"
    );
}

#[test]
fn two_hundred_moderators_judge_each_ticket_once() {
    let data = Data::empty(Embedded);
    data.run(&CREATE);
    let (admin, lead) = (data.key("admin", "admin"), data.key("lead", "lead"));
    let server = data.serve();
    allow_loopback(&server, &admin);
    let receiver = Receiver::start(Manner::Takes);
    let tickets = file_many(&server, "r", TICKETS, |_| receiver.url());
    let judged = judge_all(&[&server], &lead, &tickets);
    check_all_judged(&server, &lead, &tickets, &judged, &receiver);
}

#[test]
fn two_hundred_moderators_on_two_nodes_judge_each_ticket_once() {
    let cluster = Cluster::new();
    cluster.run(&CREATE);
    let (admin, lead) = (cluster.key("admin"), cluster.key("lead"));
    let nodes = [cluster.node("a"), cluster.node("b")];
    allow_loopback(&nodes[0], &admin);
    let receiver = Receiver::start(Manner::Takes);
    let tickets = file_many(&nodes[0], "r", TICKETS, |_| receiver.url());
    let judged = judge_all(&[&nodes[0], &nodes[1]], &lead, &tickets);
    check_all_judged(&nodes[1], &lead, &tickets, &judged, &receiver);
}

/// The code of a reply, which has no ticket.
fn ec(told: &Value) -> i64 {
    assert_eq!(told["data"], json!({}), "{told}");
    told["ec"].as_i64().unwrap()
}

#[test]
fn what_is_wrong_is_refused_and_harms_nothing() {
    const REDIRECT: &str = "http://127.0.0.1:8080/";
    let data = Data::empty(Embedded);
    data.run(&CREATE);
    let admin = data.key("admin", "admin");
    let server = data.serve();
    allow_loopback(&server, &admin);
    let mut http = Http::connect(server.address());
    let written = report("r", REDIRECT).write();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut report: Value = serde_json::from_str(&written).unwrap();
        change(&mut report);
        report.to_string().into_bytes()
    };
    let many = changed(&|report| report["infos"] = vec![report["infos"][0].clone(); 51].into());
    let nobody = changed(&|report| report["infos"][1]["id"] = json!("id_3"));
    let not_utf8 = [&b"{\"report_id\": \"\xff\","[..], &written.as_bytes()[1..]].concat();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let in_place = |text: &str| written.replacen("\"小明\"", text, 1).into_bytes();
    let bombs = [100, 1_000, 400_000].map(|depth| in_place(&nested(depth)));
    let objects = in_place(&"{\"a\":".repeat(100_000));
    for (text, codes) in [
        (&not_utf8, &[403][..]),
        (&many, &[413]),
        (&nobody, &[400]),
        (&bombs[0], &[400]),
        (&bombs[1], &[400, 403]),
        (&bombs[2], &[400, 403]),
        (&objects, &[403]),
        (&nested(500_000).into_bytes(), &[403]),
    ] {
        let told = post_text(&mut http, text).unwrap();
        assert!(codes.contains(&ec(&told)), "{codes:?}: {told}");
    }
    let told = post_text(&mut http, &nobody).unwrap();
    assert!(
        told["em"].as_str().unwrap().starts_with("infos[1]"),
        "{told}"
    );
    for (body, code) in [
        (&b"appid=chat&sign=a&content=%ff"[..], 400),
        (b"appid=chat&sign=\xff&content=a", 400),
        ("[".repeat(1_000_000).as_bytes(), 400),
        (format!("{{\"appid\":{}", nested(900_000)).as_bytes(), 400),
        (b"appid=chat&sign=a&content=a", 402),
        (b"", 400),
    ] {
        let told = post_form(&mut http, body).unwrap();
        assert_eq!(ec(&told), code, "{told}");
    }
    assert_eq!(large_body(&server), 413);
    // It goes on as if nothing had been.
    file(&mut Http::connect(server.address()), "r", REDIRECT);
    assert_eq!(server.stop().0, Some(0));
}

/// The code of a reply to 3 MiB, of which the server need not read the end.
fn large_body(server: &Server) -> i64 {
    let mut http = Http::connect(server.address());
    let body = vec![b'a'; 3 << 20];
    let head = format!(
        "POST /api/report/multiDialogue HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    http.send(head.as_bytes()).unwrap();
    let _ = http.send(&body);
    let reply = http.reply().unwrap();
    assert_eq!(reply.status, 200);
    ec(&reply.json())
}
