//! A newer verdict of a ticket takes the place of the older ones: what has not left of those never does, whatever becomes
//! of it.

use reportd_dialogue::callback::{Options, outbox, replay};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;

use crate::field::{Field, Sent, quick};
use crate::receivers::{Manner, Receiver};

/// Gives the ticket of a delivery a newer verdict, which leaves in ten minutes.
async fn judge_anew(field: &Field, before: Sent, url: &str) {
    let far_ms = field.clock.now_ms() + 600_000;
    let mut newer = field.new_delivery(url, far_ms);
    (newer.ticket, newer.verdict, newer.revision) = (before.ticket, before.ticket + 2_000, 2);
    field.write(vec![newer], None).await;
}

async fn replace(field: &Field, ticket: i64) -> u64 {
    let replaced = field.desk.write(move |tx| outbox::replace(tx, ticket, 1));
    replaced.await.unwrap()
}

async fn replay_all(field: &Field) -> u64 {
    let range = replay::ReplayRange {
        from_ms: 0,
        to_ms: i64::MAX,
        limit: 100,
        ..replay::ReplayRange::default()
    };
    let replayed = field.desk.write(move |tx| replay::range(tx, &range, 1));
    replayed.await.unwrap()
}

/// One whose verdict was replaced before dead letters were, too.
#[rstest]
#[case(Embedded, true)]
#[case(Embedded, false)]
#[case(Postgres, true)]
#[case(Postgres, false)]
fn a_dead_letter_of_an_older_verdict_is_never_sent_again(
    #[case] kind: StoreKind,
    #[case] is_replaced: bool,
) {
    run(async {
        let field = Field::new(kind);
        let receiver = Receiver::start(Manner::Status(410, String::new())).await;
        let node = field.node("a", quick()).await;
        let (old, other) = (
            field.send(&node, &receiver.url()).await,
            field.send(&node, &receiver.url()).await,
        );
        field.until(old, outbox::DEAD).await;
        field.until(other, outbox::DEAD).await;
        if is_replaced {
            assert_eq!(replace(&field, old.ticket).await, 1);
            assert_eq!(field.became(old).state, outbox::TAKEN_BACK);
        }
        judge_anew(&field, old, &receiver.url()).await;
        let one = field.desk.write(move |tx| replay::one(tx, old.id, 1));
        assert_eq!(one.await, Ok(false));
        // A range goes on behind it.
        assert_eq!(replay_all(&field).await, 1);
        assert_eq!(field.became(other).state, outbox::PENDING);
        node.close().await;
    });
}

#[rstest]
fn what_was_leased_and_not_attempted_is_not_sent_behind_a_newer_verdict(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, receiver) = (Field::new(kind), Receiver::start(Manner::Hang).await);
        let options = Options {
            per_host: 1,
            ..quick()
        };
        let node = field.node("a", options).await;
        let (runs, waits) = (
            field.send(&node, &receiver.url()).await,
            field.send(&node, &receiver.url()).await,
        );
        field.until_it("runs", |_| receiver.count() == 1).await;
        assert_eq!(replace(&field, waits.ticket).await, 0, "it is leased");
        judge_anew(&field, waits, &receiver.url()).await;
        // It gives back what waits.
        node.close().await;
        assert_eq!(field.became(waits).state, outbox::TAKEN_BACK);
        assert_eq!(field.became(runs).state, outbox::PENDING);
        assert_eq!(receiver.count(), 1);
    });
}

#[rstest]
fn what_a_gone_process_had_leased_is_not_sent_behind_a_newer_verdict(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, receiver) = (Field::new(kind), Receiver::start(Manner::Well).await);
        let lease = outbox::Lease {
            node: "a".into(),
            until_ms: field.clock.now_ms() + 600_000,
        };
        let news = vec![
            field.new_delivery(&receiver.url(), 0),
            field.new_delivery(&receiver.url(), 0),
        ];
        let (sent, _lost) = field.write(news, Some(lease)).await;
        judge_anew(&field, sent[0], &receiver.url()).await;
        let node = field.node("a", quick()).await;
        field.until(sent[1], outbox::DELIVERED).await;
        field.until(sent[0], outbox::TAKEN_BACK).await;
        assert_eq!(receiver.count(), 1);
        node.close().await;
    });
}

/// Its last attempt, however that ends.
#[rstest]
fn an_attempt_that_runs_while_the_verdict_is_replaced_leaves_no_dead_letter(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, receiver) = (Field::new(kind), Receiver::start(Manner::Hang).await);
        let options = Options {
            schedule: Vec::new(),
            ..quick()
        };
        let node = field.node("a", options).await;
        let runs = field.send(&node, &receiver.url()).await;
        field.until_it("runs", |_| receiver.count() == 1).await;
        judge_anew(&field, runs, &receiver.url()).await;
        field.until(runs, outbox::TAKEN_BACK).await;
        let ended = "SELECT COUNT(*) FROM dialogue_delivery WHERE state = 3 AND done_at > 1";
        assert_eq!(field.int(ended), 1);
        node.close().await;
    });
}
