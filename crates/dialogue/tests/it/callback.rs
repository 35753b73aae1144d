//! Callbacks: sent at once, again, and again after a restart; one bad receiver beside a good one.

use std::sync::Arc;
use std::time::Duration;

use reportd_dialogue::callback::{
    BreakerOptions, Dispatcher, Options, Sender, SigningSecret, SystemNetwork, outbox, replay,
};
use reportd_protocol::dialogue::CallbackSecret;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;

use crate::field::{Became, Field, SECRET, quick};
use crate::receivers::{Manner, Receiver};

const S: fn(u64) -> Duration = Duration::from_secs;

fn is_signed(came: &crate::receivers::Came, now_ms: i64) -> bool {
    let secret = CallbackSecret::parse(SECRET).unwrap();
    let headers =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| came.header(name));
    let headers = (headers[0], headers[1], headers[2]);
    secret.verify(headers, &came.body, (now_ms / 1_000, 60))
}

#[rstest]
fn a_verdict_leaves_at_once_signed_and_is_written_down(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, receiver) = (Field::new(kind), Receiver::start(Manner::Well).await);
        let node = field.node("a", quick()).await;
        let first = field.send(&node, &receiver.url()).await;
        let became = field.until(first, outbox::DELIVERED).await;
        let expected = Became {
            state: 1,
            ticket: 3,
            attempts: 1,
            status: Some(200),
            error: None,
        };
        assert_eq!(became, expected);
        let second = field.send(&node, &receiver.url()).await;
        field.until(second, outbox::DELIVERED).await;
        let came = receiver.came();
        assert_eq!(came.len(), 2);
        assert_eq!(came[0].path, "/call?back=1");
        assert_eq!(came[0].id(), "msg_1");
        assert_eq!(came[0].body, b"appid=app&content=1");
        assert_eq!(came[0].header("reportd-revision"), "1");
        assert_eq!(came[0].header("host"), receiver.address.to_string());
        assert_eq!(
            came[0].header("content-type"),
            "application/x-www-form-urlencoded"
        );
        assert!(is_signed(&came[0], field.clock.now_ms()));
        assert_eq!(receiver.connections(), 1);
        let excerpt = field.rows("SELECT excerpt FROM dialogue_attempt", &[])[0].take_bytes(0);
        assert_eq!(excerpt.unwrap(), b"ok");
        node.close().await;
    });
}

/// A receiver that has either secret takes it.
#[test]
fn callbacks_are_signed_with_each_secret_in_force_the_newest_first() {
    run(async {
        let (field, receiver) = (Field::new(Embedded), Receiver::start(Manner::Well).await);
        let now_ms = field.clock.now_ms();
        let secret = |byte: u8, until_ms| SigningSecret {
            secret: CallbackSecret::parse(&text(byte)).unwrap(),
            until_ms,
        };
        fn text(byte: u8) -> String {
            format!("whsec_{}", char::from(byte).to_string().repeat(32))
        }
        let secrets = vec![
            secret(b'A', Some(now_ms)),
            secret(b'B', Some(now_ms + 600_000)),
            secret(b'C', None),
        ];
        let sender = Sender {
            secrets,
            allow_private: true,
            ..Sender::default()
        };
        let network = Arc::new(SystemNetwork::default());
        let node = field.node_with("a", quick(), sender, network).await;
        let sent = field.send(&node, &receiver.url()).await;
        field.until(sent, outbox::DELIVERED).await;
        let came = &receiver.came()[0];
        let [id, at_s, signatures] =
            ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| came.header(name));
        let signed_by = |byte: u8, signatures: &str| {
            let secret = CallbackSecret::parse(&text(byte)).unwrap();
            secret.verify((id, at_s, signatures), &came.body, (now_ms / 1_000, 60))
        };
        assert!(!signed_by(b'A', signatures), "its grace is over");
        let (newest, other) = signatures.split_once(' ').unwrap();
        assert!(signed_by(b'C', newest) && signed_by(b'B', other));
        node.close().await;
    });
}

