//! `kill -9` between verdict and delivery: every verdict is delivered, under one id, and nothing is delivered that was not
//! judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::cluster::try_connect;
use crate::harness::{Data, Numbers, Server, wait_until};
use crate::receiver::{Manner, Receiver};
use crate::reporter::{CREATE, Moderator, allow_loopback, file_many, verdict_in};

const ROUNDS: usize = 20;
const TICKETS: usize = 400;
const MODERATORS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(8);

/// What the moderators know of their verdicts.
#[derive(Default)]
struct Judged {
    taken: BTreeSet<String>,
    /// Those that got no answer: they may stand or not.
    unanswered: BTreeSet<String>,
}

/// Judges the tickets that are left until the server is gone.
fn judge_until_it_dies(
    server: &str,
    key: &str,
    left: &Mutex<Vec<String>>,
    judged: &Mutex<Judged>,
    count: &AtomicUsize,
) {
    let Ok(http) = try_connect(server, PATIENCE) else {
        return;
    };
    let mut moderator = Moderator::over(http, key, "someone");
    loop {
        let Some(ticket) = left.lock().unwrap().pop() else {
            return;
        };
        match moderator.judge(&ticket, "fraud") {
            Ok(status) => {
                assert_eq!(status, 200, "{ticket}");
                judged.lock().unwrap().taken.insert(ticket);
                count.fetch_add(1, Ordering::SeqCst);
            }
            Err(_) => {
                judged.lock().unwrap().unanswered.insert(ticket);
                return;
            }
        }
    }
}

/// One life of the server, which ends by `kill -9` some time after so many verdicts.
fn live_and_die(
    server: Server,
    key: &str,
    left: &Mutex<Vec<String>>,
    judged: &Mutex<Judged>,
    verdicts: usize,
) {
    let (address, count) = (server.address().to_owned(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (address, count) = (&address, &count);
        for _ in 0..MODERATORS {
            scope.spawn(move || judge_until_it_dies(address, key, left, judged, count));
        }
        wait_until("verdicts are taken", || {
            count.load(Ordering::SeqCst) >= verdicts || left.lock().unwrap().is_empty()
        });
        server.kill();
    });
}

#[rstest]
fn every_verdict_is_delivered_under_one_id_whenever_the_server_is_killed(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::empty(kind);
    data.run(&CREATE);
    let (admin, lead) = (data.key("admin", "admin"), data.key("lead", "lead"));
    // It answers after up to 40 ms, so a server that dies has callbacks of every sort: none yet, under way, not noted.
    let receiver = Receiver::start(Manner::TakesSlowly(40));
    let server = data.serve();
    allow_loopback(&server, &admin);
    let tickets = file_many(&server, "r", TICKETS, |_| receiver.url());
    server.kill();
    let (left, judged) = (Mutex::new(tickets.clone()), Mutex::new(Judged::default()));
    let mut numbers = Numbers(20_261_122);
    for _ in 0..ROUNDS {
        let verdicts = 1 + numbers.below(TICKETS / ROUNDS - MODERATORS);
        live_and_die(data.serve(), &lead, &left, &judged, verdicts);
    }
    let judged = judged.into_inner().unwrap();
    assert!(judged.taken.len() >= ROUNDS, "{}", judged.taken.len());
    let server = data.serve();
    let mut lead = Moderator::new(&server, &lead, "lead");
    wait_until("all verdicts are delivered", || {
        lead.tickets("judged").is_empty()
    });
    check_delivered(&mut lead, &judged, &receiver);
    println!(
        "{} verdicts, {} without an answer, {} callbacks over {ROUNDS} lives",
        judged.taken.len(),
        judged.unanswered.len(),
        receiver.count()
    );
}

fn check_delivered(lead: &mut Moderator, judged: &Judged, receiver: &Receiver) {
    let delivered = lead.tickets("delivered");
    assert!(judged.taken.is_subset(&delivered), "a verdict was lost");
    let all = &judged.taken | &judged.unanswered;
    assert!(delivered.is_subset(&all), "nobody judged it");
    let mut ids = BTreeMap::<_, BTreeSet<_>>::new();
    let mut bodies = BTreeMap::<_, BTreeSet<_>>::new();
    for arrival in receiver.arrivals() {
        let verdict = verdict_in(&arrival.body);
        assert_eq!(verdict.dialogue_result, "fraud");
        let id = arrival.webhook_id().to_owned();
        bodies.entry(id.clone()).or_default().insert(arrival.body);
        ids.entry(verdict.ticket_id).or_default().insert(id);
    }
    assert_eq!(ids.keys().cloned().collect::<BTreeSet<_>>(), delivered);
    assert!(
        ids.values().all(|ids| ids.len() == 1),
        "one id for a verdict"
    );
    assert!(
        bodies.values().all(|bodies| bodies.len() == 1),
        "the same bytes each time"
    );
    for state in ["open", "claimed", "failed"] {
        let others = lead.tickets(state);
        assert!(others.is_disjoint(&judged.taken), "{state}");
    }
}
