//! Blocks on disk: read back in order over days, and named where they are damaged or missing.

use std::sync::Arc;

use reportd_db::Database;
use reportd_journal::{BlockStore, JournalError, LOCAL_STREAM};
use reportd_platform::clock::DAY_MS;

use crate::bed::{
    Bed, Ledger, MemoryStore, NOW_MS, all, append_each, entry, folded, scanned, status,
};

const TODAY: &str = "2026-11-21";

fn data(db: &Database, first: i64) -> Vec<u8> {
    let sql = "SELECT data FROM block WHERE first = $1";
    let row = db.read(|tx| tx.query_first(sql, &[first.into()])).unwrap();
    row.unwrap().take_bytes(0).unwrap()
}

fn set_data(db: &Database, first: i64, data: &[u8]) {
    let sql = "UPDATE block SET data = $2 WHERE first = $1";
    let changed = db.write(|tx| tx.execute(sql, &[first.into(), data.into()]));
    assert_eq!(changed, Ok(1));
}

#[tokio::test]
async fn a_damaged_block_is_named_and_never_skipped() {
    let bed = Bed::new();
    let journal = bed.journal();
    append_each(&journal, &["a", "b", "c", "d"]).await;
    journal.close().unwrap();
    let day = bed.day(TODAY);
    let whole = data(&day, 3);
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    set_data(&day, 3, &flipped);

    let journal = bed.journal();
    append_each(&journal, &["e"]).await;
    let projector = bed.project(&journal);
    bed.until("the view is stuck", || status(&projector).stuck.is_some())
        .await;
    let stuck = status(&projector).stuck.unwrap();
    let expected = format!(
        "journal {}: block 3 of stream 1 is damaged: its checksum does not match",
        bed.path("2026-11-21.db").display()
    );
    assert_eq!(stuck, expected);
    assert_eq!(status(&projector).entries_behind, 3);
    assert_eq!(folded(&bed.views, "ledger"), ["a", "b"]);
    let read = scanned(&journal, &all());
    assert_eq!(read.unwrap_err().to_string(), expected);

    set_data(&day, 3, &whole);
    bed.until_level(&projector).await;
    assert_eq!(folded(&bed.views, "ledger"), ["a", "b", "c", "d", "e"]);
    assert_eq!(status(&projector).stuck, None);
}

#[tokio::test]
async fn damage_of_every_kind_is_found() {
    let bed = Bed::new();
    let journal = bed.journal();
    append_each(&journal, &["a", "b"]).await;
    let day = bed.day(TODAY);
    let whole = data(&day, 2);
    let other = data(&day, 1);
    for damaged in [&whole[..whole.len() - 1], &whole[1..], &[], &other[..]] {
        set_data(&day, 2, damaged);
        let read = scanned(&journal, &all());
        assert!(
            matches!(read, Err(JournalError::Damaged { first: 2, .. })),
            "{damaged:?}: {read:?}"
        );
    }
    set_data(&day, 2, &whole);
    for change in [
        "UPDATE block SET received_at = received_at + 1 WHERE first = 2",
        "UPDATE block SET count = count + 1 WHERE first = 2",
        "UPDATE block SET raw_bytes = raw_bytes - 1 WHERE first = 2",
        "UPDATE block SET version = 2 WHERE first = 2",
        "UPDATE block SET filter = data WHERE first = 2",
    ] {
        let saved = "CREATE TABLE saved AS SELECT * FROM block";
        day.write(|tx| tx.execute(saved, &[])).unwrap();
        day.write(|tx| tx.execute(change, &[])).unwrap();
        let read = scanned(&journal, &all());
        assert!(
            matches!(read, Err(JournalError::Damaged { first: 2, .. })),
            "{change}: {read:?}"
        );
        for back in [
            "DELETE FROM block",
            "INSERT INTO block SELECT * FROM saved",
            "DROP TABLE saved",
        ] {
            day.write(|tx| tx.execute(back, &[])).unwrap();
        }
    }
    assert_eq!(scanned(&journal, &all()).unwrap(), ["b", "a"]);
}

#[tokio::test]
async fn a_missing_block_is_named() {
    let bed = Bed::new();
    let journal = bed.journal();
    append_each(&journal, &["a", "b", "c"]).await;
    journal.close().unwrap();
    let day = bed.day(TODAY);
    for sql in [
        "CREATE TABLE saved AS SELECT * FROM block WHERE first = 2",
        "DELETE FROM block WHERE first = 2",
    ] {
        day.write(|tx| tx.execute(sql, &[])).unwrap();
    }

    let journal = bed.journal();
    let projector = bed.project(&journal);
    bed.until("the view is stuck", || status(&projector).stuck.is_some())
        .await;
    let expected = format!(
        "journal {}: entries 2 to 3 of stream 1 are missing",
        bed.path("2026-11-21.db").display()
    );
    assert_eq!(status(&projector).stuck, Some(expected));
    assert_eq!(folded(&bed.views, "ledger"), ["a"]);

    let back = "INSERT INTO block SELECT * FROM saved";
    day.write(|tx| tx.execute(back, &[])).unwrap();
    bed.until_level(&projector).await;
    assert_eq!(folded(&bed.views, "ledger"), ["a", "b", "c"]);
}

