//! Deletes and their bytes.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use reportd_protocol::playback::meaning::{DeleteScope, DeletedVideo, Kid, OrderKey};

use super::{
    Delete, FINAL_MS, INTERVAL_MS, Made, Seen, SeenNews, UNDO_ARRIVES_MS, standing_deletes,
};

const NOW_MS: i64 = 1_795_273_200_000;

fn key(later_ms: i64) -> OrderKey {
    OrderKey {
        received_at_ms: NOW_MS + later_ms,
        stream: 1,
        sequence: later_ms.unsigned_abs(),
    }
}

fn entry(kid: &str) -> DeleteScope {
    DeleteScope::Entry(Kid::parse(kid).unwrap())
}

fn made(later_ms: i64, scope: DeleteScope) -> Delete {
    Delete {
        made: Some(Made {
            key: key(later_ms),
            scope,
            arrived_at_ms: NOW_MS + later_ms,
        }),
        undone_at_ms: None,
    }
}

fn undone(later_ms: i64) -> Delete {
    Delete {
        made: None,
        undone_at_ms: Some(NOW_MS + later_ms),
    }
}

fn scopes() -> impl Strategy<Value = DeleteScope> {
    let kids = ["archive_1", "cheese_2", "pgc_5", "pgc_1"];
    prop_oneof![
        Just(DeleteScope::All),
        select(kids.to_vec()).prop_map(entry)
    ]
}

fn deletes() -> impl Strategy<Value = Vec<(u64, Delete)>> {
    let delete = (
        of((0..UNDO_ARRIVES_MS * 2, scopes())),
        of(0..UNDO_ARRIVES_MS * 2),
    )
        .prop_map(|(of_made, undone_ms)| Delete {
            made: of_made.and_then(|(later_ms, scope)| made(later_ms, scope).made),
            undone_at_ms: undone_ms.map(|later_ms| NOW_MS + later_ms),
        });
    vec((0..4_u64, delete), 0..6)
}

fn seen(deletes: Vec<(u64, Delete)>) -> Seen {
    let mut seen = Seen::default();
    let news = SeenNews {
        deletes,
        ..SeenNews::default()
    };
    seen.take(&news, i64::MIN);
    seen
}

proptest! {
    #[test]
    fn a_row_reads_back(
        deletes in deletes(),
        intervals in vec((0..9_i64, any::<bool>()), 0..4),
        (is_erased, forgotten_ms) in (any::<bool>(), of(0..UNDO_ARRIVES_MS * 3)),
    ) {
        let mut seen = seen(deletes);
        let news = SeenNews { is_erased, intervals, ..SeenNews::default() };
        seen.take(&news, i64::MIN);
        if let Some(later_ms) = forgotten_ms {
            seen.forget_final(NOW_MS + later_ms);
            seen.final_before_ms = Some(NOW_MS + later_ms);
        }
        let bytes = seen.encode();
        prop_assert_eq!(bytes.is_empty(), seen == Seen::default());
        prop_assert_eq!(Seen::decode(&bytes), Some(seen));
        for end in 1..bytes.len() {
            prop_assert_eq!(Seen::decode(&bytes[..end]), None);
        }
    }

    /// As the spec says it, delete by delete.
    #[test]
    fn cuts_are_what_the_deletes_say(deletes in deletes(), seasons in 0..3_usize, is_episode: bool) {
        let seen = seen(deletes);
        for aid in [1, 2, 5] {
            let video = DeletedVideo { aid, seasons: &[1, 5][..seasons], is_episode };
            let standing = standing_deletes(&seen.encode()).unwrap().into_iter();
            let covering = standing.filter(|(_, _, scope, is_undone)| !is_undone && scope.covers(&video));
            let newest = covering.map(|(_, key, ..)| key).max();
            prop_assert_eq!(seen.cuts().newest_covering(&video), newest);
        }
    }

    #[test]
    fn any_bytes_are_a_row_or_none(bytes in vec(any::<u8>(), 0..60)) {
        if let Some(seen) = Seen::decode(&bytes) {
            prop_assert_eq!(Seen::decode(&seen.encode()), Some(seen));
        }
    }
}

#[test]
fn an_undo_counts_within_its_window_whatever_comes_first() {
    for (late_ms, is_undone) in [
        (0, true),
        (UNDO_ARRIVES_MS, true),
        (UNDO_ARRIVES_MS + 1, false),
    ] {
        let delete = (7, made(0, DeleteScope::All));
        let undo = (7, undone(late_ms));
        for order in [
            vec![delete, undo],
            vec![undo, delete],
            vec![undo, delete, (7, undone(late_ms + 1))],
        ] {
            let known = standing_deletes(&seen(order).encode()).unwrap();
            assert_eq!(known, [(7, key(0), DeleteScope::All, is_undone)]);
        }
    }
}

#[test]
fn what_moves_is_told_once() {
    let mut seen = Seen::default();
    let mut scopes = |delete: Delete| {
        let news = SeenNews {
            deletes: vec![(7, delete)],
            ..SeenNews::default()
        };
        seen.take(&news, i64::MIN).scopes
    };
    assert_eq!(scopes(made(0, entry("pgc_5"))), [entry("pgc_5")]);
    assert_eq!(scopes(made(0, entry("pgc_5"))), []);
    assert_eq!(scopes(undone(9)), [entry("pgc_5")]);
    assert_eq!(scopes(undone(9)), []);
    assert_eq!(scopes(made(0, entry("pgc_5"))), []);
}

#[test]
fn a_final_delete_of_a_season_stands_for_ever_and_others_are_forgotten() {
    let mut seen = seen(vec![
        (1, made(0, entry("pgc_5"))),
        (2, made(5, entry("pgc_5"))),
        (3, made(6, entry("archive_1"))),
        (4, made(7, entry("pgc_6"))),
        (4, undone(8)),
        (5, undone(9)),
        (6, made(1000, DeleteScope::All)),
    ]);
    assert_eq!(seen.due(), NOW_MS);
    seen.forget_final(NOW_MS + 1000);
    assert_eq!(seen.deletes.keys().collect::<Vec<_>>(), [&6]);
    assert_eq!(seen.seasons.into_iter().collect::<Vec<_>>(), [(5, key(5))]);
    const { assert!(FINAL_MS > UNDO_ARRIVES_MS) };
}

#[test]
fn an_erasure_leaves_when_they_were_viewing() {
    let mut seen = seen(vec![(1, made(0, DeleteScope::All))]);
    let news = |deletes: Vec<(u64, Delete)>, is_erased| SeenNews {
        is_erased,
        deletes,
        intervals: vec![(100, false), (100, true), (7, true)],
    };
    let moved = seen.take(&news(Vec::new(), true), i64::MIN);
    assert_eq!(
        (moved.is_erased, moved.intervals),
        (true, vec![100, 100, 7])
    );
    assert_eq!((seen.deletes.len(), seen.due()), (0, -1));
    let moved = seen.take(&news(vec![(2, made(0, DeleteScope::All))], true), i64::MIN);
    assert_eq!((moved, seen.deletes.len()), (super::Moved::default(), 0));
    // What is before the horizon is forgotten when there is something new; not what was imported.
    let later = SeenNews {
        intervals: vec![(101, false)],
        ..SeenNews::default()
    };
    seen.take(&later, 101 * INTERVAL_MS);
    assert_eq!(seen.intervals.iter().collect::<Vec<_>>(), [101]);
    assert_eq!(seen.imported.iter().collect::<Vec<_>>(), [7, 100]);
}
