//! The newest beat of each viewer, and how many of them are viewing what. What it holds is as many as there are viewers of
//! the last 45 s, some 40 bytes each; what a call costs depends on what it shows.

use std::collections::{BTreeMap, HashMap};

use reportd_journal::StreamNo;
use reportd_platform::AppNo;
use reportd_protocol::playback::meaning::{FinishRule, LastBeat, VIEWING_WINDOW_MS};

use crate::entry::ViewerNo;

/// The newest beat of a viewer in a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewestBeat {
    pub(super) app: AppNo,
    pub(super) viewer: ViewerNo,
    pub(super) aid: i64,
    pub(super) cid: i64,
    /// With the duration known now.
    pub(super) beat: LastBeat,
    pub(super) is_browser: bool,
    /// The stream it came from. Within one, what comes later is newer.
    pub(super) stream: StreamNo,
}

/// How many are viewing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Viewing {
    pub(crate) all: u64,
    pub(crate) in_browsers: u64,
}

/// A part that somebody is viewing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartViewers {
    pub(crate) aid: i64,
    pub(crate) cid: i64,
    pub(crate) viewers: u64,
}

/// A part: app, aid, cid.
type PartKey = (AppNo, i64, i64);

/// What is known of a viewer.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at_ms: i64,
    stream: StreamNo,
    /// The part, among [`Parts`].
    part: u32,
    is_viewing: bool,
    is_browser: bool,
}

#[derive(Debug, Default)]
pub(super) struct Register {
    viewers: HashMap<ViewerNo, Seen, foldhash::fast::RandomState>,
    parts: Parts,
    /// Viewers by the time of a beat: where it is still their newest when it is too old, they go.
    by_time: BTreeMap<i64, Vec<ViewerNo>>,
    totals: HashMap<AppNo, u64>,
}

impl Register {
    /// Takes a beat in, where it is newer than what is known of its viewer.
    pub(super) fn add(&mut self, newest: &NewestBeat, now_ms: i64, rule: &FinishRule) {
        let at_ms = newest.beat.received_at_ms;
        if is_old(at_ms, now_ms) {
            return;
        }
        let known = self.viewers.get(&newest.viewer).copied();
        if known.is_some_and(|known| (at_ms, newest.stream) < (known.at_ms, known.stream)) {
            return;
        }
        if let Some(known) = known {
            self.leave(&known);
        }
        let seen = Seen {
            at_ms,
            stream: newest.stream,
            part: self.parts.enter((newest.app, newest.aid, newest.cid)),
            is_viewing: newest.beat.is_viewing(now_ms, rule),
            is_browser: newest.is_browser,
        };
        if seen.is_viewing {
            self.parts.count(seen.part, seen.is_browser, 1);
            *self.totals.entry(newest.app).or_default() += 1;
        }
        self.viewers.insert(newest.viewer, seen);
        if known.is_none_or(|known| known.at_ms != at_ms) {
            self.by_time.entry(at_ms).or_default().push(newest.viewer);
        }
    }

    /// Forgets beats that are too old to count at `now_ms`.
    pub(super) fn forget_old(&mut self, now_ms: i64) {
        while let Some(oldest) = self.by_time.first_entry() {
            let at_ms = *oldest.key();
            if !is_old(at_ms, now_ms) {
                return;
            }
            for viewer in oldest.remove() {
                let seen = self.viewers.get(&viewer).copied();
                if let Some(seen) = seen.filter(|seen| seen.at_ms == at_ms) {
                    self.viewers.remove(&viewer);
                    self.leave(&seen);
                }
            }
        }
    }

    fn leave(&mut self, seen: &Seen) {
        if seen.is_viewing {
            let (app, ..) = self.parts.count(seen.part, seen.is_browser, -1);
            if let Some(total) = self.totals.get_mut(&app) {
                *total = total.saturating_sub(1);
            }
        }
        self.parts.leave(seen.part);
    }

    pub(super) fn total(&self, app: AppNo) -> u64 {
        self.totals.get(&app).copied().unwrap_or(0)
    }

