//! Forward reads: oldest first, and only from blocks that may hold what is looked for.

use reportd_journal::{
    BlockReader, BlockStore, Ends, LOCAL_STREAM, NewEntry, Replay, Sought, Span, filter_key,
};
use reportd_platform::clock::{Clock, DAY_MS};
use reportd_platform::zones::day_text;

use reportd_testbed::StoreKind;

use crate::bed::{Bed, KIND, NOW_MS, all, entry, scanned, text};

const TODAY: i64 = NOW_MS / DAY_MS;

fn everything(end: u64) -> Sought {
    Sought {
        span: Span {
            first_day: 0,
            from_ts_ms: i64::MIN,
            to_ts_ms: i64::MAX,
        },
        keys: Vec::new(),
        before: Ends::from([(LOCAL_STREAM, end)]),
    }
}

/// The payloads of the wanted blocks, and how many entries were passed, of how many.
fn replayed(store: &dyn BlockStore, sought: Sought) -> (String, u64, u64) {
    let mut replay = Replay::begin(store, sought).unwrap();
    let (mut payloads, mut passed) = (String::new(), 0);
    while let Some(head) = replay.next_head().unwrap() {
        assert!(head.data.is_empty(), "a head alone");
        assert!(replay.passed() >= passed);
        passed = replay.passed();
        if replay.wants(&head) {
            let block = replay.load(&head).unwrap();
            payloads.extend(block.entries().map(|entry| text(entry.payload)));
        }
    }
    assert!(
        replay.next_head().unwrap().is_none(),
        "also when asked again"
    );
    (payloads, replay.passed(), replay.total())
}

#[tokio::test]
async fn blocks_come_oldest_first_from_the_days_that_may_hold_them() {
    let bed = Bed::new(StoreKind::Embedded);
    let journal = bed.journal();
    let key = |value: &str| filter_key(KIND, 1, 3, value.as_bytes());
    // Three a day on three days; «b», «e» and «h» are of another group.
    for (number, payload) in (0..).zip(["a", "b", "c", "d", "e", "f", "g", "h", "i"]) {
        let group = if number % 3 == 1 { "y" } else { "x" };
        let at_ms = bed.clock.now_ms() + number;
        let new = NewEntry {
            span_ms: (at_ms, at_ms),
            filter_keys: vec![key(group)],
            ..entry(payload)
        };
        journal.append(|| new).await.unwrap();
        if number % 3 == 2 {
            bed.clock.advance(DAY_MS);
        }
    }
    let store = bed.day_files();
    let shown = |sought| replayed(store.as_ref(), sought);
    assert_eq!(shown(everything(u64::MAX >> 1)).0, "abcdefghi");
    assert_eq!(shown(everything(10)), ("abcdefghi".to_owned(), 9, 9));
    assert_eq!(shown(everything(6)), ("abcde".to_owned(), 5, 5));
    assert_eq!(shown(everything(1)), (String::new(), 0, 0));
    let mut turned: Vec<_> = scanned(&journal, &all()).unwrap();
    turned.reverse();
    assert_eq!(turned.concat(), "abcdefghi");

    let within = |first_day, from_ts_ms, to_ts_ms| Sought {
        span: Span {
            first_day,
            from_ts_ms,
            to_ts_ms,
        },
        ..everything(10)
    };
    assert_eq!(
        shown(within(TODAY + 1, i64::MIN, i64::MAX)),
        ("defghi".to_owned(), 6, 6)
    );
    let times = within(TODAY, NOW_MS + 1, NOW_MS + DAY_MS + 4);
    assert_eq!(shown(times), ("bcde".to_owned(), 9, 9));
    assert_eq!(
        shown(within(TODAY + 3, i64::MIN, i64::MAX)),
        (String::new(), 0, 0)
    );
    let group = Sought {
        keys: vec![key("y")],
        ..everything(10)
    };
    assert_eq!(shown(group).0, "beh");

    store.drop_day(TODAY).unwrap();
    // A reader that was about to open the file makes an empty one.
    std::fs::write(bed.place(&day_text(TODAY)), "").unwrap();
    assert_eq!(shown(everything(10)), ("defghi".to_owned(), 6, 6));
    assert!(!BlockReader::days(store.as_ref()).unwrap().contains(&TODAY));
}
