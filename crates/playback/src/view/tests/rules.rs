//! Single rules, each with the trace that shows it.

use reportd_protocol::playback::meaning::{DeleteScope, Kid, OrderKey};
use reportd_protocol::playback::{Beat, Position, VideoType};
use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use super::trace::{Event, FIRST, delete_of};
use super::{Folded, differences};
use crate::entry::{BeatRecord, Record};
use crate::seen::FINAL_MS;

const NOW_MS: i64 = 1_795_273_200_000;

fn event(at_ms: i64, record: Record<'static>) -> Event {
    let arrived = OrderKey {
        received_at_ms: NOW_MS + at_ms,
        stream: 1,
        sequence: 1 + at_ms.unsigned_abs(),
    };
    Event { arrived, record }
}

fn beat_at(at_ms: i64, aid: i64, season_id: Option<i64>) -> Event {
    let record = BeatRecord {
        viewer: FIRST,
        is_anonymous: false,
        source: 1,
        day: 20_778,
        at_ms: None,
        beat: Beat {
            aid,
            season_id,
            position: Position::At(30),
            ..Beat::default()
        },
    };
    event(at_ms, Record::Beat(record))
}

fn count(folded: &Folded, sql: &str) -> i64 {
    folded.db.read(|tx| tx.query_int(sql, &[])).unwrap()
}

const IN_HISTORY: &str = "SELECT COUNT(*) FROM playback_watch WHERE view_at >= 0";
const STATE_BYTES: &str = "SELECT CAST(SUM(length(state)) AS BIGINT) FROM playback_watch";
const DUE: &str = "SELECT COUNT(*) FROM playback_seen WHERE due >= 0";

/// A history of more rows than one page, and than one prune looks at.
#[rstest]
fn a_long_history_is_cleared_and_comes_back_and_goes_for_good(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    const VIDEOS: i64 = 10_500;
    let ground = Ground::new(kind);
    let (mut folded, mut other) = (Folded::new(&ground, "one"), Folded::new(&ground, "other"));
    let beats: Vec<_> = (1..=VIDEOS).map(|aid| beat_at(aid, aid, None)).collect();
    let clear = |at_ms, id| event(at_ms, delete_of(FIRST, id, DeleteScope::All));
    let (first, second) = (clear(5_000, 1), clear(20_000, 2));
    let undo = event(
        30_000,
        Record::Undo {
            viewer: FIRST,
            ids: vec![2],
        },
    );
    folded.fold(&beats);
    folded.fold([&first]);
    assert_eq!(count(&folded, IN_HISTORY), VIDEOS - 5_000);
    folded.fold([&second]);
    assert_eq!(count(&folded, IN_HISTORY), 0);
    folded.fold([&undo]);
    assert_eq!(count(&folded, IN_HISTORY), VIDEOS - 5_000);
    other.fold([&undo, &first]);
    other.fold(beats.iter().rev());
    other.fold([&second]);
    assert_eq!(differences(&folded.db, &other.db), [""; 0]);
    let bytes = count(&folded, STATE_BYTES);
    folded.prune(NOW_MS + 5_000 + FINAL_MS);
    assert_eq!(
        (count(&folded, DUE), count(&folded, STATE_BYTES)),
        (1, bytes),
        "it can be undone yet"
    );
    folded.prune(NOW_MS + 5_001 + FINAL_MS);
    assert_eq!(
        count(&folded, DUE),
        1,
        "there are more rows than one prune looks at"
    );
    assert!(count(&folded, STATE_BYTES) < bytes);
    assert_eq!(
        differences(&folded.db, &other.db),
        [""; 0],
        "and what is dropped is known"
    );
    folded.prune(NOW_MS + 5_001 + FINAL_MS);
    folded.prune(NOW_MS + 5_001 + FINAL_MS);
    assert_eq!(count(&folded, IN_HISTORY), VIDEOS - 5_000);
    assert_eq!(differences(&other.db, &folded.db), [""; 0]);
    folded.prune(NOW_MS + 40_000 + FINAL_MS);
    assert_eq!(count(&folded, DUE), 0);
    assert_eq!(differences(&folded.db, &other.db), [""; 0]);
}