#[rstest]
fn what_can_be_undone_waits_and_what_has_left_cannot(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, receiver) = (Field::new(kind), Receiver::start(Manner::Well).await);
        let node = field.node("a", quick()).await;
        let at = field.clock.now_ms() + 400;
        let (later, undone) = (
            field.new_delivery(&receiver.url(), at),
            field.new_delivery(&receiver.url(), at),
        );
        let (sent, handed) = field.write(vec![later, undone], None).await;
        assert!(handed.is_empty());
        let take_back = |index: usize| {
            let (ticket, verdict) = (sent[index].ticket, sent[index].ticket + 1_000);
            field
                .desk
                .write(move |tx| outbox::take_back(tx, ticket, verdict, 1))
        };
        assert_eq!(take_back(1).await, Ok(true));
        assert_eq!(receiver.count(), 0);
        field.until(sent[0], outbox::DELIVERED).await;
        assert!(field.clock.now_ms() >= at);
        assert_eq!(take_back(0).await, Ok(false));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(receiver.count(), 1);
        assert_eq!(field.became(sent[1]).state, outbox::TAKEN_BACK);
        node.close().await;
    });
}

/// A bad receiver: how it behaves, how often it is tried, and what stands there then.
#[rstest]
#[case::error(Manner::Status(500, String::new()), 3, Some(500), "status 500")]
#[case::busy(Manner::Status(429, "retry-after: 1\r\n".to_owned()), 3, Some(429), "status 429")]
#[case::redirect(
    Manner::Status(302, "location: http://169.254.169.254/\r\n".to_owned()), 3, Some(302),
    "302: redirects are not followed"
)]
#[case::gone(Manner::Status(410, String::new()), 1, Some(410), "gone")]
#[case::hang(Manner::Hang, 3, None, "no end within 400 ms")]
#[case::drip(Manner::Drip, 3, Some(200), "no end within 400 ms")]
#[case::endless(Manner::Endless, 3, Some(200), "no end within 400 ms")]
fn a_bad_receiver_is_tried_again_and_given_up(
    #[case] manner: Manner,
    #[case] attempts: i64,
    #[case] status: Option<i64>,
    #[case] error: &str,
) {
    run(async {
        let field = Field::new(Embedded);
        let (bad, good) = (
            Receiver::start(manner.clone()).await,
            Receiver::start(Manner::Well).await,
        );
        let node = field.node("a", quick()).await;
        let began = field.clock.monotonic();
        let sent = field.send(&node, &bad.url()).await;
        let beside = field.send(&node, &good.url()).await;
        field.until(beside, outbox::DELIVERED).await;
        let expected = Became {
            state: 2,
            ticket: 4,
            attempts,
            status,
            error: Some(error.to_owned()),
        };
        assert_eq!(field.until(sent, outbox::DEAD).await, expected);
        if matches!(manner, Manner::Status(429, _)) {
            let took = field.clock.monotonic() - began;
            assert!(took >= S(2), "{took:?}");
        }
        let came = bad.came();
        assert_eq!(i64::try_from(came.len()).unwrap(), attempts);
        assert!(
            came.iter()
                .all(|one| one.id() == came[0].id() && one.body == came[0].body)
        );
        let longest = "SELECT MAX(LENGTH(excerpt)) FROM dialogue_attempt";
        assert!(field.int(longest) <= 64 << 10);
        node.close().await;
    });
}

/// Any 2xx takes a delivery, however long it is; of its body the beginning is kept.
#[test]
fn a_long_reply_that_ends_in_time_takes_the_delivery() {
    run(async {
        let field = Field::new(Embedded);
        let receiver = Receiver::start(Manner::Long(200, 1_300_000)).await;
        let options = Options {
            timeout: S(10),
            ..quick()
        };
        let node = field.node("a", options).await;
        let sent = field.send(&node, &receiver.url()).await;
        let became = field.until(sent, outbox::DELIVERED).await;
        assert_eq!((became.attempts, became.status), (1, Some(200)));
        let kept = "SELECT MAX(LENGTH(excerpt)) FROM dialogue_attempt";
        assert_eq!(field.int(kept), 64 << 10);
        node.close().await;
    });
}

