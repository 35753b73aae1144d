//! How the stores answer: no read scans a table or an index, and the fold finds each row by its key.
//!
//! These are the statements that reads and the fold really send; on the embedded store the fold looks for one key at a
//! time, as [`find_sql`] says.

use reportd_db::{Database, DbError, Tx};
use reportd_protocol::playback::meaning::{DeleteScope, Kid, OrderKey};
use reportd_protocol::playback::{
    Beat, Business, HistoryFilter, ListQuery, MAX_LIST_SIZE, PageStart, VideoType,
};
use reportd_testbed::plans::{
    self, Contents, Sent, embedded_plan, filled_store, find_sql, reads_whole_index,
};
use reportd_testbed::{Ground, StoreKind};

use crate::catalogue::{self, Upload};
use crate::entry::{BeatRecord, Record};
use crate::gather::Gathering;
use crate::now::read_tail;
use crate::query::{self, HistorySlice, Sort};
use crate::schema::{LENGTH, PLAY, REACH, SEEN, STATE_MIGRATIONS, VIEW_MIGRATIONS, VIEWER, WATCH};
use crate::view::PlaybackView;

/// What the store holds.
const CONTENTS: [Contents; 15] = [
    (
        "playback_seen",
        20_000,
        "i + 100, -1, CAST('0' AS {{bytes}})",
    ),
    (
        "playback_watch",
        100_000,
        "i / 1000, i, i / 3, i, i % 7 / 5, CAST('0' AS {{bytes}})",
    ),
    ("playback_season", 50_000, "i / 500, i / 5, i"),
    (
        "playback_play",
        50_000,
        "i / 500, i, i, 0, CAST('0' AS {{bytes}})",
    ),
    (
        "playback_reach",
        100_000,
        "1 + i / 50000, i / 100, i % 25 - 1, i / 50, i % 2, CAST('0' AS {{bytes}})",
    ),
    ("playback_part", 20_000, "1 + i / 10000, i / 2, i, 1"),
    (
        "playback_day",
        40_000,
        "1 + i / 20000, i / 20, i % 20, 1, 1",
    ),
    (
        "playback_viewers",
        40_000,
        "1 + i / 20000, i / 20, i % 20, i % 20 - 1, 1",
    ),
    ("playback_viewing", 20_000, "i / 4000, i % 4000, 1"),
    (
        "playback_length",
        20_000,
        "1 + i / 10000, i, i, 1, 1, i, 60",
    ),
    (
        "playback_recent",
        4_000,
        "1 + i / 2000, i + 1, i, CAST('' AS {{bytes}})",
    ),
    (
        "playback_viewer",
        20_000,
        "1 + i / 10000, i, i + 100, NULL, i, 0",
    ),
    (
        "playback_session (app, mid, sessdata_hash, key_hash, csrf_hash, created_at, expires_at, label)",
        20_000,
        "1 + i / 10000, i, CAST('s' || i AS {{bytes}}), CAST('k' || i AS {{bytes}}), CAST('' AS {{bytes}}), 1, i, ''",
    ),
    (
        "playback_catalogue",
        40_000,
        "1 + i / 20000, i / 4, i % 4, 't', 'c', 60, 'a', 1, 1, 'p'",
    ),
    ("playback_erasure", 20_000, "i, 1, i, 1"),
];

/// One store for the state and for the views: no table is in both.
fn filled(ground: &Ground, kind: StoreKind) -> Database {
    let migrations = [&STATE_MIGRATIONS, &VIEW_MIGRATIONS];
    filled_store(ground, kind, &migrations, &CONTENTS).unwrap()
}