    /// Of all parts where `cid` is 0.
    pub(super) fn of_video(&self, app: AppNo, aid: i64, cid: i64) -> Viewing {
        let cids = if cid == 0 {
            (app, aid, i64::MIN)..=(app, aid, i64::MAX)
        } else {
            (app, aid, cid)..=(app, aid, cid)
        };
        let parts = self.parts.by_key.range(cids);
        parts.fold(Viewing::default(), |sum, (_, &part)| {
            let viewing = self.parts.viewing(part);
            Viewing {
                all: sum.all + viewing.all,
                in_browsers: sum.in_browsers + viewing.in_browsers,
            }
        })
    }

    pub(super) fn videos(&self, app: AppNo, limit: usize) -> Vec<PartViewers> {
        let of_app = (app, i64::MIN, i64::MIN)..=(app, i64::MAX, i64::MAX);
        let parts = self.parts.by_key.range(of_app);
        let mut viewed: Vec<PartViewers> = parts
            .map(|(&(_, aid, cid), &part)| PartViewers {
                aid,
                cid,
                viewers: self.parts.viewing(part).all,
            })
            .filter(|part| part.viewers > 0)
            .collect();
        let order = |part: &PartViewers| (std::cmp::Reverse(part.viewers), part.aid, part.cid);
        if viewed.len() > limit {
            viewed.select_nth_unstable_by_key(limit, order);
            viewed.truncate(limit);
        }
        viewed.sort_unstable_by_key(order);
        viewed
    }
}

fn is_old(at_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(at_ms) >= VIEWING_WINDOW_MS
}

/// The parts that viewers are at, by number: a part that nobody is at any more leaves its number to the next one.
#[derive(Debug, Default)]
struct Parts {
    by_key: BTreeMap<PartKey, u32>,
    all: Vec<Part>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Part {
    key: PartKey,
    /// Viewers whose newest beat is of it, viewing or not.
    held: u32,
    viewing: u32,
    in_browsers: u32,
}

impl Parts {
    fn enter(&mut self, key: PartKey) -> u32 {
        let number = match self.by_key.get(&key) {
            Some(number) => *number,
            None => self.take_number(key),
        };
        if let Some(part) = self.all.get_mut(number as usize) {
            part.held += 1;
        }
        number
    }

    fn take_number(&mut self, key: PartKey) -> u32 {
        let part = Part {
            key,
            held: 0,
            viewing: 0,
            in_browsers: 0,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.all[number as usize] = part;
                number
            }
            None => {
                self.all.push(part);
                // There are no more of them than viewers in memory.
                u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.by_key.insert(key, number);
        number
    }

    fn leave(&mut self, number: u32) {
        let Some(part) = self.all.get_mut(number as usize) else {
            return;
        };
        part.held -= 1;
        if part.held == 0 {
            self.by_key.remove(&part.key);
            self.free.push(number);
        }
    }

    /// Counts a viewer in or out; returns the part's key.
    fn count(&mut self, number: u32, is_browser: bool, by: i32) -> PartKey {
        let part = &mut self.all[number as usize];
        part.viewing = part.viewing.saturating_add_signed(by);
        if is_browser {
            part.in_browsers = part.in_browsers.saturating_add_signed(by);
        }
        part.key
    }

    fn viewing(&self, number: u32) -> Viewing {
        let part = self.all.get(number as usize);
        part.map_or(Viewing::default(), |part| Viewing {
            all: u64::from(part.viewing),
            in_browsers: u64::from(part.in_browsers),
        })
    }
}

#[cfg(test)]
mod tests {
    use reportd_protocol::playback::{PlayType, Position};

    use super::*;

    const NOW_MS: i64 = 1_000_000;

    fn beat(viewer: ViewerNo, aid: i64, at_ms: i64) -> NewestBeat {
        NewestBeat {
            app: 1,
            viewer,
            aid,
            cid: aid * 10,
            beat: LastBeat {
                received_at_ms: at_ms,
                play_type: PlayType::Playing,
                position: Position::At(1),
                duration_s: Some(100),
            },
            is_browser: viewer.is_multiple_of(2),
            stream: 1,
        }
    }

