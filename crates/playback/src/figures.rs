//! What play sessions add to the figures of a video: plays, seconds and viewers by day.

mod reaches;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::playback::meaning::{OrderKey, Tally};

pub(crate) use self::reaches::ALL_DAYS;
use self::reaches::Reaches;
use crate::schema::{DAY, LENGTH, PART, VIEWERS, VIEWING};
use crate::seen::runs::Between;

/// In the place of the day before, of a viewer's first day at a video.
const NEVER: i64 = -1;

/// An app, a video and a part of it.
pub(crate) type Part = (AppNo, i64, i64);

/// By how much figures move.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    reaches: Reaches,
    /// Plays and seconds by app, video and day.
    days: HashMap<(AppNo, i64, i64), (i64, i64), RandomState>,
    /// Plays of all days.
    parts: HashMap<Part, i64, RandomState>,
    /// By app, day, video and previous day.
    viewers: HashMap<(AppNo, i64, i64, i64), i64, RandomState>,
    viewing: BTreeMap<(AppNo, i64), i64>,
    lengths: HashMap<Part, (OrderKey, u32), RandomState>,
}

impl Figures {
    /// Play sessions of a part have become others.
    pub(crate) fn move_plays(&mut self, part: Part, changes: Vec<(Tally, i64)>) {
        let (app, aid, _) = part;
        for (tally, by) in changes {
            let day = self.days.entry((app, aid, tally.day)).or_default();
            day.0 += by;
            day.1 += by * tally.watched_s;
            *self.parts.entry(part).or_default() += by;
            self.reaches.count(part, &tally, by);
        }
    }

    /// A viewer watched a video on a day that was not known.
    pub(crate) fn add_viewer_day(&mut self, (app, aid): (AppNo, i64), day: i64, new: Between) {
        let before = new.before.unwrap_or(NEVER);
        let mut count = |day, previous, by| {
            *self.viewers.entry((app, day, aid, previous)).or_default() += by;
        };
        count(day, before, 1);
        if let Some(after) = new.after {
            count(after, before, -1);
            count(after, day, 1);
        }
    }

    /// A viewer was viewing in an interval that was not known.
    pub(crate) fn add_viewing(&mut self, app: AppNo, interval: i64) {
        *self.viewing.entry((app, interval)).or_default() += 1;
    }

    /// A beat told how long a part is.
    pub(crate) fn tell_length(&mut self, part: Part, key: OrderKey, duration_s: u32) {
        let newest = self.lengths.entry(part).or_insert((key, duration_s));
        *newest = (*newest).max((key, duration_s));
    }

    /// Writes them: the rows that are locked first, then those that add.
    pub(crate) fn write(self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        self.reaches.write(tx)?;
        let moved = self.days.into_iter().filter(|(_, by)| *by != (0, 0));
        let mut rows: Vec<[Value<'_>; 5]> = moved
            .map(|((app, aid, day), (plays, watched_s))| {
                [
                    app.into(),
                    aid.into(),
                    day.into(),
                    plays.into(),
                    watched_s.into(),
                ]
            })
            .collect();
        tx.upsert(&DAY, &mut rows)?;
        let moved = self.parts.into_iter().filter(|(_, by)| *by != 0);
        let mut rows: Vec<[Value<'_>; 4]> = moved
            .map(|((app, aid, cid), by)| [app.into(), aid.into(), cid.into(), by.into()])
            .collect();
        tx.upsert(&PART, &mut rows)?;
        let moved = self.viewers.into_iter().filter(|(_, by)| *by != 0);
        let mut rows: Vec<[Value<'_>; 5]> = moved
            .map(|((app, day, aid, previous), by)| {
                [
                    app.into(),
                    aid.into(),
                    day.into(),
                    previous.into(),
                    by.into(),
                ]
            })
            .collect();
        tx.upsert(&VIEWERS, &mut rows)?;
        let mut rows: Vec<[Value<'_>; 3]> = (self.viewing.into_iter())
            .map(|((app, interval), by)| [app.into(), interval.into(), by.into()])
            .collect();
        tx.upsert(&VIEWING, &mut rows)?;
        let mut rows: Vec<[Value<'_>; 7]> = (self.lengths.into_iter())
            .map(|((app, aid, cid), (key, duration_s))| {
                [
                    app.into(),
                    aid.into(),
                    cid.into(),
                    key.received_at_ms.into(),
                    key.stream.cast_signed().into(),
                    key.sequence.cast_signed().into(),
                    duration_s.into(),
                ]
            })
            .collect();
        tx.upsert(&LENGTH, &mut rows)
    }
}