/// Every read of the endpoints and of the API.
fn read_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let starts = [
        PageStart::Newest,
        PageStart::OlderThan(1_000),
        PageStart::Behind {
            view_at_s: 1_000,
            number: 3_000,
            business: Some(Business::Archive),
        },
    ];
    let filters = [
        HistoryFilter::All,
        HistoryFilter::Only(Business::Pgc),
        HistoryFilter::Only(Business::Cheese),
    ];
    for (start, filter) in starts
        .into_iter()
        .flat_map(|start| filters.map(|f| (start, f)))
    {
        let limit = 30;
        let slice = HistorySlice {
            start,
            filter,
            limit,
        };
        query::history_page(tx, 3, &slice)?;
    }
    let asked = ListQuery {
        page: 3,
        page_size: MAX_LIST_SIZE,
    };
    query::history_list(tx, 3, &asked)?;
    query::newest_part(tx, 3, 3_003)?;
    for business in Business::ALL {
        query::is_shown(tx, 3, Kid::of(business, 9_999_999, None))?;
    }
    query::deletes(tx, 99)?;
    query::stored_videos(tx, 99_999, 0, 500)?;
    for sort in [Sort::Plays, Sort::Viewers, Sort::Watched] {
        assert_eq!(query::top_videos(tx, 1, (3, 9), sort, (7, 20))?.len(), 20);
    }
    query::days(tx, 1, (3, 9))?;
    query::played_videos(tx, 1, (3, 9))?;
    query::video_days(tx, 1, 77, (3, 9))?;
    query::video_viewers(tx, 1, 77, (3, 9))?;
    query::reached(tx, 1, &[77, 78, 79], (3, 9))?;
    query::part_reach(tx, 1, 77, None)?;
    query::part_reach(tx, 1, 77, Some(154))?;
    query::viewing_curve(tx, 1, 0..86_400_000)?;
    read_tail(tx)?;
    let parts: Vec<(i64, i64)> = (1..30).map(|aid| (aid, 2)).collect();
    catalogue::listed(tx, 1, &parts)?;
    catalogue::parts_of(tx, 1, 77, 100)?;
    crate::sessions::list(tx, (1, 77), 0)?;
    Ok(())
}

fn beat(viewer: u64, video_type: Option<VideoType>) -> Record<'static> {
    Record::Beat(BeatRecord {
        viewer,
        is_anonymous: false,
        source: 1,
        day: 20_000,
        at_ms: None,
        beat: Beat {
            aid: 5,
            cid: 7,
            season_id: Some(11),
            video_type,
            duration_s: Some(60),
            ..Beat::default()
        },
    })
}

/// What is written: a fold of each sort of entry, an upload, an erasure.
fn write_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let viewer = 1 << 40;
    let delete = |id, scope| Record::Delete {
        viewer,
        id,
        scope,
        at_ms: None,
    };
    let records = [
        beat(viewer, Some(VideoType::Episode)),
        delete(1, DeleteScope::Entry(Kid::of(Business::Pgc, 5, Some(11)))),
        delete(2, DeleteScope::All),
        Record::Undo {
            viewer,
            ids: vec![1],
        },
        beat(viewer + 1, None),
        Record::Erase { viewer: viewer + 1 },
    ];
    let mut view = PlaybackView::default();
    for (sequence, record) in (1..).zip(&records) {
        let arrived = OrderKey {
            received_at_ms: 1_728_000_000_000,
            stream: 1,
            sequence,
        };
        let mut gathering = Gathering::default();
        gathering.add(1, arrived, record);
        view.fold(tx, &gathering.finish())?;
    }
    let lines = b"{\"aid\":1,\"title\":\"t\"}\n{\"aid\":2,\"removed\":true}\n{\"aid\":3,\"cid\":1,\"removed\":true}";
    let upload = Upload::read(lines).map_err(|bad| DbError::Statement(bad.field))?;
    catalogue::put(tx, 1, &upload)
}

/// What this session has read, inserted and deleted.
fn sent(tx: &mut Tx<'_>) -> Result<Vec<Sent>, DbError> {
    let mut sent = plans::sent(tx, "playback")?;
    let verbs = ["SELECT", "INSERT", "DELETE"];
    sent.retain(|sent| verbs.iter().any(|verb| sent.sql.starts_with(verb)));
    Ok(sent)
}

