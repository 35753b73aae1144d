//! What is old goes, whole, and what must stay does.

use axum::http::Method;
use reportd_dialogue::{Dropped, Retention};
use reportd_platform::clock::{Clock, DAY_MS};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{NOON_MS, ONE, World, judgement, lead, moderator, report, with};

const KEPT: Retention = Retention {
    tickets_ms: Some(30 * DAY_MS),
    audit_ms: None,
};

/// Tables with rows of a ticket, by its number; the audit trail is not among them.
const OF_TICKET: [&str; 7] = [
    "SELECT COUNT(*) FROM dialogue_ticket WHERE id = ",
    "SELECT COUNT(*) FROM dialogue_report WHERE ticket = ",
    "SELECT COUNT(*) FROM dialogue_user WHERE ticket = ",
    "SELECT COUNT(*) FROM dialogue_reporter WHERE ticket = ",
    "SELECT COUNT(*) FROM dialogue_verdict WHERE ticket = ",
    "SELECT COUNT(*) FROM dialogue_delivery WHERE ticket = ",
    "SELECT COUNT(*) FROM dialogue_thread WHERE ticket = ",
];

impl World {
    fn execute(&self, sql: &str) {
        self.dialogue.state.execute(sql, &[]).unwrap();
    }

    /// Counts in the figures all that is settled.
    fn count(&self) {
        self.run(self.dialogue.fold_figures()).unwrap();
    }

    fn drop_once(&self, kept: Retention) -> Dropped {
        self.run(self.dialogue.drop_old(kept)).unwrap()
    }

    /// Deletes until there is no more.
    fn drop_all(&self, kept: Retention) -> usize {
        let mut tickets = 0;
        loop {
            let dropped = self.drop_once(kept);
            tickets += dropped.tickets;
            if !dropped.has_more {
                return tickets;
            }
        }
    }

    /// A report of now.
    fn fresh(&self, report_id: &str) -> Value {
        let now_s = self.clock.now_ms() / 1000;
        with(report(report_id), "timestamp", json!(now_s))
    }

    /// A ticket of this report_id whose verdict came to this end: state of its delivery, and of itself.
    fn judged(&self, report_id: &str, delivery: i64, state: i64) -> i64 {
        let ticket = self.file(ONE, &self.fresh(report_id)).ticket();
        let mei = moderator("mei");
        self.claim(&mei, ticket).unwrap();
        self.judge(&mei, ticket, judgement("ad", &[])).unwrap();
        self.end(ticket, delivery, state);
        ticket
    }

    fn end(&self, ticket: i64, delivery: i64, state: i64) {
        let now_ms = self.clock.now_ms();
        self.execute(&format!(
            "UPDATE dialogue_delivery SET state = {delivery}, done_at = {now_ms} WHERE ticket = {ticket} AND state = 0"
        ));
        self.execute(&format!(
            "UPDATE dialogue_ticket SET state = {state}, moved_at = {now_ms} WHERE id = {ticket}"
        ));
    }

    /// A ticket whose verdict has arrived.
    fn delivered(&self, report_id: &str) -> i64 {
        let ticket = self.judged(report_id, 1, 3);
        self.execute(&format!(
            "INSERT INTO dialogue_attempt (delivery, attempt, at, took_ms) \
             SELECT id, 1, 1, 1 FROM dialogue_delivery WHERE ticket = {ticket}"
        ));
        ticket
    }

    /// How many rows there are of a ticket, table by table.
    fn rows_of(&self, ticket: i64) -> Vec<i64> {
        let count = |sql: &&str| self.int(&format!("{sql}{ticket}"));
        OF_TICKET.iter().map(count).collect()
    }

    fn is_there(&self, ticket: i64) -> bool {
        self.rows_of(ticket)[0] == 1
    }
}

#[rstest]
fn a_ticket_goes_whole_once_it_is_old_and_its_verdict_has_arrived(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let old = world.delivered("old");
    world.clock.advance(DAY_MS);
    let younger = world.delivered("younger");
    world.clock.advance(29 * DAY_MS);
    world.count();
    assert_eq!(world.drop_once(KEPT), Dropped::default(), "it is not older");
    world.clock.advance(1);
    assert_eq!(world.drop_all(Retention::default()), 0, "for ever");
    assert_eq!(world.drop_all(KEPT), 1);
    assert_eq!(world.rows_of(old), [0; 7]);
    assert_eq!(world.rows_of(younger), [1, 1, 2, 1, 1, 1, 1]);
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_attempt"), 1);
    assert_eq!(
        world.int(&format!(
            "SELECT COUNT(*) FROM dialogue_audit WHERE ticket = {old}"
        )),
        2,
        "claimed and judged: the audit trail stays"
    );
    let path = format!("/api/tickets/{old}");
    assert_eq!(world.api(&Method::GET, &path, &Value::Null).status, 404);
}

