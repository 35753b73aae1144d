//! `kill -9` at random moments under load: what was acknowledged is counted once, whatever is sent again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::harness::{Data, Http, Numbers, Server, TOKEN, days_around_now, wait_until};
use crate::requests::{ACTIVE, active_messages};

const ROUNDS: usize = 10;
const SENDERS: usize = 6;
const GROUPS: i64 = 5;

/// What a sender has sent, and what it was told.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<String>,
    unanswered: Vec<String>,
}

/// What the threads of a life tell each other.
#[derive(Default)]
struct Signals {
    /// A request was acknowledged.
    begun: AtomicBool,
    stop: AtomicBool,
}

/// Sends until the server is gone.
fn send(address: &str, label: &str, signals: &Signals) -> Sent {
    let mut sent = Sent::default();
    // The server may be gone before this one has begun.
    let Ok(mut http) = Http::try_connect(address) else {
        return sent;
    };
    for number in 0.. {
        let gid = 1 + i64::from(number) % GROUPS;
        let body = active_messages(&format!("{label}-{number}"), gid, 3);
        match http.report(TOKEN, body.as_bytes()) {
            Ok(reply) if reply.status == 200 => {
                sent.acknowledged.push(body);
                signals.begun.store(true, Ordering::Relaxed);
            }
            _ => {
                sent.unanswered.push(body);
                break;
            }
        }
        if signals.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    sent
}

/// One life of the server: load, and `kill -9` when the first acknowledgement is `life` ago: the first block of a day
/// makes its table, which takes PostgreSQL longer than a short life.
fn live_and_die(server: Server, round: usize, life: Duration) -> Sent {
    let signals = Signals::default();
    let address = server.address().to_owned();
    let mut all = Sent::default();
    std::thread::scope(|scope| {
        let (signals, address) = (&signals, &address);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| scope.spawn(move || send(address, &format!("{round}-{sender}"), signals)))
            .collect();
        wait_until("a request is acknowledged", || {
            signals.begun.load(Ordering::Relaxed)
        });
        std::thread::sleep(life);
        server.kill();
        signals.stop.store(true, Ordering::Relaxed);
        for sender in senders {
            let sent = sender.join().unwrap();
            all.acknowledged.extend(sent.acknowledged);
            all.unanswered.extend(sent.unanswered);
        }
    });
    all
}

#[rstest]
fn acknowledged_reports_survive_kill_9_and_count_once(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let key = data.key("k", "viewer");
    let mut numbers = Numbers(20_261_121);
    let mut requests = 0;
    for round in 0..ROUNDS {
        let life = Duration::from_millis(u64::try_from(numbers.below(400)).unwrap());
        let sent = live_and_die(data.serve(), round, life);
        assert!(
            !sent.acknowledged.is_empty(),
            "round {round} sent nothing in {life:?}"
        );
        let server = data.serve();
        // What got no answer is sent again, and some of what was acknowledged too.
        let mut http = Http::connect(server.address());
        for body in sent
            .unanswered
            .iter()
            .chain(sent.acknowledged.iter().rev().take(20))
        {
            assert_eq!(http.report(TOKEN, body.as_bytes()).unwrap().status, 200);
        }
        requests += sent.acknowledged.len() + sent.unanswered.len();
        assert_eq!(
            server.counted(&key, ACTIVE),
            i64::try_from(requests * 3).unwrap(),
            "round {round}"
        );
        server.kill();
    }
    let (from, to) = days_around_now();
    let server = data.serve();
    let by_group = server.get(
        &format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&from={from}&to={to}&by=gid&top=10"),
        &key,
    );
    let by_group = by_group.json();
    let sum: i64 = by_group["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["total"].as_i64().unwrap())
        .sum();
    assert_eq!(sum, i64::try_from(requests * 3).unwrap());
    println!("{requests} requests of 3 reports over {ROUNDS} lives: each counted once");
}
