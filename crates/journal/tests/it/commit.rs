//! Group commit: an answer comes after the store has the block, and every sender gets one. Tests that hold a
//! store up or let it fail have one in memory, and no use for the other kinds.

use std::sync::Arc;

use reportd_journal::AppendError;
use reportd_platform::clock::{MINUTE_MS, SECOND_MS};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;

use crate::bed::{Bed, Fault, MemoryStore, all, append_each, entry, folded, scanned, spawn_append};

#[tokio::test]
async fn nothing_is_acknowledged_before_the_store_has_it() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_on(Arc::clone(&store) as _);
    store.hold(true);
    let sender = spawn_append(&journal, "a");
    bed.until("the block is at the store", || store.is_waiting())
        .await;
    assert_eq!((store.count(), journal.end()), (0, 1));
    assert!(!sender.is_finished());
    store.hold(false);
    assert_eq!(sender.await.unwrap(), Ok(1));
    assert_eq!((store.count(), journal.end()), (1, 2));
}

#[tokio::test]
async fn what_waits_together_becomes_one_block() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_on(Arc::clone(&store) as _);
    store.hold(true);
    let first = spawn_append(&journal, "a");
    bed.until("the block is at the store", || store.is_waiting())
        .await;
    let others = ["b", "c", "d"].map(|payload| spawn_append(&journal, payload));
    tokio::task::yield_now().await;
    store.hold(false);
    assert_eq!(first.await.unwrap(), Ok(1));
    for (sequence, other) in (2..).zip(others) {
        assert_eq!(other.await.unwrap(), Ok(sequence));
    }
    let mut counts = Vec::new();
    store.change(|blocks| counts = blocks.iter().map(|block| block.count).collect());
    assert_eq!(counts, [1, 3]);
}

#[tokio::test]
async fn a_refused_block_is_told_and_the_next_one_goes_on() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_on(Arc::clone(&store) as _);
    append_each(&journal, &["a"]).await;
    store.set_fault(Fault::Refuse);
    for _ in 0..2 {
        let told = journal.append(|| entry("lost")).await;
        let cause = "the store is unavailable: the disk is full".to_owned();
        assert_eq!(told, Err(AppendError::Unavailable(cause)));
        assert!(!journal.is_writable());
    }
    store.set_fault(Fault::None);
    assert!(journal.is_writable(), "the probe finds it well again");
    assert_eq!(append_each(&journal, &["b"]).await, [2]);
    assert_eq!(scanned(&journal, &all()).unwrap(), ["b", "a"]);
}

#[tokio::test]
async fn a_writer_that_panics_leaves_nobody_waiting() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_on(Arc::clone(&store) as _);
    store.hold(true);
    let in_hand = spawn_append(&journal, "a");
    bed.until("the block is at the store", || store.is_waiting())
        .await;
    let waits = spawn_append(&journal, "b");
    tokio::task::yield_now().await;
    store.set_fault(Fault::Panic);
    store.hold(false);
    assert_eq!(in_hand.await.unwrap(), Err(AppendError::Closed));
    assert_eq!(waits.await.unwrap(), Err(AppendError::Closed));
    let late = journal.append(|| entry("c")).await;
    assert_eq!(late, Err(AppendError::Closed));
    store.set_fault(Fault::None);
    assert!(!journal.is_writable());
}