/// All of them are a year old.
#[rstest]
fn what_waits_or_is_undelivered_stays(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let open = world.file(ONE, &report("open")).ticket();
    let claimed = world.file(ONE, &report("claimed")).ticket();
    world.claim(&moderator("mei"), claimed).unwrap();
    let on_its_way = world.judged("judged", 0, 2);
    let given_up = world.judged("dead", 2, 4);
    let replayed = world.delivered("replayed");
    let reopened = world.delivered("reopened");
    let boss = lead("boss");
    let reopen = world
        .dialogue
        .reopen(boss.clone(), reopened, "x".to_owned());
    world.run(reopen).unwrap();
    let gone = world.delivered("gone");
    // A delivery of an earlier verdict that is sent again.
    world.execute(&format!(
        "UPDATE dialogue_delivery SET state = 0, done_at = NULL, next_at = {} WHERE ticket = {replayed}",
        i64::MAX
    ));
    world.clock.advance(365 * DAY_MS);
    world.count();
    assert_eq!(world.drop_all(KEPT), 1);
    assert!(!world.is_there(gone));
    for ticket in [open, claimed, on_its_way, given_up, replayed, reopened] {
        assert!(world.is_there(ticket), "{ticket}");
    }
    // Judged anew, it is as old as that.
    world
        .judge(&boss, reopened, judgement("normal", &[]))
        .unwrap();
    world.end(reopened, 1, 3);
    world.end(replayed, 1, 3);
    world.clock.advance(30 * DAY_MS);
    world.count();
    assert_eq!(world.drop_all(KEPT), 0);
    world.clock.advance(1);
    assert_eq!(world.drop_all(KEPT), 2);
    assert!(!world.is_there(reopened) && !world.is_there(replayed));
}

#[rstest]
fn a_round_takes_so_many_and_two_nodes_take_all(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let peer = world.peer();
    for count in 0..100 {
        world.delivered(&format!("r{count}"));
    }
    world.clock.advance(31 * DAY_MS);
    world.count();
    world.count();
    let first = world.drop_once(KEPT);
    assert_eq!((first.tickets, first.has_more), (32, true));
    let at_once = std::thread::scope(|scope| {
        let of_peer = peer
            .as_ref()
            .map(|peer| scope.spawn(|| peer.drop_all(KEPT)));
        let of_world = world.drop_all(KEPT);
        of_world + of_peer.map_or(0, |thread| thread.join().unwrap())
    });
    // Where both had the same ones, one of them was first and the other may have ended early.
    let left = world.drop_all(KEPT);
    assert_eq!(at_once + left, 68);
    for table in [
        "ticket", "report", "user", "reporter", "verdict", "delivery", "attempt", "thread", "group",
    ] {
        let sql = format!("SELECT COUNT(*) FROM dialogue_{table}");
        assert_eq!(world.int(&sql), 0, "{table}");
    }
}

/// Leads open tickets again while nodes delete them: each is whole, or gone whole.
#[rstest]
fn a_ticket_that_is_opened_again_meanwhile_stays_whole(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let peer = world.peer();
    let tickets: Vec<i64> = (0..60)
        .map(|count| world.delivered(&format!("r{count}")))
        .collect();
    world.clock.advance(31 * DAY_MS);
    world.count();
    let reopened: Vec<i64> = std::thread::scope(|scope| {
        let dropping = scope.spawn(|| peer.as_ref().unwrap_or(&world).drop_all(KEPT));
        let reopen = |ticket: &i64| {
            let reopen = world.dialogue.reopen(lead("boss"), *ticket, "x".to_owned());
            world.run(reopen).ok().map(|ticket| ticket.id)
        };
        // From the other end.
        let reopened = tickets.iter().rev().filter_map(reopen).collect();
        dropping.join().unwrap();
        reopened
    });
    world.drop_all(KEPT);
    for ticket in tickets {
        let expected = if reopened.contains(&ticket) {
            vec![1, 1, 2, 1, 1, 1, 1]
        } else {
            vec![0; 7]
        };
        assert_eq!(world.rows_of(ticket), expected, "{ticket}");
    }
}