#[rstest]
fn a_closed_port_an_odd_address_and_a_lost_app_are_told(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let field = Field::new(kind);
        let node = field.node("a", quick()).await;
        let closed = field.send(&node, "http://127.0.0.1:1/").await;
        let odd = field.send(&node, "http:// /").await;
        let mut lost = field.new_delivery("http://127.0.0.1:1/", 0);
        lost.app = 2;
        let (lost, handed) = field.write(vec![lost], node.lease()).await;
        node.hand_over(handed);
        let error = field.until(closed, outbox::DEAD).await.error.unwrap();
        assert!(error.starts_with("cannot be connected to: "), "{error}");
        let error = field.until(odd, outbox::DEAD).await.error.unwrap();
        assert_eq!(error, "not a callback address: no URL");
        let error = field.until(lost[0], outbox::DEAD).await.error.unwrap();
        assert_eq!(error, "there is no such app");
        node.close().await;
    });
}

#[rstest]
fn dead_letters_are_sent_again_as_they_were(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let field = Field::new(kind);
        let receiver = Receiver::start(Manner::Status(410, String::new())).await;
        let node = field.node("a", quick()).await;
        let mut sent = Vec::new();
        for _ in 0..3 {
            sent.push(field.send(&node, &receiver.url()).await);
        }
        for one in &sent {
            field.until(*one, outbox::DEAD).await;
        }
        receiver.set(Manner::Long(200, 100_000));
        let now_ms = field.clock.now_ms();
        let again = |id: i64| field.desk.write(move |tx| replay::one(tx, id, now_ms));
        assert_eq!(again(sent[0].id).await, Ok(true));
        assert_eq!(field.became(sent[0]).ticket, 2);
        node.wake();
        let became = field.until(sent[0], outbox::DELIVERED).await;
        assert_eq!((became.attempts, became.ticket), (2, 3));
        assert_eq!(again(sent[0].id).await, Ok(false));
        let range = replay::ReplayRange {
            app: Some(1),
            host: Some(receiver.address.to_string()),
            from_ms: 0,
            to_ms: now_ms + 60_000,
            limit: 100,
        };
        let all = range.clone();
        let count = field.desk.write(move |tx| replay::range(tx, &all, now_ms));
        assert_eq!(count.await, Ok(2));
        for one in &sent {
            field.until(*one, outbox::DELIVERED).await;
        }
        let none = field
            .desk
            .write(move |tx| replay::range(tx, &range, now_ms));
        assert_eq!(none.await, Ok(0));
        let mut ids: Vec<_> = receiver
            .came()
            .iter()
            .map(|one| (one.id(), one.body.clone()))
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        let longest = "SELECT MAX(LENGTH(excerpt)) FROM dialogue_attempt";
        assert_eq!(field.int(longest), 64 << 10);
        node.close().await;
    });
}

#[rstest]
fn what_a_gone_process_had_leased_is_sent_by_the_next(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, receiver) = (Field::new(kind), Receiver::start(Manner::Well).await);
        let far_ms = field.clock.now_ms() + 600_000;
        let lease = |node: &str| outbox::Lease {
            node: node.into(),
            until_ms: far_ms,
        };
        let news = (0..600)
            .map(|_| field.new_delivery(&receiver.url(), 0))
            .collect();
        let (mine, _lost) = field.write(news, Some(lease("a"))).await;
        let other = vec![field.new_delivery(&receiver.url(), 0)];
        let (other, _lost) = field.write(other, Some(lease("b"))).await;
        let began = field.clock.monotonic();
        let options = Options {
            look: Duration::from_millis(500),
            ..quick()
        };
        let node = field.node("a", options).await;
        field.until_it("first", |_| receiver.count() > 0).await;
        let took = field.clock.monotonic() - began;
        assert!(took < S(2), "{took:?}");
        let left = "SELECT COUNT(*) FROM dialogue_delivery WHERE state = 0";
        let others = i64::from(kind == Postgres);
        field
            .until_it("all", |field| field.int(left) == others)
            .await;
        let mut ids: Vec<_> = receiver
            .came()
            .iter()
            .map(crate::receivers::Came::id)
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), mine.len() + usize::from(kind == Embedded));
        // Where several nodes may be the lease of another one stands.
        let expected = if kind == Embedded { 1 } else { 0 };
        assert_eq!(field.became(other[0]).state, expected);
        assert!(receiver.most_at_once() <= 32);
        node.close().await;
    });
}