    fn add(register: &mut Register, beat: &NewestBeat) {
        register.add(beat, NOW_MS, &FinishRule::default());
    }

    fn viewing(all: u64, in_browsers: u64) -> Viewing {
        Viewing { all, in_browsers }
    }

    #[test]
    fn the_newest_beat_of_a_viewer_counts_whatever_comes_first() {
        let mut register = Register::default();
        add(&mut register, &beat(1, 5, NOW_MS - 10));
        add(&mut register, &beat(1, 6, NOW_MS - 20));
        add(&mut register, &beat(2, 5, NOW_MS));
        assert_eq!(register.of_video(1, 5, 0), viewing(2, 1));
        assert_eq!(register.of_video(1, 5, 50), viewing(2, 1));
        assert_eq!(register.of_video(1, 5, 51), viewing(0, 0));
        assert_eq!(register.of_video(1, 6, 0), viewing(0, 0));
        assert_eq!(register.of_video(2, 5, 0), viewing(0, 0));
        let mut paused = beat(1, 5, NOW_MS - 5);
        paused.beat.play_type = PlayType::Pause;
        add(&mut register, &paused);
        assert_eq!((register.total(1), register.total(2)), (1, 0));
        // Of two at one time that of the greater stream is newer.
        let mut other = beat(1, 7, NOW_MS - 5);
        other.stream = 2;
        add(&mut register, &other);
        add(&mut register, &paused);
        assert_eq!(register.of_video(1, 7, 0), viewing(1, 0));
    }

    #[test]
    fn a_beat_counts_for_45_s_and_nothing_is_left_of_it() {
        let mut register = Register::default();
        for viewer in 0..100 {
            let at_ms = NOW_MS - i64::try_from(viewer).unwrap();
            add(&mut register, &beat(viewer, 1 + at_ms % 7, at_ms));
            add(&mut register, &beat(viewer, 8, at_ms));
        }
        assert_eq!(register.of_video(1, 8, 80), viewing(100, 50));
        register.forget_old(NOW_MS + VIEWING_WINDOW_MS - 50);
        assert_eq!(register.total(1), 50);
        register.forget_old(NOW_MS + VIEWING_WINDOW_MS - 1);
        assert_eq!(register.total(1), 1);
        register.forget_old(NOW_MS + VIEWING_WINDOW_MS);
        assert_eq!(register.total(1), 0);
        assert!(register.viewers.is_empty() && register.by_time.is_empty());
        assert!(register.parts.by_key.is_empty());
        assert_eq!(register.parts.free.len(), register.parts.all.len());
        add(&mut register, &beat(1, 5, NOW_MS - VIEWING_WINDOW_MS));
        assert!(register.viewers.is_empty());
    }

    #[test]
    fn a_video_that_is_seen_to_its_end_is_viewed_by_nobody() {
        let mut register = Register::default();
        let mut at_end = beat(1, 5, NOW_MS);
        at_end.beat.position = Position::At(95);
        add(&mut register, &at_end);
        assert_eq!(register.total(1), 0);
        at_end.beat.duration_s = None;
        add(&mut register, &at_end);
        assert_eq!(register.total(1), 1);
    }

    #[test]
    fn parts_come_in_the_order_of_their_viewers() {
        let mut register = Register::default();
        for viewer in 0..10 {
            add(
                &mut register,
                &beat(
                    viewer,
                    1 + i64::from(viewer > 2) + i64::from(viewer > 8),
                    NOW_MS,
                ),
            );
        }
        let shown = |limit| -> Vec<_> {
            let videos = register.videos(1, limit).into_iter();
            videos
                .map(|part| (part.aid, part.cid, part.viewers))
                .collect()
        };
        assert_eq!(shown(10), [(2, 20, 6), (1, 10, 3), (3, 30, 1)]);
        assert_eq!(shown(2), [(2, 20, 6), (1, 10, 3)]);
        assert!(register.videos(2, 10).is_empty());
    }
}
