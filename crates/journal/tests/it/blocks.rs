//! Stored blocks: read back in order over days, and named where they are damaged or missing.

use std::sync::Arc;

use reportd_journal::{BlockStore, JournalError, LOCAL_STREAM};
use reportd_platform::clock::DAY_MS;
use reportd_platform::zones::day_text;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;

use crate::bed::{
    Bed, DayTable, Ledger, MemoryStore, NOW_MS, all, append_each, entry, folded, scanned, status,
};

const TODAY: &str = "2026-11-21";

impl DayTable {
    /// Runs SQL, with `{block}` for the name of the table.
    fn change(&self, sql: &str) {
        let sql = sql.replace("{block}", &self.name);
        self.db.write(|tx| tx.execute(&sql, &[])).unwrap();
    }

    fn data(&self, first: i64) -> Vec<u8> {
        let sql = format!("SELECT data FROM {} WHERE first = $1", self.name);
        let row = self
            .db
            .read(|tx| tx.query_first(&sql, &[first.into()]))
            .unwrap();
        row.unwrap().take_bytes(0).unwrap()
    }

    fn set_data(&self, first: i64, data: &[u8]) {
        let sql = format!("UPDATE {} SET data = $2 WHERE first = $1", self.name);
        let changed = self
            .db
            .write(|tx| tx.execute(&sql, &[first.into(), data.into()]));
        assert_eq!(changed, Ok(1));
    }
}

#[rstest]
fn a_damaged_block_is_named_and_never_skipped(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        append_each(&journal, &["a", "b", "c", "d"]).await;
        journal.close().unwrap();
        let day = bed.day(TODAY);
        let whole = day.data(3);
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        day.set_data(3, &flipped);

        let journal = bed.journal();
        append_each(&journal, &["e"]).await;
        let projector = bed.project(&journal);
        bed.until("the view is stuck", || status(&projector).stuck.is_some())
            .await;
        let stuck = status(&projector).stuck.unwrap();
        let expected = format!(
            "journal {}: block 3 of stream 1 is damaged: its checksum does not match",
            bed.place(TODAY)
        );
        assert_eq!(stuck, expected);
        assert_eq!(status(&projector).entries_behind, 3);
        assert_eq!(folded(&bed.views, "ledger"), ["a", "b"]);
        let read = scanned(&journal, &all());
        assert_eq!(read.unwrap_err().to_string(), expected);

        day.set_data(3, &whole);
        bed.until_level(&projector).await;
        assert_eq!(folded(&bed.views, "ledger"), ["a", "b", "c", "d", "e"]);
        assert_eq!(status(&projector).stuck, None);
    });
}

#[rstest]
fn damage_of_every_kind_is_found(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        append_each(&journal, &["a", "b"]).await;
        let day = bed.day(TODAY);
        let whole = day.data(2);
        let other = day.data(1);
        for damaged in [&whole[..whole.len() - 1], &whole[1..], &[], &other[..]] {
            day.set_data(2, damaged);
            let read = scanned(&journal, &all());
            assert!(
                matches!(read, Err(JournalError::Damaged { first: 2, .. })),
                "{damaged:?}: {read:?}"
            );
        }
        day.set_data(2, &whole);
        for change in [
            "UPDATE {block} SET received_at = received_at + 1 WHERE first = 2",
            "UPDATE {block} SET count = count + 1 WHERE first = 2",
            "UPDATE {block} SET raw_bytes = raw_bytes - 1 WHERE first = 2",
            "UPDATE {block} SET version = 2 WHERE first = 2",
            "UPDATE {block} SET filter = data WHERE first = 2",
        ] {
            day.change("CREATE TABLE saved AS SELECT * FROM {block}");
            day.change(change);
            let read = scanned(&journal, &all());
            assert!(
                matches!(read, Err(JournalError::Damaged { first: 2, .. })),
                "{change}: {read:?}"
            );
            for back in [
                "DELETE FROM {block}",
                "INSERT INTO {block} SELECT * FROM saved",
                "DROP TABLE saved",
            ] {
                day.change(back);
            }
        }
        assert_eq!(scanned(&journal, &all()).unwrap(), ["b", "a"]);
    });
}

