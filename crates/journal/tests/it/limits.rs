//! Limits: full means «try later», at once. What they limit stands before any store: one in memory serves.

use std::sync::Arc;

use reportd_journal::{AppendError, JournalError, Options};
use reportd_testbed::StoreKind::Embedded;

use crate::bed::{Bed, MemoryStore, entry, spawn_append};

fn small() -> Options {
    Options {
        queue_bytes: 100,
        ..Options::default()
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_with(Arc::clone(&store) as _, small()).unwrap();
    store.hold(true);
    let payload = "x".repeat(60);
    let in_hand = spawn_append(&journal, &payload);
    bed.until("the block is at the store", || store.is_waiting())
        .await;
    let waits = spawn_append(&journal, &payload);
    tokio::task::yield_now().await;
    let told = journal.append(|| entry(&payload)).await;
    assert_eq!(told, Err(AppendError::Full));
    store.hold(false);
    assert_eq!(in_hand.await.unwrap(), Ok(1));
    assert_eq!(waits.await.unwrap(), Ok(2));
    assert_eq!(journal.append(|| entry(&payload)).await, Ok(3));
}

#[tokio::test]
async fn an_entry_that_never_fits_is_told_apart() {
    let (bed, store) = (Bed::new(Embedded), Arc::new(MemoryStore::default()));
    let journal = bed.journal_with(store, small()).unwrap();
    let told = journal.append(|| entry(&"x".repeat(90))).await;
    assert_eq!(told, Err(AppendError::TooLarge { most: 100 }));
    assert_eq!(journal.append(|| entry(&"x".repeat(80))).await, Ok(1));
}

#[tokio::test]
async fn a_queue_larger_than_a_block_may_be_is_refused_by_name() {
    let options = Options {
        queue_bytes: (256 << 20) + 1,
        ..Options::default()
    };
    let told = Bed::new(Embedded)
        .journal_with(Arc::new(MemoryStore::default()), options)
        .err();
    let expected = JournalError::Option {
        name: "queue_bytes",
        most: 256 << 20,
    };
    assert_eq!(told, Some(expected));
}