#[test]
fn two_nodes_never_attempt_one_delivery_both() {
    run(async {
        let (field, receiver) = (Field::new(Postgres), Receiver::start(Manner::Well).await);
        let nodes = [
            field.node("a", quick()).await,
            field.node("b", quick()).await,
        ];
        let now_ms = field.clock.now_ms();
        for _ in 0..8 {
            let news = (0..50)
                .map(|_| field.new_delivery(&receiver.url(), now_ms))
                .collect();
            field.write(news, None).await;
        }
        let left = "SELECT COUNT(*) FROM dialogue_delivery WHERE state = 0";
        field.until_it("all", |field| field.int(left) == 0).await;
        assert_eq!(receiver.count(), 400);
        assert_eq!(field.int("SELECT COUNT(*) FROM dialogue_attempt"), 400);
        let undelivered = "SELECT COUNT(*) FROM dialogue_ticket WHERE state <> 3";
        assert_eq!(field.int(undelivered), 0);
        for node in nodes {
            node.close().await;
        }
    });
}

#[rstest]
fn a_breaker_spares_a_dead_receiver_and_finds_it_well_again(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let field = Field::new(kind);
        let receiver = Receiver::start(Manner::Status(500, String::new())).await;
        let options = Options {
            per_host: 4,
            breaker: BreakerOptions {
                failures: 10,
                open: Duration::from_millis(600),
            },
            schedule: vec![S(30); 8],
            ..quick()
        };
        let node = field.node("a", options).await;
        let now_ms = field.clock.now_ms();
        let news = (0..60)
            .map(|_| field.new_delivery(&receiver.url(), now_ms))
            .collect();
        let (sent, _) = field.write(news, None).await;
        field
            .until_it("open", |_| !node.figures().2.is_empty())
            .await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let tried = receiver.count();
        assert!((10..=13).contains(&tried), "{tried}");
        assert_eq!(node.figures().2, [receiver.address.to_string()]);
        // A verdict that comes meanwhile waits too.
        let late = field.send(&node, &receiver.url()).await;
        // One probe: it fails, and the breaker opens again.
        field
            .until_it("probe", |_| receiver.count() == tried + 1)
            .await;
        receiver.set(Manner::Well);
        field.until(late, outbox::DELIVERED).await;
        let left = "SELECT COUNT(*) FROM dialogue_delivery WHERE state = 0 AND attempts = 0";
        field.until_it("all", |field| field.int(left) == 0).await;
        let delivered = "SELECT COUNT(*) FROM dialogue_delivery WHERE state = 1";
        let failed = i64::try_from(tried + 1).unwrap();
        assert_eq!(field.int(delivered), 61 - failed);
        assert_eq!(sent.len(), 60);
        node.close().await;
    });
}

#[rstest]
fn a_breaker_that_opens_is_counted_where_nothing_else_waits(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let field = Field::new(kind);
        let receiver = Receiver::start(Manner::Status(500, String::new())).await;
        let options = Options {
            breaker: BreakerOptions {
                failures: 1,
                open: S(3_600),
            },
            ..quick()
        };
        let sender = Sender {
            allow_private: true,
            ..Sender::default()
        };
        let parts = field.parts("a", vec![sender], Arc::new(SystemNetwork::default()));
        let metrics = Arc::clone(&parts.metrics);
        let node = Dispatcher::start(parts, options).await.unwrap();
        field.send(&node, &receiver.url()).await;
        field
            .until_it("counted", |_| metrics.breakers_opened.get() == 1)
            .await;
        assert_eq!(node.figures().2, [receiver.address.to_string()]);
        node.close().await;
    });
}

/// More wait for the dead one than may be sent to it at a time.
#[rstest]
#[case(Manner::Hang)]
#[case(Manner::Endless)]
#[case(Manner::Drip)]
fn a_dead_receiver_does_not_delay_a_good_one(#[case] manner: Manner) {
    run(async {
        let field = Field::new(Embedded);
        let (bad, good) = (
            Receiver::start(manner).await,
            Receiver::start(Manner::Well).await,
        );
        let options = Options {
            timeout: S(3),
            ..quick()
        };
        let node = field.node("a", options).await;
        for _ in 0..100 {
            field.send(&node, &bad.url()).await;
        }
        let mut longest = Duration::ZERO;
        for count in 1..=50 {
            let began = field.clock.monotonic();
            field.send(&node, &good.url()).await;
            field.until_it("good", |_| good.count() == count).await;
            longest = longest.max(field.clock.monotonic() - began);
        }
        assert!(longest < Duration::from_millis(500), "{longest:?}");
        assert!(bad.most_at_once() <= 32);
        node.close().await;
    });
}