#[rstest]
fn a_thread_goes_on_behind_what_is_gone(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let first = world.delivered("a");
    let again = |reason: &str| {
        let evidence = json!({"reason": reason});
        with(world.fresh("a"), "report_evidence", evidence)
    };
    world.clock.advance(20 * DAY_MS);
    let second = world.file(ONE, &again("second")).ticket();
    let follows = format!("SELECT follows FROM dialogue_ticket WHERE id = {second}");
    assert_eq!(world.int(&follows), first);
    world.clock.advance(11 * DAY_MS);
    world.count();
    assert_eq!(world.drop_all(KEPT), 1);
    assert!(!world.is_there(first));
    assert_eq!(world.int(&follows.replace("follows", "COUNT(follows)")), 0);
    assert_eq!(
        world.file(ONE, &again("second")).ticket(),
        second,
        "a repeat"
    );
    // The newest of the thread goes before the older one, whose callback was given up.
    world
        .judge(&lead("boss"), second, judgement("ad", &[]))
        .unwrap();
    world.end(second, 2, 4);
    let third = world.file(ONE, &again("third")).ticket();
    world
        .judge(&lead("boss"), third, judgement("ad", &[]))
        .unwrap();
    world.end(third, 1, 3);
    world.clock.advance(31 * DAY_MS);
    world.count();
    assert_eq!(world.drop_all(KEPT), 1);
    assert_eq!(
        world.file(ONE, &again("second")).ticket(),
        second,
        "a repeat"
    );
    let fourth = world.file(ONE, &again("third")).ticket();
    assert!(fourth > third, "what is gone is new");
    assert_eq!(
        world.int(&follows.replace(&second.to_string(), &fourth.to_string())),
        second
    );
}

fn figures(world: &World) -> Value {
    let path = "/api/apps/app-One_1/dialogue/monitor?from=2026-11-21&to=2026-11-21";
    let reply = world.api(&Method::GET, path, &Value::Null);
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[rstest]
fn figures_stay_and_nothing_goes_before_it_is_counted(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let all = Retention {
        audit_ms: Some(DAY_MS),
        ..KEPT
    };
    for report_id in ["a", "b", "c"] {
        world.clock.advance(1_000);
        world.delivered(report_id);
    }
    let before = figures(&world);
    assert_eq!(
        (&before["judged"], &before["delivered"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(before["latency"]["verdict"]["count"], 3);
    world.clock.advance(31 * DAY_MS);
    assert_eq!(world.drop_all(all), 0, "not counted yet");
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_audit"), 6);
    world.count();
    assert_eq!(world.drop_all(all), 3);
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_audit"), 0);
    assert_eq!(figures(&world), before);
}

#[rstest]
fn records_go_when_they_are_old(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let audit = Retention {
        audit_ms: Some(10 * DAY_MS),
        tickets_ms: None,
    };
    let ticket = world.delivered("a");
    world.clock.advance(10 * DAY_MS);
    world.count();
    assert_eq!(world.drop_once(audit).records, 0, "they are not older");
    world.clock.advance(1);
    let reopen = world
        .dialogue
        .reopen(lead("boss"), ticket, "appeal".to_owned());
    world.run(reopen).unwrap();
    assert_eq!(world.drop_once(audit).records, 2);
    let left = world.api(&Method::GET, "/api/audit", &Value::Null).json();
    assert_eq!(left["records"][0]["action"], "reopened", "{left}");
    assert_eq!(left["records"].as_array().unwrap().len(), 1);
    // Whose first claim and verdict are gone from the trail is judged again: that is no first verdict.
    world.claim(&lead("boss"), ticket).unwrap();
    world
        .judge(&lead("boss"), ticket, judgement("normal", &[]))
        .unwrap();
    let later = "/api/apps/app-One_1/dialogue/monitor?from=2026-11-22&to=2026-12-31";
    let later = world.api(&Method::GET, later, &Value::Null).json();
    assert_eq!(
        (&later["judged"], &later["reopened"]),
        (&json!(1), &json!(1))
    );
    for step in ["claim", "verdict"] {
        assert_eq!(later["latency"][step]["count"], 0, "{later}");
    }
}

#[rstest]
fn a_round_takes_so_many_records(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.execute(&format!(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 1200) \
         INSERT INTO dialogue_audit (at, actor, actor_key, action, app, ticket, details) \
         SELECT {NOON_MS} + i, 'm', 'k', 'saw', 1, 1, '{{}}' FROM n"
    ));
    let audit = Retention {
        audit_ms: Some(DAY_MS),
        tickets_ms: None,
    };
    world.clock.advance(DAY_MS + 1_101);
    world.count();
    let rounds = [500, 500, 100].map(|_| world.drop_once(audit).records);
    assert_eq!(rounds, [500, 500, 100]);
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_audit"), 100);
}
