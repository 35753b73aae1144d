//! What a store of views says, as its readers see it.

use std::collections::BTreeMap;

use reportd_db::{Database, Row};
use reportd_protocol::playback::Position;

use crate::reach::Reach;
use crate::watch::{Shown, shown};

/// By app, video, part, day and position: how many have it as their furthest, and as their last.
pub(super) type Reached = BTreeMap<(i64, i64, i64, i64, Position), (u64, u64)>;

/// All answers; what is nothing is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// By viewer and place: seconds, number and business, and the video.
    pub(super) history: BTreeMap<(i64, [i64; 3], i64), Shown>,
    /// By app, video and day: plays and seconds.
    pub(super) days: BTreeMap<(i64, i64, i64), (i64, i64)>,
    pub(super) reached: Reached,
    /// Distinct viewers by app, video, and the first and the last day.
    pub(super) viewers: BTreeMap<(i64, i64, i64, i64), i64>,
    /// By app and interval.
    pub(super) viewing: BTreeMap<(i64, i64), i64>,
    /// By app, video and part.
    pub(super) lengths: BTreeMap<(i64, i64, i64), i64>,
}

/// Ranges of days, from the first day of traces on.
pub(super) const RANGES: [(i64, i64); 5] = [(0, 0), (0, 1), (1, 2), (1, 30), (0, 30)];
pub(super) const FIRST_DAY: i64 = 20_778;

impl Said {
    pub(super) fn read(db: &Database) -> Self {
        let mut said = Self::default();
        for (columns, state) in read(
            db,
            "playback_watch",
            "viewer, aid, view_at, number, business",
        ) {
            let [viewer, aid, view_at, number, business] = columns[..] else {
                panic!("five columns")
            };
            let entry = shown(aid, &state);
            assert_eq!(entry.is_some(), view_at >= 0);
            if let Some(entry) = entry {
                said.history
                    .insert((viewer, [view_at, number, business], aid), entry);
            }
        }
        for (columns, _) in read(db, "playback_day", "app, aid, day, plays, watched_s") {
            said.days.insert(
                (columns[0], columns[1], columns[2]),
                (columns[3], columns[4]),
            );
        }
        said.days.retain(|_, sums| *sums != (0, 0));
        for (columns, state) in read(db, "playback_reach", "app, aid, cid, day") {
            let reach = Reach::decode(&state).unwrap();
            let at = |position| (columns[0], columns[1], columns[2], columns[3], position);
            for (position, count) in reach.furthest() {
                said.reached.entry(at(position)).or_default().0 += count;
            }
            for (position, count) in reach.left_at() {
                said.reached.entry(at(position)).or_default().1 += count;
            }
        }
        let viewers = read(db, "playback_viewers", "app, day, aid, previous, n");
        for (columns, _) in viewers {
            let [app, day, aid, previous, count] = columns[..] else {
                panic!("five columns")
            };
            for (from, to) in RANGES.map(|(from, to)| (FIRST_DAY + from, FIRST_DAY + to)) {
                if (from..=to).contains(&day) && previous < from {
                    *said.viewers.entry((app, aid, from, to)).or_default() += count;
                }
            }
        }
        said.viewers.retain(|_, count| *count != 0);
        for (columns, _) in read(db, "playback_viewing", "app, interval_no, viewers") {
            said.viewing.insert((columns[0], columns[1]), columns[2]);
        }
        for (columns, _) in read(db, "playback_length", "app, aid, cid, duration_s") {
            said.lengths
                .insert((columns[0], columns[1], columns[2]), columns[3]);
        }
        said
    }
}

/// All rows of a table: these columns, and its state where it has one.
fn read(db: &Database, table: &str, columns: &str) -> Vec<(Vec<i64>, Vec<u8>)> {
    let has_state = ["playback_watch", "playback_reach"].contains(&table);
    let state = if has_state { ", state" } else { "" };
    let sql = format!("SELECT {columns}{state} FROM {table}");
    let count = columns.split(", ").count();
    let read = |mut row: Row| {
        let numbers = (0..count).map(|column| row.int(column).unwrap()).collect();
        let state = if has_state {
            row.take_bytes(count).unwrap()
        } else {
            Vec::new()
        };
        (numbers, state)
    };
    let rows = db.read(|tx| tx.query(&sql, &[])).unwrap();
    rows.into_iter().map(read).collect()
}
