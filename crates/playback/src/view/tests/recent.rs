//! What folds hand on to all nodes.

use reportd_journal::View;
use reportd_protocol::playback::meaning::OrderKey;
use reportd_protocol::playback::{Beat, PlayType, Position};
use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use super::Folded;
use crate::entry::{BeatRecord, Record};
use crate::gather::{Gathered, Gathering};
use crate::recent::{HANDED_ON_MS, KEPT_MS, decode_recent};
use crate::view::hand_on;

const NOW_MS: i64 = 1_795_273_200_000;

/// A batch of beats: the viewer, how long ago, and the position, which tells it from others.
fn batch(beats: &[(u64, i64, u32)]) -> Gathered {
    let mut gathering = Gathering::default();
    for (sequence, &(viewer, ago_ms, position)) in (1..).zip(beats) {
        let record = BeatRecord {
            viewer,
            is_anonymous: false,
            source: 1,
            day: 0,
            at_ms: None,
            beat: Beat {
                aid: 1,
                position: Position::At(position),
                play_type: PlayType::Pause,
                ..Beat::default()
            },
        };
        let arrived = OrderKey {
            received_at_ms: NOW_MS - ago_ms,
            stream: 1,
            sequence,
        };
        gathering.add(1, arrived, &Record::Beat(record));
    }
    gathering.finish()
}

#[rstest]
fn the_newest_beat_of_each_viewer_is_handed_on(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let mut folded = Folded::new(&ground, "views");
    let hand = |stream, first, beats: &[(u64, i64, u32)]| {
        let gathered = batch(beats);
        let handed = folded
            .db
            .write(|tx| hand_on(tx, (stream, first), &gathered.beats));
        handed.unwrap();
    };
    hand(
        1,
        7,
        &[
            (9, 5, 1),
            (9, 2, 2),
            (9, 3, 3),
            (8, 0, 4),
            (7, HANDED_ON_MS, 5),
            (6, HANDED_ON_MS - 1, 6),
        ],
    );
    hand(2, 7, &[(9, KEPT_MS, 7)]);
    let handed = || {
        let sql =
            "SELECT stream, sequence, at_ms, state FROM playback_recent ORDER BY stream, sequence";
        let rows = folded.db.read(|tx| tx.query(sql, &[])).unwrap();
        let row = |mut row: reportd_db::Row| {
            let state = row.take_bytes(3).unwrap();
            let beats = decode_recent(&state).map(|recent| {
                let recent = recent.unwrap();
                (recent.viewer, recent.beat.position.wire())
            });
            let place = (
                row.int(0).unwrap(),
                row.int(1).unwrap(),
                NOW_MS - row.int(2).unwrap(),
            );
            (place, beats.collect::<Vec<_>>())
        };
        rows.into_iter().map(row).collect::<Vec<_>>()
    };
    let first = ((1, 7, 0), vec![(6, 6), (8, 4), (9, 2)]);
    let other = ((2, 7, KEPT_MS), vec![(9, 7)]);
    assert_eq!(handed(), [first, other.clone()]);
    // Two minutes later: of its own stream the fold forgets it, of others the prune.
    hand(1, 20, &[(9, -KEPT_MS - 1, 8)]);
    let later = ((1, 20, -KEPT_MS - 1), vec![(9, 8)]);
    assert_eq!(handed(), [later.clone(), other]);
    let view = &mut folded.view;
    folded.db.write(|tx| view.prune(tx, NOW_MS + 1)).unwrap();
    assert_eq!(handed(), [later]);
}
