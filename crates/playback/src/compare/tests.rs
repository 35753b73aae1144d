//! Each change by hand is named, from either side.

use reportd_protocol::playback::meaning::{DeleteScope, Kid, OrderKey};
use reportd_protocol::playback::{Beat, VideoType};
use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::entry::{BeatRecord, Record};
use crate::view::tests::trace::{Event, delete_of};
use crate::view::tests::{Folded, differences};

const VIEWER: u64 = 1 << 40;
const NOW_MS: i64 = 1_795_233_600_000;

/// Changes by hand, and how each is named.
const CHANGES: [(&str, &str); 15] = [
    (
        "UPDATE playback_day SET plays = plays + 1",
        "playback plays by day: app 1 aid 7 day 2026-11-21",
    ),
    (
        "UPDATE playback_day SET watched_s = 0, plays = 0",
        "playback plays by day: app 1 aid 7 day 2026-11-21",
    ),
    (
        "UPDATE playback_part SET plays = plays + 1",
        "playback plays by part: app 1 aid 7 cid 9",
    ),
    (
        "DELETE FROM playback_viewers",
        "playback viewers by day: app 1 aid 7 day 2026-11-21 previous -1",
    ),
    (
        "UPDATE playback_viewing SET viewers = 5",
        "playback viewing: app 1 interval_no 2992056",
    ),
    (
        "UPDATE playback_length SET duration_s = 5",
        "playback length: app 1 aid 7 cid 9",
    ),
    (
        "DELETE FROM playback_reach WHERE chunk = 0 AND day > 0",
        "playback reach: app 1 aid 7 day 2026-11-21 cid 9 chunk 0",
    ),
    (
        "DELETE FROM playback_season",
        "playback seasons: viewer 1099511627776 season 5 aid 7",
    ),
    (
        "UPDATE playback_watch SET view_at = view_at + 1",
        "playback viewer 1099511627776 aid 7: place (1795233601, 5, 1)",
    ),
    (
        "UPDATE playback_watch SET view_at = -1",
        "playback viewer 1099511627776 aid 7: place none",
    ),
    (
        "UPDATE playback_watch SET business = 0",
        "playback viewer 1099511627776 aid 7: place (1795233600, 5, 0)",
    ),
    (
        "DELETE FROM playback_play",
        "playback viewer 1099511627776 aid 7: plays",
    ),
    (
        "UPDATE playback_watch SET state = (SELECT w.state FROM playback_watch w WHERE w.aid = 8)",
        "playback viewer 1099511627776 aid 7: ",
    ),
    (
        "DELETE FROM playback_watch",
        "playback viewer 1099511627776 aid 7: -",
    ),
    (
        "DELETE FROM playback_seen",
        "playback viewer 1099511627776: -",
    ),
];

fn events() -> Vec<Event> {
    let beat = |sequence: u64, aid, source, season_id| {
        let beat = Beat {
            aid,
            cid: 9,
            session: Some("s".into()),
            duration_s: Some(600),
            season_id,
            video_type: season_id.map(|_| VideoType::Episode),
            ..Beat::default()
        };
        let record = BeatRecord {
            viewer: VIEWER,
            is_anonymous: false,
            source,
            day: 20_778,
            at_ms: None,
            beat,
        };
        event(sequence, Record::Beat(record))
    };
    let kid = Kid::parse("archive_8").unwrap();
    vec![
        beat(1, 7, 1, Some(5)),
        beat(2, 7, 2, Some(5)),
        beat(3, 8, 1, None),
        event(4, delete_of(VIEWER, 1, DeleteScope::Entry(kid))),
    ]
}

fn event(sequence: u64, record: Record<'static>) -> Event {
    let arrived = OrderKey {
        received_at_ms: NOW_MS,
        stream: 1,
        sequence,
    };
    Event { arrived, record }
}

#[rstest]
fn each_change_by_hand_is_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let (mut right, mut changed) = (
        Folded::new(&ground, "right"),
        Folded::new(&ground, "changed"),
    );
    right.fold(&events());
    for (sql, named) in CHANGES {
        changed.clear();
        for event in events().iter().rev() {
            changed.fold([event]);
        }
        assert_eq!(differences(&changed.db, &right.db), [""; 0]);
        assert!(changed.db.execute(sql, &[]).unwrap() > 0, "{sql}");
        let told = differences(&changed.db, &right.db);
        assert!(
            told.iter().any(|told| told.starts_with(named)),
            "{sql}: {told:#?}"
        );
        // From the other side it is seen too.
        assert_eq!(
            differences(&right.db, &changed.db).len(),
            told.len(),
            "{sql}"
        );
    }
}