/// Together they would take all places: those that have taken nothing yet get a part of them, and one app a part of that.
#[test]
fn many_hosts_of_one_app_that_hang_do_not_delay_that_of_another() {
    run(async {
        let field = Field::new(Embedded);
        let good = Receiver::start(Manner::Well).await;
        let sender = Sender {
            allow_private: true,
            ..Sender::default()
        };
        let network = Arc::new(SystemNetwork::default());
        let parts = field.parts("a", vec![sender.clone(), sender], network);
        let options = Options {
            timeout: S(5),
            in_all: 64,
            ..quick()
        };
        let node = Dispatcher::start(parts, options).await.unwrap();
        let mut hanging = Vec::new();
        for _ in 0..16 {
            hanging.push(Receiver::start(Manner::Hang).await);
        }
        for _ in 0..10 {
            for receiver in &hanging {
                field.send(&node, &receiver.url()).await;
            }
        }
        field.until_it("all hang", |_| node.figures().0 >= 8).await;
        let began = field.clock.monotonic();
        let mut of_other = field.new_delivery(&good.url(), 0);
        of_other.app = 2;
        let (sent, handed) = field.write(vec![of_other], node.lease()).await;
        node.hand_over(handed);
        field.until(sent[0], outbox::DELIVERED).await;
        let took = field.clock.monotonic() - began;
        assert!(took < S(2), "{took:?}");
        node.close().await;
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_no_attempt() {
    run(async {
        let field = Field::new(Embedded);
        let receiver = Receiver::start(Manner::CloseBehind).await;
        let node = field.node("a", quick()).await;
        for _ in 0..10 {
            let sent = field.send(&node, &receiver.url()).await;
            let became = field.until(sent, outbox::DELIVERED).await;
            assert_eq!(became.attempts, 1);
        }
        node.close().await;
    });
}

#[rstest]
fn a_newer_verdict_takes_the_place_of_one_that_waits(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, receiver) = (Field::new(kind), Receiver::start(Manner::Hang).await);
        let node = field.node("a", quick()).await;
        let far_ms = field.clock.now_ms() + 600_000;
        let waits = field.new_delivery(&receiver.url(), far_ms);
        let (waits, _) = field.write(vec![waits], None).await;
        let runs = field.send(&node, &receiver.url()).await;
        field.until_it("runs", |_| receiver.count() == 1).await;
        for old in [waits[0], runs] {
            let ticket = old.ticket;
            let replaced = field.desk.write(move |tx| outbox::replace(tx, ticket, 1));
            assert_eq!(replaced.await, Ok(u64::from(old == waits[0])));
            let mut newer = field.new_delivery(&receiver.url(), far_ms);
            (newer.ticket, newer.verdict, newer.revision) = (ticket, ticket + 2_000, 2);
            field.write(vec![newer], None).await;
        }
        field.until(waits[0], outbox::TAKEN_BACK).await;
        // The attempt that ran was its last.
        let became = field.until(runs, outbox::TAKEN_BACK).await;
        assert_eq!((became.attempts, became.ticket), (1, 2));
        node.close().await;
    });
}

#[test]
fn what_waits_when_a_node_closes_is_due_for_the_others_at_once() {
    run(async {
        let (field, receiver) = (Field::new(Postgres), Receiver::start(Manner::Hang).await);
        let options = Options {
            per_host: 1,
            timeout: Duration::from_millis(700),
            ..quick()
        };
        let node = field.node("a", options).await;
        let (runs, waits) = (
            field.send(&node, &receiver.url()).await,
            field.send(&node, &receiver.url()).await,
        );
        field.until_it("runs", |_| receiver.count() == 1).await;
        node.close().await;
        assert_eq!(node.lease(), None);
        assert_eq!(field.became(runs).attempts, 1);
        assert_eq!(field.became(waits).attempts, 0);
        let leased = "SELECT COUNT(*) FROM dialogue_delivery WHERE leased_by IS NOT NULL";
        assert_eq!(field.int(leased), 0);
        receiver.set(Manner::Well);
        let other = field.node("b", quick()).await;
        field.until(waits, outbox::DELIVERED).await;
        field.until(runs, outbox::DELIVERED).await;
        other.close().await;
    });
}