#[tokio::test]
async fn entries_that_waited_longer_than_a_minute_are_refused_and_not_stored() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_on(Arc::clone(&store) as _);
    for (round, waited_ms) in [(0, MINUTE_MS), (1, MINUTE_MS + SECOND_MS)] {
        store.hold(true);
        let in_hand = spawn_append(&journal, &format!("{round}a"));
        bed.until("the block is at the store", || store.is_waiting())
            .await;
        let stored = store.count();
        // They wait for the writer, which is held up, as is all else in a process that is stopped.
        let wait = ["b", "c"].map(|name| spawn_append(&journal, &format!("{round}{name}")));
        tokio::task::yield_now().await;
        bed.clock.advance(waited_ms);
        store.hold(false);
        assert_eq!(in_hand.await.unwrap(), Ok(stored + 1), "it was in time");
        for (sequence, sender) in (stored + 2..).zip(wait) {
            match (round, sender.await.unwrap()) {
                (0, told) => assert_eq!(told, Ok(sequence), "just in time"),
                (_, Err(AppendError::Unavailable(_))) => {}
                (_, told) => panic!("{told:?}"),
            }
        }
    }
    assert_eq!((store.count(), journal.end()), (4, 5));
    assert_eq!(append_each(&journal, &["next"]).await, [5]);
    assert_eq!(
        scanned(&journal, &all()).unwrap(),
        ["next", "1a", "0c", "0b", "0a"]
    );
    assert!(journal.is_writable());
}

#[rstest]
fn reopening_goes_on_behind_the_newest_entry(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        assert_eq!(append_each(&journal, &["a", "b"]).await, [1, 2]);
        journal.close().unwrap();
        let journal = bed.journal();
        assert_eq!(journal.end(), 3);
        assert_eq!(append_each(&journal, &["c"]).await, [3]);
        // Dropped without being closed, as by a crash.
        drop(journal);
        let journal = bed.journal();
        assert_eq!(append_each(&journal, &["d"]).await, [4]);
        let projector = bed.project(&journal);
        bed.until_level(&projector).await;
        assert_eq!(folded(&bed.views, "ledger"), ["a", "b", "c", "d"]);
    });
}

#[tokio::test]
async fn closing_writes_what_waits() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_on(Arc::clone(&store) as _);
    store.hold(true);
    let in_hand = spawn_append(&journal, "a");
    bed.until("the block is at the store", || store.is_waiting())
        .await;
    let waits = ["b", "c"].map(|payload| spawn_append(&journal, payload));
    tokio::task::yield_now().await;
    let closing = Arc::clone(&journal);
    let closed = tokio::task::spawn_blocking(move || closing.close());
    bed.until("it is closed to new entries", || !journal.is_writable())
        .await;
    store.hold(false);
    closed.await.unwrap().unwrap();
    assert_eq!(in_hand.await.unwrap(), Ok(1));
    for (sequence, sender) in (2..).zip(waits) {
        assert_eq!(sender.await.unwrap(), Ok(sequence));
    }
    assert_eq!(store.count(), 3);
    let late = journal.append(|| entry("d")).await;
    assert_eq!(late, Err(AppendError::Closed));
}

#[rstest]
fn an_ambiguous_commit_is_folded_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let (bed, store) = (Bed::new(kind), Arc::new(MemoryStore::default()));
        let journal = bed.journal_on(Arc::clone(&store) as _);
        let projector = bed.project(&journal);
        store.set_fault(Fault::Ambiguous);
        let told = journal.append(|| entry("a")).await;
        assert!(matches!(told, Err(AppendError::Unavailable(_))), "{told:?}");
        store.set_fault(Fault::None);
        assert_eq!(append_each(&journal, &["b"]).await, [2]);
        bed.until("both are folded", || {
            folded(&bed.views, "ledger") == ["a", "b"]
        })
        .await;
        bed.until_level(&projector).await;
    });
}

#[tokio::test]
async fn an_ambiguous_commit_is_found_when_the_store_can_be_read_again() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_on(Arc::clone(&store) as _);
    store.set_fault(Fault::AmbiguousAndGone);
    assert!(journal.append(|| entry("a")).await.is_err());
    let told = journal.append(|| entry("b")).await;
    assert!(
        told.is_err(),
        "nothing is written where the place is not sure"
    );
    assert_eq!((store.count(), journal.end()), (1, 1));
    store.set_fault(Fault::None);
    assert_eq!(append_each(&journal, &["b"]).await, [2]);
    assert_eq!(scanned(&journal, &all()).unwrap(), ["b", "a"]);
}