/// Looks at the plan of each statement that this session has sent.
fn check_postgres(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let all = sent(tx)?;
    assert!(all.len() > 12, "{} statements are not all", all.len());
    for sent in &all {
        let plan = sent.plan(tx)?;
        let has = |what: &str| plan.iter().any(|line| line.contains(what));
        assert!(!has("Seq Scan on playback_"), "{}: {plan:#?}", sent.sql);
        // The rows of an app or a viewer are many: a search has to go on from there.
        let is_wide = |line: &String| {
            let conditions = ["Cond: (app = $1)", "Cond: (viewer = $1)"];
            conditions.iter().any(|condition| line.ends_with(condition))
        };
        let of_one_row = ["playback_seen", "playback_viewer WHERE", "playback_erasure"];
        // Or ends by itself: it has a limit, and needs no sorting.
        let ends = sent.sql.contains(" LIMIT ") && !has("Sort");
        // An erasure takes all rows of a viewer.
        let is_one = of_one_row.iter().any(|one| sent.sql.contains(one));
        let is_one = is_one || sent.sql.starts_with("DELETE");
        let is_wide = plan.iter().any(is_wide) && !is_one && !ends;
        assert!(!is_wide, "{}: {plan:#?}", sent.sql);
        let is_whole = reads_whole_index(&plan);
        assert!(!is_whole, "{}: {plan:#?}", sent.sql);
    }
    Ok(())
}

#[test]
fn postgres_reads_by_index_alone() {
    let ground = Ground::new(StoreKind::Postgres);
    let store = filled(&ground, StoreKind::Postgres);
    let told = store.read(|tx| {
        read_all(tx)?;
        check_postgres(tx)
    });
    told.unwrap();
    // In a session of its own.
    let told = ground.open("store").write(|tx| {
        write_all(tx)?;
        check_postgres(tx)
    });
    told.unwrap();
}

#[test]
fn the_embedded_store_reads_by_index_alone() {
    let ground = Ground::new(StoreKind::Postgres);
    let store = filled(&ground, StoreKind::Postgres);
    let reads = store.read(|tx| {
        read_all(tx)?;
        sent(tx)
    });
    let writes = ground.open("store").write(|tx| {
        write_all(tx)?;
        sent(tx)
    });
    // Where many keys are looked for, PostgreSQL has a text of its own.
    let sent = reads.unwrap().into_iter().chain(writes.unwrap());
    let sent = sent
        .map(|sent| sent.sql)
        .filter(|sql| !sql.contains("unnest") && !sql.starts_with("INSERT"));
    let tables = [WATCH, SEEN, PLAY, REACH, LENGTH, VIEWER];
    let finds = tables.iter().map(find_sql);
    let ground = Ground::new(StoreKind::Embedded);
    let store = filled(&ground, StoreKind::Embedded);
    store
        .read(|tx| {
            read_all(tx)?;
            for sql in sent.chain(finds) {
                let plan = embedded_plan(tx, sql.trim_end_matches(" FOR UPDATE"))?;
                for line in &plan {
                    let is_one = [
                        "playback_seen",
                        "playback_viewer_number",
                        "playback_erasure",
                    ];
                    // An erasure takes all rows of a viewer.
                    let is_one =
                        is_one.iter().any(|one| line.contains(one)) || sql.starts_with("DELETE");
                    let is_wide =
                        !is_one && (line.contains("(app=?)") || line.contains("(viewer=?)"));
                    // The most played parts of a video, which were searched for.
                    let is_scan = line.starts_with("SCAN") && line != "SCAN p";
                    assert!(!is_scan && !is_wide, "{sql}: {plan:#?}");
                }
            }
            Ok(())
        })
        .unwrap();
}