/// Appends an entry a day, on the days that are named by their distance from the first; returns the payloads.
async fn append_on_days(bed: &Bed, days: &[i64]) -> Vec<String> {
    let journal = bed.journal();
    let mut payloads = Vec::new();
    let mut today = 0;
    for &day in days {
        bed.clock.advance((day - today) * DAY_MS);
        today = day;
        for part in ["morning", "evening"] {
            payloads.push(format!("{part} {day}"));
            let payload = payloads.last().unwrap();
            journal.append(|| entry(payload)).await.unwrap();
        }
    }
    journal.close().unwrap();
    payloads
}

#[tokio::test]
async fn blocks_of_several_days_replay_in_order() {
    let bed = Bed::new();
    let payloads = append_on_days(&bed, &[0, 1, 2, 5, 6, 9]).await;
    let journal = bed.journal();
    assert_eq!(journal.end(), payloads.len() as u64 + 1);
    let projector = bed.project(&journal);
    bed.until_level(&projector).await;
    assert_eq!(folded(&bed.views, "ledger"), payloads);
    let mut shown = scanned(&journal, &all()).unwrap();
    shown.reverse();
    assert_eq!(shown, payloads);
    let files = bed.day_files();
    for sequence in 1..journal.end() {
        let blocks = files.from(LOCAL_STREAM, sequence, 1).unwrap();
        let found: Vec<_> = blocks.iter().map(|block| block.first).collect();
        assert_eq!(found, [sequence], "one block fits, and it is the right one");
    }
}

#[tokio::test]
async fn an_empty_day_file_hides_nothing() {
    let bed = Bed::new();
    let payloads = append_on_days(&bed, &[0, 2, 7]).await;
    for day in [-1, 1, 3, 4, 5, 6, 8] {
        // A file that was made, and whose first insert failed.
        bed.day_files().probe(NOW_MS + day * DAY_MS).unwrap();
    }
    let journal = bed.journal();
    assert_eq!(append_each(&journal, &["today"]).await, [7]);
    let mut shown = scanned(&journal, &all()).unwrap();
    shown.reverse();
    assert_eq!(
        (&shown[..6], &shown[6..]),
        (&payloads[..], &["today".to_owned()][..])
    );
    let files = bed.day_files();
    for sequence in 1..=7 {
        let blocks = files.from(LOCAL_STREAM, sequence, 1).unwrap();
        assert_eq!(blocks.first().map(|block| block.first), Some(sequence));
        let heads = files.heads_before(LOCAL_STREAM, sequence + 1, 1).unwrap();
        assert_eq!(heads.first().map(|head| head.first), Some(sequence));
    }
    assert_eq!(files.from(LOCAL_STREAM, 8, 1), Ok(Vec::new()));
}

#[tokio::test]
async fn a_day_that_cannot_be_made_hides_nothing_and_is_made_later() {
    let bed = Bed::new();
    let journal = bed.journal();
    append_each(&journal, &["a"]).await;
    bed.clock.advance(DAY_MS);
    let tomorrow = bed.path("2026-11-22.db");
    std::os::unix::fs::symlink(bed.path("no folder").join("file"), &tomorrow).unwrap();
    assert!(journal.append(|| entry("b")).await.is_err());
    assert_eq!(scanned(&journal, &all()).unwrap(), ["a"]);
    let projector = bed.project(&journal);
    bed.until_level(&projector).await;

    std::fs::remove_file(&tomorrow).unwrap();
    assert_eq!(append_each(&journal, &["b"]).await, [2]);
    assert!(tomorrow.exists());
    assert_eq!(scanned(&journal, &all()).unwrap(), ["b", "a"]);
}

#[tokio::test]
async fn a_probe_makes_no_file_while_one_is_open() {
    let bed = Bed::new();
    let files = bed.day_files();
    files.probe(NOW_MS).unwrap();
    files.probe(NOW_MS + DAY_MS).unwrap();
    assert!(bed.path("2026-11-21.db").exists());
    assert!(!bed.path("2026-11-22.db").exists());
}

#[tokio::test]
async fn a_store_that_lost_what_was_acknowledged_is_noticed() {
    let bed = Bed::new();
    let store = Arc::new(MemoryStore::default());
    let journal = bed.journal_on(Arc::clone(&store) as _);
    append_each(&journal, &["a", "b"]).await;
    let projector = bed.project(&journal);
    bed.until_level(&projector).await;
    projector.stop();
    journal.close().unwrap();
    store.change(|blocks| {
        blocks.pop();
    });
    let journal = bed.journal_on(store);
    let view = Ledger::new("ledger", Arc::clone(&bed.faults));
    let told = bed.try_project(&journal, vec![view]).err().unwrap();
    assert_eq!(
        told.to_string(),
        "journal view ledger: entries 2 to 3 of stream 1 are missing"
    );
}