/// A season of more videos than one page.
#[rstest]
fn a_season_is_deleted_whole(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let mut folded = Folded::new(&ground, "views");
    let beats: Vec<_> = (1..=1_100)
        .map(|aid| beat_at(aid, aid, Some(5 + aid % 2)))
        .collect();
    folded.fold(&beats);
    let kid = Kid::parse("pgc_5").unwrap();
    let delete = delete_of(FIRST, 1, DeleteScope::Entry(kid));
    folded.fold([&event(5_000, delete)]);
    assert_eq!(count(&folded, IN_HISTORY), 550);
    let bytes = count(&folded, STATE_BYTES);
    folded.prune(NOW_MS + 6_000 + FINAL_MS);
    assert!(count(&folded, STATE_BYTES) < bytes);
    // A video may still turn out to be of it.
    folded.fold([&beat_at(1, 1, Some(5))]);
    assert_eq!(count(&folded, IN_HISTORY), 549);
}

#[rstest]
fn an_erasure_leaves_figures_alone(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let (mut folded, mut other) = (Folded::new(&ground, "one"), Folded::new(&ground, "other"));
    let beats: Vec<_> = (1..=1_100).map(|aid| beat_at(aid, aid, Some(5))).collect();
    let erase = event(5_000, Record::Erase { viewer: FIRST });
    folded.fold(&beats);
    folded.fold([&erase]);
    for table in ["playback_season", "playback_watch WHERE view_at >= 0"] {
        assert_eq!(count(&folded, &format!("SELECT COUNT(*) FROM {table}")), 0);
    }
    let plays = "SELECT CAST(SUM(plays) AS BIGINT) FROM playback_day";
    assert_eq!(count(&folded, plays), 1_100);
    other.fold([&erase]);
    other.fold(&beats);
    assert_eq!(differences(&folded.db, &other.db), [""; 0]);
    assert_eq!(count(&other, IN_HISTORY), 0);
}

/// An episode whose season nobody has named goes by its aid, also for beats of clients that do not call it one.
#[rstest]
fn an_episode_without_a_season_is_deleted_by_its_aid(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let ground = Ground::new(kind);
    let mut folded = Folded::new(&ground, "views");
    let mut episode = beat_at(1, 7, None);
    if let Record::Beat(record) = &mut episode.record {
        record.beat.video_type = Some(VideoType::Episode);
    }
    let kid = Kid::parse("pgc_7").unwrap();
    let delete = delete_of(FIRST, 1, DeleteScope::Entry(kid));
    folded.fold([&beat_at(2, 7, None), &event(3, delete)]);
    assert_eq!(count(&folded, IN_HISTORY), 1, "it is a video");
    folded.fold([&episode]);
    assert_eq!(count(&folded, IN_HISTORY), 0);
    folded.fold([&beat_at(2, 7, Some(5))]);
    assert_eq!(count(&folded, IN_HISTORY), 1, "now it goes by its season");
}

/// What a younger delete covers, which can still be undone, is not dropped with what is final.
#[rstest]
fn a_delete_that_is_not_final_can_be_undone(
    #[values(Embedded, Postgres)] kind: StoreKind,
    #[values("archive_7", "all")] old: &str,
) {
    let ground = Ground::new(kind);
    let mut folded = Folded::new(&ground, "views");
    let old = Kid::parse(old).map_or(DeleteScope::All, DeleteScope::Entry);
    let young = DeleteScope::Entry(Kid::parse("archive_7").unwrap());
    folded.fold([&event(1, delete_of(FIRST, 1, old)), &beat_at(2, 7, None)]);
    folded.fold([&event(9_000, delete_of(FIRST, 2, young))]);
    folded.prune(NOW_MS + 9_000 + FINAL_MS);
    let undone = Record::Undo {
        viewer: FIRST,
        ids: vec![2],
    };
    folded.fold([&event(9_001, undone)]);
    assert_eq!(count(&folded, IN_HISTORY), 1);
    folded.prune(NOW_MS + 9_001 + FINAL_MS);
    assert_eq!((count(&folded, IN_HISTORY), count(&folded, DUE)), (1, 0));
}
