//! The projector: views take turns, a view that fails is told and tried again, and stopping ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reportd_journal::{Journal, Options};
use reportd_platform::clock::{MINUTE_MS, SECOND_MS};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;

use crate::bed::{Bed, Faults, Ledger, MemoryStore, NOW_MS, append_each, folded, status};

/// A journal that keeps nothing in memory, with `count` blocks: each is a batch.
async fn journal_of(bed: &Bed, count: usize) -> (Arc<Journal>, Vec<String>) {
    let options = Options {
        tail_bytes: 0,
        ..Options::default()
    };
    let store = Arc::new(MemoryStore::default());
    let journal = bed.journal_with(store, options).unwrap();
    let payloads: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    let texts: Vec<_> = payloads.iter().map(String::as_str).collect();
    append_each(&journal, &texts).await;
    (journal, payloads)
}

#[rstest]
fn views_take_turns(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let (journal, payloads) = journal_of(&bed, 10).await;
        let views = ["first", "second"].map(|name| Ledger::new(name, Arc::clone(&bed.faults)));
        let projector = bed.project_into(&journal, views.into());
        bed.until("both are level", || {
            projector
                .status()
                .iter()
                .all(|view| view.entries_behind == 0)
        })
        .await;
        let order = bed.faults.order.lock().unwrap().clone();
        assert_eq!(order, ["first", "second"].repeat(10));
        for name in ["first", "second"] {
            assert_eq!(folded(&bed.views, name), payloads);
        }
    });
}

#[rstest]
fn a_view_that_fails_or_panics_is_told_and_tried_again(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let bed = Bed::new(kind);
        let (journal, payloads) = journal_of(&bed, 3).await;
        bed.faults.panics.store(true, Ordering::SeqCst);
        let well = Arc::<Faults>::default();
        let views = vec![
            Ledger::new("torn", Arc::clone(&bed.faults)),
            Ledger::new("well", Arc::clone(&well)),
        ];
        let projector = bed.project_into(&journal, views);
        let stuck = |text: &str| status(&projector).stuck.as_deref() == Some(text);
        bed.until("the panic is told", || {
            stuck("it panicked: the ledger is torn")
        })
        .await;
        bed.until("it was tried again", || bed.faults.batches() > 2)
            .await;
        bed.until("the other one goes on", || {
            folded(&bed.views, "well") == payloads
        })
        .await;
        assert!(bed.faults.rolled_back.load(Ordering::SeqCst) > 0);
        assert_eq!(well.rolled_back.load(Ordering::SeqCst), 0);
        assert!(folded(&bed.views, "torn").is_empty());

        bed.faults.fails.store(true, Ordering::SeqCst);
        bed.faults.panics.store(false, Ordering::SeqCst);
        bed.until("the failure is told", || {
            stuck("the store is unavailable: the ledger is closed")
        })
        .await;
        bed.faults.fails.store(false, Ordering::SeqCst);
        bed.until_level(&projector).await;
        assert_eq!(status(&projector).stuck, None);
        assert_eq!(folded(&bed.views, "torn"), payloads);
    });
}

#[rstest]
fn a_fold_that_was_committed_and_told_as_failed_is_not_repeated(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let bed = Bed::new(kind);
        let (journal, payloads) = journal_of(&bed, 3).await;
        bed.faults
            .commits_all_the_same
            .store(true, Ordering::SeqCst);
        let projector = bed.project(&journal);
        bed.until_level(&projector).await;
        assert_eq!(folded(&bed.views, "ledger"), payloads);
        assert_eq!(bed.faults.rolled_back.load(Ordering::SeqCst), 1);
    });
}

#[rstest]
fn stopping_folds_what_is_there(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let (journal, payloads) = journal_of(&bed, 20).await;
        let projector = bed.project(&journal);
        journal.close().unwrap();
        projector.stop();
        assert_eq!(folded(&bed.views, "ledger"), payloads);
    });
}

#[rstest]
fn stopping_ends_in_time_and_what_is_left_is_folded_later(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let bed = Bed::new(kind);
        let (journal, payloads) = journal_of(&bed, 200).await;
        bed.faults.hold();
        let projector = Arc::new(bed.project(&journal));
        let stopping = Arc::clone(&projector);
        let stopped = tokio::task::spawn_blocking(move || stopping.stop());
        while !stopped.is_finished() {
            // Each batch takes a second; one is folded at a time, so that the stop is seen between two.
            let before = bed.faults.batches();
            bed.faults.let_one();
            bed.until("the next batch came, or it ended", || {
                bed.faults.batches() > before || stopped.is_finished()
            })
            .await;
            bed.clock.advance(SECOND_MS);
        }
        assert!(folded(&bed.views, "ledger").len() < payloads.len());
        bed.faults.let_all();
        let projector = bed.project(&journal);
        bed.until("the rest is folded", || {
            folded(&bed.views, "ledger") == payloads
        })
        .await;
        projector.stop();
    });
}

#[rstest]
fn pruning_keeps_a_margin_behind_the_newest_folded_entry(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let bed = Bed::new(kind);
        let (journal, _) = journal_of(&bed, 1).await;
        let projector = bed.project(&journal);
        bed.until_level(&projector).await;
        let horizon_ms = || bed.faults.horizon_ms.load(Ordering::SeqCst);
        let expected = NOW_MS - 15 * MINUTE_MS;
        bed.until("it was pruned", || horizon_ms() == expected)
            .await;
        // The clock runs back behind what was received: the margin is taken from the clock.
        bed.clock.advance(-600 * SECOND_MS);
        bed.until("the horizon follows the clock", || {
            horizon_ms() < expected - MINUTE_MS
        })
        .await;
    });
}
