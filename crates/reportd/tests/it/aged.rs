//! Stores whose reports came over several days.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use reportd_journal::{
    BlockStore, DayFiles, Journal, JournalMetrics, Kind, NewEntry, Options, Reader, Replay, Sought,
    Span, put_signed,
};
use reportd_platform::clock::{Clock, DAY_MS, ManualClock};

use crate::harness::Data;

/// Entries that are appended at once, and so come to stand in one block or a few.
const AT_ONCE: usize = 50;

/// An entry, and when it came.
struct Aged {
    received_at_ms: i64,
    new: NewEntry,
}

/// Makes the journal of an embedded store at rest as if its reports had come over `days` days up to today, evenly. The
/// views go: the next server, or a rebuild, folds them anew.
pub(crate) fn spread_over_days(data: &Data, days: i64) {
    let (folder, new) = (data.path().join("journal"), data.path().join("journal.new"));
    let aged = aged_entries(&DayFiles::open(&folder).unwrap(), days);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(append_all(
        &DayFiles::open(&new).map(Arc::new).unwrap(),
        aged,
    ));
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&new, &folder).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(data.path().join(format!("views.db{suffix}")));
    }
}

fn aged_entries(store: &dyn BlockStore, days: i64) -> Vec<Aged> {
    let ends = store.ends().unwrap();
    let sought = Sought {
        span: Span {
            first_day: 0,
            from_ts_ms: i64::MIN,
            to_ts_ms: i64::MAX,
        },
        keys: Vec::new(),
        before: ends.iter().map(|end| (end.stream, end.next)).collect(),
    };
    let mut replay = Replay::begin(store, sought).unwrap();
    let (mut aged, total) = (Vec::new(), i64::try_from(replay.total()).unwrap());
    while let Some(head) = replay.next_head().unwrap() {
        let block = replay.load(&head).unwrap();
        for entry in block.entries() {
            let number = i64::try_from(aged.len()).unwrap();
            let by_ms = (days - 1 - number * days / total) * DAY_MS;
            let (ts_ms, payload) = earlier(entry.payload, by_ms);
            aged.push(Aged {
                received_at_ms: entry.received_at_ms - by_ms,
                new: NewEntry {
                    kind: entry.kind,
                    app: entry.app,
                    owners: [u64::from(entry.app); 2],
                    span_ms: (ts_ms, ts_ms),
                    filter_keys: Vec::new(),
                    payload,
                },
            });
        }
    }
    assert!(aged.iter().all(|aged| aged.new.kind == Kind(1)));
    aged
}

/// The payload of a bot event report with an earlier `ts`: that stands behind two bytes.
fn earlier(payload: &[u8], by_ms: i64) -> (i64, Vec<u8>) {
    let mut reader = Reader::new(&payload[2..]);
    let ts_ms = reader.signed().unwrap() - by_ms;
    let width = payload[2..]
        .iter()
        .take_while(|&&byte| byte >= 0x80)
        .count()
        + 1;
    let mut bytes = payload[..2].to_vec();
    put_signed(&mut bytes, ts_ms);
    bytes.extend_from_slice(&payload[2 + width..]);
    (ts_ms, bytes)
}

async fn append_all(store: &Arc<DayFiles>, aged: Vec<Aged>) {
    let clock = Arc::new(ManualClock::at(aged[0].received_at_ms));
    let options = Options {
        linger: Duration::ZERO,
        ..Options::default()
    };
    let journal = Journal::open(
        Arc::clone(store) as _,
        Arc::clone(&clock) as _,
        options,
        JournalMetrics::default(),
    );
    let journal = journal.unwrap();
    let mut aged = aged.into_iter().peekable();
    while let Some(next) = aged.peek() {
        let now_ms = next.received_at_ms;
        clock.advance((now_ms - clock.now_ms()).max(0));
        let mut appending = Vec::new();
        while let Some(Aged { new, .. }) =
            aged.next_if(|aged| aged.received_at_ms.div_euclid(DAY_MS) == now_ms.div_euclid(DAY_MS))
        {
            let journal = Arc::clone(&journal);
            appending.push(tokio::spawn(async move { journal.append(|| new).await }));
            if appending.len() == AT_ONCE {
                break;
            }
        }
        for appended in appending {
            appended.await.unwrap().unwrap();
        }
    }
    journal.close().unwrap();
}
