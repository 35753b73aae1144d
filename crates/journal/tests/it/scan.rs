//! Raw reads: newest first, page by page, and only from blocks that may hold what is looked for.

use std::ops::ControlFlow;
use std::sync::Arc;

use reportd_journal::{Cursor, Ends, Journal, LOCAL_STREAM, NewEntry, Place, Scan, filter_key};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;

use crate::bed::{
    Bed, KIND, MemoryStore, NOW_MS, all, append_each, entry, scanned, spawn_append, text,
};

/// A journal of two blocks: «0» alone, and «1» to «9» together. Only the store in memory can be held up so long.
async fn journal_of_two_blocks(bed: &Bed) -> Arc<Journal> {
    let store = Arc::new(MemoryStore::default());
    let journal = bed.journal_on(Arc::clone(&store) as _);
    store.hold(true);
    let mut senders = vec![spawn_append(&journal, "0")];
    bed.until("the block is at the store", || store.is_waiting())
        .await;
    senders.extend((1..10).map(|number| spawn_append(&journal, &number.to_string())));
    tokio::task::yield_now().await;
    store.hold(false);
    for sender in senders {
        sender.await.unwrap().unwrap();
    }
    journal
}

/// A page of at most `limit` payloads, and where to go on.
pub(crate) fn page(journal: &Journal, scan: &Scan, limit: usize) -> (Vec<String>, Option<Cursor>) {
    let mut page = Vec::new();
    let next = journal.scan(scan, |block| {
        let entries: Vec<_> = block.entries().collect();
        for entry in entries.into_iter().rev() {
            if page.len() == limit {
                return ControlFlow::Break(Place {
                    stream: block.stream,
                    sequence: entry.sequence,
                    item: 0,
                });
            }
            page.push(text(entry.payload));
        }
        ControlFlow::Continue(())
    });
    (page, next.unwrap())
}

#[tokio::test]
async fn pages_are_newest_first_without_gap_or_repeat() {
    let bed = Bed::new(Embedded);
    let journal = journal_of_two_blocks(&bed).await;
    let newest_first = ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"];
    assert_eq!(scanned(&journal, &all()).unwrap(), newest_first);
    for limit in 1..=11 {
        let mut scan = all();
        let mut shown = Vec::new();
        loop {
            let (page, next) = page(&journal, &scan, limit);
            assert!(page.len() <= limit);
            shown.extend(page);
            // A cursor goes to the client as text, and comes back.
            let Some(next) = next else { break };
            scan.cursor = Some(next.to_string().parse().unwrap());
            assert_eq!(scan.cursor.as_ref(), Some(&next));
        }
        assert_eq!(shown, newest_first, "{limit} a page");
    }
}

#[tokio::test]
async fn what_the_views_have_not_folded_is_not_shown() {
    let bed = Bed::new(Embedded);
    let journal = journal_of_two_blocks(&bed).await;
    let shown = |before, cursor: Option<&str>| {
        let scan = Scan {
            before: Ends::from([(LOCAL_STREAM, before)]),
            cursor: cursor.map(|text| text.parse().unwrap()),
            ..Scan::default()
        };
        scanned(&journal, &scan).unwrap().concat()
    };
    assert_eq!(shown(0, None), "");
    assert_eq!(shown(1, None), "");
    assert_eq!(shown(2, None), "0");
    assert_eq!(shown(5, None), "3210", "in the middle of a block");
    assert_eq!(shown(11, None), "9876543210");
    assert_eq!(shown(u64::MAX, None), "9876543210");
    assert_eq!(shown(5, Some("1.8.0")), "3210", "the lesser of the two");
    assert_eq!(shown(8, Some("1.3.0")), "210");
    assert_eq!(shown(8, Some("2.3.0")), "", "of another stream");
}

#[rstest]
fn blocks_are_passed_over_by_key_and_time(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        let key = |value: &str| filter_key(KIND, 1, 3, value.as_bytes());
        for (payload, group, ts_ms) in [("a", "x", 1), ("b", "y", 2), ("c", "x", 3)] {
            let new = NewEntry {
                span_ms: (NOW_MS + ts_ms, NOW_MS + ts_ms),
                filter_keys: vec![key("all"), key(group)],
                ..entry(payload)
            };
            journal.append(|| new).await.unwrap();
        }
        let keys = |keys: &[&str]| Scan {
            keys: keys.iter().map(|value| key(value)).collect(),
            ..all()
        };
        let shown = |scan: &Scan| scanned(&journal, scan).unwrap().concat();
        assert_eq!(shown(&keys(&["all"])), "cba");
        assert_eq!(shown(&keys(&["x"])), "ca");
        assert_eq!(shown(&keys(&["all", "y"])), "b");
        assert_eq!(shown(&keys(&["x", "y"])), "");
        let times = |from: Option<i64>, to: Option<i64>| Scan {
            from_ts_ms: from.map(|ms| NOW_MS + ms),
            to_ts_ms: to.map(|ms| NOW_MS + ms),
            ..all()
        };
        assert_eq!(shown(&times(Some(2), None)), "cb");
        assert_eq!(shown(&times(None, Some(2))), "ba");
        assert_eq!(shown(&times(Some(2), Some(2))), "b");
    });
}

#[rstest]
fn a_call_takes_its_share_of_blocks_and_tells_where_to_go_on(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        let payloads: Vec<_> = (0..150).map(|number| format!("{number:03}")).collect();
        let texts: Vec<_> = payloads.iter().map(String::as_str).collect();
        append_each(&journal, &texts).await;
        let (first, next) = page(&journal, &all(), usize::MAX);
        assert!(first.len() < 150 && next.is_some(), "{}", first.len());
        let mut shown = scanned(&journal, &all()).unwrap();
        shown.reverse();
        assert_eq!(shown, payloads);
    });
}

#[test]
fn a_cursor_that_is_none_is_refused() {
    for text in [
        "", "1", "1.2.x", "x.2.3", "1.2.3.4", "-1.2.3", "1.2_", "1.2__2.3",
    ] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
    for text in ["1.7.2", "1.7", "1.7.2_3.9"] {
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
    }
}
