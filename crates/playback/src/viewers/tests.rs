//! Numbers are drawn once for each viewer, however many ask.

use std::collections::HashSet;

use reportd_platform::random::SeededRandom;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::{Ground, run};
use rstest::rstest;

use super::*;

fn viewers(state: &Database, seed: u64) -> Arc<Viewers> {
    let registry = Arc::new(Registry::new(Arc::new(|| Ok(None))));
    let random = Arc::new(SeededRandom::new(seed));
    Arc::new(Viewers::new(state.clone(), random, registry))
}

fn store(ground: &Ground) -> Database {
    let state = ground.open("state");
    reportd_platform::MIGRATIONS.apply(&state).unwrap();
    crate::STATE_MIGRATIONS.apply(&state).unwrap();
    state
}

#[rstest]
fn all_who_ask_at_once_get_one_number_each(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let ground = Ground::new(kind);
        let state = store(&ground);
        let nodes = [viewers(&state, 1), viewers(&state, 2)];
        let ask = |index: usize| {
            let viewers = Arc::clone(&nodes[index % 2]);
            let mid = i64::try_from(index / 4).unwrap();
            tokio::spawn(async move { (mid, viewers.number(1, mid).await.unwrap()) })
        };
        let asked: Vec<_> = (0..2_000).map(ask).collect();
        let mut told = HashSet::new();
        for answer in asked {
            let (mid, identity) = answer.await.unwrap();
            assert!(identity.viewer >= LEAST_NUMBER && identity.paused.is_none());
            told.insert((mid, identity.viewer));
        }
        assert_eq!(told.len(), 500);
        let numbers: HashSet<_> = told.iter().map(|(_, viewer)| viewer).collect();
        assert_eq!(numbers.len(), 500);
        for (mid, viewer) in told {
            // Another that knows nothing yet finds the same; in another app it is somebody else.
            let fresh = viewers(&state, 3);
            let found = fresh.find(1, mid).await.unwrap().unwrap();
            assert_eq!(found.viewer, viewer);
            assert_eq!(fresh.find(2, mid).await.unwrap(), None);
            if mid > 10 {
                break;
            }
        }
    });
}

#[rstest]
fn an_erased_viewer_gets_another_number(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let ground = Ground::new(kind);
        let state = store(&ground);
        let viewers = viewers(&state, 1);
        let before = viewers.number(1, 7).await.unwrap();
        viewers.set_paused(1, 7, true, 0).await.unwrap();
        let paused = viewers.number(1, 7).await.unwrap();
        assert!(paused.paused.is_some_and(|number| number >= LEAST_NUMBER));
        let erased = state.write(|tx| erase(tx, (1, 7), 0)).unwrap();
        assert_eq!(erased.0, Some(paused));
        viewers.registry.apply(&erased.1);
        assert_eq!(viewers.find(1, 7).await.unwrap(), None);
        let after = viewers.number(1, 7).await.unwrap();
        assert!(after.viewer != before.viewer && after.paused.is_none());
        let none = state.write(|tx| erase(tx, (1, 8), 0)).unwrap();
        assert_eq!(none.0, None);
    });
}
