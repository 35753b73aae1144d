//! Fresh reads: a read waits for what was acknowledged before it, and for nothing else.

use std::sync::Arc;
use std::time::Duration;

use reportd_journal::{Journal, Kind, LOCAL_STREAM, Lag, NewEntry};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;
use tokio::task::JoinHandle;

use crate::bed::{Bed, Faults, KIND, Ledger, append_each, entry, folded};

const FRESH: Lag = Lag { ms: 0 };

/// A read that has begun, and waits.
async fn begin_read(journal: &Arc<Journal>, owner: u64) -> JoinHandle<Lag> {
    let journal = Arc::clone(journal);
    let mut read = Box::pin(async move { journal.fresh(KIND, owner).await });
    let told = tokio::time::timeout(Duration::ZERO, &mut read).await;
    assert!(told.is_err(), "it does not wait: {told:?}");
    tokio::spawn(read)
}

#[rstest]
fn a_read_waits_for_exactly_what_was_acknowledged(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        let _projector = bed.project(&journal);
        bed.faults.hold();
        append_each(&journal, &["a"]).await;
        bed.until("the fold is held", || bed.faults.batches() == 1)
            .await;
        let read = begin_read(&journal, 1).await;
        assert!(!read.is_finished(), "the fold has not ended");
        assert_eq!(journal.folded_ends(KIND).unwrap()[&LOCAL_STREAM], 1);
        append_each(&journal, &["later"]).await;
        bed.faults.let_one();
        assert_eq!(read.await.unwrap(), FRESH);
        assert_eq!(journal.folded_ends(KIND).unwrap()[&LOCAL_STREAM], 2);
        assert_eq!(folded(&bed.views, "ledger"), ["a"], "not what came later");
        bed.faults.let_all();
        assert_eq!(journal.fresh(KIND, 1).await, FRESH);
        assert_eq!(folded(&bed.views, "ledger"), ["a", "later"]);
    });
}

#[rstest]
fn a_read_of_either_owner_waits(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        let _projector = bed.project(&journal);
        bed.faults.hold();
        let new = NewEntry {
            owners: [7, 1 << 40],
            ..entry("a")
        };
        journal.append(|| new).await.unwrap();
        bed.until("the fold is held", || bed.faults.batches() == 1)
            .await;
        let reads = [
            begin_read(&journal, 7).await,
            begin_read(&journal, 1 << 40).await,
        ];
        assert_eq!(journal.fresh(KIND, 1).await, FRESH);
        bed.faults.let_all();
        for read in reads {
            assert_eq!(read.await.unwrap(), FRESH);
        }
    });
}

#[rstest]
fn others_and_kinds_without_a_view_are_fresh_at_once(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let bed = Bed::new(kind);
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
    });
}

#[rstest]
fn a_read_waits_for_all_views_of_its_kind(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
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
        let read = begin_read(&journal, 1).await;
        assert!(!read.is_finished());
        assert_eq!(journal.folded_ends(KIND).unwrap()[&LOCAL_STREAM], 1);
        held.let_all();
        assert_eq!(read.await.unwrap(), FRESH);
        assert_eq!(folded(&bed.views, "second"), ["a"]);
    });
}

#[rstest]
fn a_read_gives_up_after_its_time_and_tells_the_lag(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
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
    });
}

#[rstest]
fn what_was_there_at_the_start_is_waited_for(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        append_each(&journal, &["a"]).await;
        journal.close().unwrap();
        let journal = bed.journal();
        bed.faults.hold();
        let _projector = bed.project(&journal);
        let read = begin_read(&journal, 7).await;
        bed.until("the fold is held", || bed.faults.batches() == 1)
            .await;
        assert!(!read.is_finished(), "whose the entries are is not known");
        bed.faults.let_all();
        assert_eq!(read.await.unwrap(), FRESH);
    });
}
