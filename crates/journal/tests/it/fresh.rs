//! Fresh reads: a read waits for what was acknowledged before it, and for nothing else.

use std::sync::Arc;

use reportd_journal::{Journal, Kind, LOCAL_STREAM, Lag, NewEntry};
use tokio::task::JoinHandle;

use crate::bed::{Bed, Faults, KIND, Ledger, append_each, entry, folded};

const FRESH: Lag = Lag { ms: 0 };

fn spawn_read(journal: &Arc<Journal>, owner: u64) -> JoinHandle<Lag> {
    let journal = Arc::clone(journal);
    tokio::spawn(async move { journal.fresh(KIND, owner).await })
}

#[tokio::test]
async fn a_read_waits_for_exactly_what_was_acknowledged() {
    let bed = Bed::new();
    let journal = bed.journal();
    let _projector = bed.project(&journal);
    bed.faults.hold();
    append_each(&journal, &["a"]).await;
    bed.until("the fold is held", || bed.faults.batches() == 1)
        .await;
    let read = spawn_read(&journal, 1);
    tokio::task::yield_now().await;
    assert!(!read.is_finished(), "the fold has not ended");
    assert_eq!(journal.folded_ends(KIND).unwrap()[&LOCAL_STREAM], 1);
    append_each(&journal, &["later"]).await;
    bed.faults.let_one();
    assert_eq!(read.await.unwrap(), FRESH);
    assert_eq!(journal.folded_ends(KIND).unwrap()[&LOCAL_STREAM], 2);
    assert_eq!(folded(&bed.views, "ledger"), ["a"], "not what came later");
    bed.faults.let_all();
    assert_eq!(spawn_read(&journal, 1).await.unwrap(), FRESH);
    assert_eq!(folded(&bed.views, "ledger"), ["a", "later"]);
}

#[tokio::test]
async fn others_and_kinds_without_a_view_are_fresh_at_once() {
    let bed = Bed::new();
    let journal = bed.journal();
    let _projector = bed.project(&journal);
    bed.faults.hold();
    let other = Kind(8);
    for kind in [KIND, other] {
        let new = NewEntry { kind, ..entry("a") };
        journal.append(|| new).await.unwrap();
    }
    assert_eq!(journal.fresh(KIND, 2).await, FRESH);
    assert_eq!(journal.fresh(other, 1).await, FRESH);
    assert_eq!(
        journal.folded_ends(other).unwrap()[&LOCAL_STREAM],
        journal.end()
    );
    assert_eq!(journal.folded_ends(KIND).unwrap()[&LOCAL_STREAM], 1);
    bed.faults.let_all();
}

#[tokio::test]
async fn a_read_waits_for_all_views_of_its_kind() {
    let bed = Bed::new();
    let journal = bed.journal();
    let held = Arc::<Faults>::default();
    let views = vec![
        Ledger::new("first", Arc::clone(&bed.faults)),
        Ledger::new("second", Arc::clone(&held)),
    ];
    let _projector = bed.project_into(&journal, views);
    held.hold();
    append_each(&journal, &["a"]).await;
    bed.until("the second is held", || held.batches() == 1)
        .await;
    assert_eq!(folded(&bed.views, "first"), ["a"]);
    let read = spawn_read(&journal, 1);
    tokio::task::yield_now().await;
    assert!(!read.is_finished());
    assert_eq!(journal.folded_ends(KIND).unwrap()[&LOCAL_STREAM], 1);
    held.let_all();
    assert_eq!(read.await.unwrap(), FRESH);
    assert_eq!(folded(&bed.views, "second"), ["a"]);
}

#[tokio::test]
async fn a_read_gives_up_after_its_time_and_tells_the_lag() {
    let bed = Bed::new();
    let journal = bed.journal();
    let projector = bed.project(&journal);
    append_each(&journal, &["a"]).await;
    bed.until_level(&projector).await;
    bed.faults.hold();
    bed.clock.advance(5_000);
    append_each(&journal, &["b"]).await;
    let lag = journal.fresh(KIND, 1).await;
    assert!((5_000..60_000).contains(&lag.ms), "{lag:?}");
    bed.faults.let_all();
    assert_eq!(journal.fresh(KIND, 1).await, FRESH);
}

#[tokio::test]
async fn what_was_there_at_the_start_is_waited_for() {
    let bed = Bed::new();
    let journal = bed.journal();
    append_each(&journal, &["a"]).await;
    journal.close().unwrap();
    let journal = bed.journal();
    bed.faults.hold();
    let _projector = bed.project(&journal);
    let read = spawn_read(&journal, 7);
    bed.until("the fold is held", || bed.faults.batches() == 1)
        .await;
    assert!(!read.is_finished(), "whose the entries are is not known");
    bed.faults.let_all();
    assert_eq!(read.await.unwrap(), FRESH);
}