#[rstest]
fn a_missing_block_is_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let journal = bed.journal();
        append_each(&journal, &["a", "b", "c"]).await;
        journal.close().unwrap();
        let day = bed.day(TODAY);
        for sql in [
            "CREATE TABLE saved AS SELECT * FROM {block} WHERE first = 2",
            "DELETE FROM {block} WHERE first = 2",
        ] {
            day.change(sql);
        }

        let journal = bed.journal();
        let projector = bed.project(&journal);
        bed.until("the view is stuck", || status(&projector).stuck.is_some())
            .await;
        let expected = format!(
            "journal {}: entries 2 to 3 of stream 1 are missing",
            bed.place(TODAY)
        );
        assert_eq!(status(&projector).stuck, Some(expected));
        assert_eq!(folded(&bed.views, "ledger"), ["a"]);

        day.change("INSERT INTO {block} SELECT * FROM saved");
        bed.until_level(&projector).await;
        assert_eq!(folded(&bed.views, "ledger"), ["a", "b", "c"]);
    });
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

#[rstest]
fn blocks_of_several_days_replay_in_order(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let payloads = append_on_days(&bed, &[0, 1, 2, 5, 6, 9]).await;
        let journal = bed.journal();
        assert_eq!(journal.end(), payloads.len() as u64 + 1);
        let projector = bed.project(&journal);
        bed.until_level(&projector).await;
        assert_eq!(folded(&bed.views, "ledger"), payloads);
        let mut shown = scanned(&journal, &all()).unwrap();
        shown.reverse();
        assert_eq!(shown, payloads);
        let files = bed.blocks();
        for sequence in 1..journal.end() {
            let blocks = files.from(LOCAL_STREAM, sequence, 1).unwrap();
            let found: Vec<_> = blocks.iter().map(|block| block.first).collect();
            assert_eq!(found, [sequence], "one block fits, and it is the right one");
        }
    });
}

/// A day that was made, and whose first insert failed.
fn make_empty_day(bed: &Bed, kind: StoreKind, at_ms: i64) {
    if kind == Embedded {
        bed.day_files().probe(at_ms).unwrap();
        return;
    }
    let number = at_ms.div_euclid(DAY_MS);
    let day = bed.day(&day_text(number));
    day.change(&format!("INSERT INTO journal_day (day) VALUES ({number})"));
    day.change("CREATE TABLE {block} (LIKE journal_block_20261121 INCLUDING ALL)");
}

#[rstest]
fn an_empty_day_hides_nothing(#[values(Embedded, Postgres)] kind: StoreKind) {
    run(async {
        let bed = Bed::new(kind);
        let payloads = append_on_days(&bed, &[0, 2, 7]).await;
        for day in [-1, 1, 3, 4, 5, 6, 8] {
            make_empty_day(&bed, kind, NOW_MS + day * DAY_MS);
        }
        let journal = bed.journal();
        assert_eq!(append_each(&journal, &["today"]).await, [7]);
        let mut shown = scanned(&journal, &all()).unwrap();
        shown.reverse();
        assert_eq!(
            (&shown[..6], &shown[6..]),
            (&payloads[..], &["today".to_owned()][..])
        );
        let files = bed.blocks();
        for sequence in 1..=7 {
            let blocks = files.from(LOCAL_STREAM, sequence, 1).unwrap();
            assert_eq!(blocks.first().map(|block| block.first), Some(sequence));
            let heads = files.heads_before(LOCAL_STREAM, sequence + 1, 1).unwrap();
            assert_eq!(heads.first().map(|head| head.first), Some(sequence));
        }
        assert_eq!(files.from(LOCAL_STREAM, 8, 1), Ok(Vec::new()));
    });
}

/// Of day files alone: where a table cannot be made, PostgreSQL takes nothing else either.
#[tokio::test]
async fn a_day_that_cannot_be_made_hides_nothing_and_is_made_later() {
    let bed = Bed::new(Embedded);
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

/// Of day files alone: a probe of day tables makes nothing.
#[tokio::test]
async fn a_probe_makes_no_file_while_one_is_open() {
    let bed = Bed::new(Embedded);
    let files = bed.day_files();
    files.probe(NOW_MS).unwrap();
    files.probe(NOW_MS + DAY_MS).unwrap();
    assert!(bed.path("2026-11-21.db").exists());
    assert!(!bed.path("2026-11-22.db").exists());
}

#[rstest]
fn a_store_that_lost_what_was_acknowledged_is_noticed(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let bed = Bed::new(kind);
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
    });
}
