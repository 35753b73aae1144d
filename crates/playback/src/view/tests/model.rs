//! A naive model: it keeps every entry, and does what the spec says, word for word.

use std::collections::{BTreeMap, BTreeSet};

use reportd_protocol::playback::meaning::{DeleteScope, DeletedVideo, Kid, OrderKey};
use reportd_protocol::playback::{Beat, Business, PlayType, Position, VideoType};

use super::said::{FIRST_DAY, RANGES, Said};
use super::trace::{Event, app_of, viewer_of};
use crate::entry::{Record, ViewerNo};
use crate::watch::Shown;

/// A beat, and what its entry says of it.
struct Kept<'e> {
    app: i64,
    viewer: ViewerNo,
    key: OrderKey,
    source: u64,
    day: i64,
    is_import: bool,
    is_anonymous: bool,
    beat: &'e Beat<'static>,
}

pub(super) struct Model<'e> {
    beats: Vec<Kept<'e>>,
    events: &'e [Event],
}

/// A day and ten minutes: so long an undo counts.
const UNDO_ARRIVES_MS: i64 = 1450 * 60_000;

impl<'e> Model<'e> {
    pub(super) fn new(events: &'e [Event]) -> Self {
        let kept = |event: &'e Event| {
            let Record::Beat(record) = &event.record else {
                return None;
            };
            let received_at_ms = record.at_ms.unwrap_or(event.arrived.received_at_ms);
            Some(Kept {
                app: app_of(event).into(),
                viewer: record.viewer,
                key: OrderKey {
                    received_at_ms,
                    ..event.arrived
                },
                source: record.source,
                day: record.day,
                is_import: record.at_ms.is_some(),
                is_anonymous: record.is_anonymous,
                beat: &record.beat,
            })
        };
        let mut beats: Vec<_> = events.iter().filter_map(kept).collect();
        beats.sort_by_key(|kept| kept.key);
        Self { beats, events }
    }

    pub(super) fn said(&self) -> Said {
        let mut said = Said::default();
        let videos: BTreeSet<_> = self
            .beats
            .iter()
            .map(|kept| (kept.viewer, kept.beat.aid))
            .collect();
        for (viewer, aid) in videos {
            if let Some((place, shown)) = self.shown(viewer, aid) {
                said.history
                    .insert((viewer.cast_signed(), place, aid), shown);
            }
        }
        for session in self.sessions() {
            count_session(&mut said, &session);
        }
        said.days.retain(|_, sums| *sums != (0, 0));
        let mut viewing = BTreeSet::new();
        let mut watched = BTreeSet::new();
        for kept in &self.beats {
            let (app, aid) = (kept.app, kept.beat.aid);
            let is_viewing = matches!(kept.beat.play_type.number(), 0 | 1 | 3);
            if is_viewing && kept.beat.position != Position::End {
                viewing.insert((
                    app,
                    kept.key.received_at_ms / 600_000,
                    kept.viewer,
                    kept.is_import,
                ));
            }
            for (from, to) in RANGES.map(|(from, to)| (FIRST_DAY + from, FIRST_DAY + to)) {
                if (from..=to).contains(&kept.day) {
                    watched.insert(((app, aid, from, to), kept.viewer));
                }
            }
            if let Some(duration_s) = kept.beat.duration_s {
                // The newest is the last.
                said.lengths
                    .insert((app, aid, kept.beat.cid), duration_s.into());
            }
        }
        for (app, interval, ..) in viewing {
            *said.viewing.entry((app, interval)).or_default() += 1;
        }
        for (range, _) in watched {
            *said.viewers.entry(range).or_default() += 1;
        }
        said
    }

    /// The newest delete that stands and covers a video.
    fn deleted(&self, viewer: ViewerNo, video: &DeletedVideo<'_>) -> Option<OrderKey> {
        let undone = |wanted: u64, made_at_ms: i64| {
            self.events.iter().any(|event| match &event.record {
                Record::Undo { viewer: of, ids } => {
                    *of == viewer
                        && ids.contains(&wanted)
                        && event.arrived.received_at_ms <= made_at_ms + UNDO_ARRIVES_MS
                }
                _ => false,
            })
        };
        let keys = self.events.iter().filter_map(|event| match &event.record {
            Record::Delete {
                viewer: of,
                id,
                scope,
                ..
            } if *of == viewer => {
                let stands = !undone(*id, event.arrived.received_at_ms);
                let covers = match scope {
                    DeleteScope::All => true,
                    DeleteScope::Entry(_) => scope.covers(video),
                };
                (stands && covers).then_some(event.arrived)
            }
            _ => None,
        });
        keys.max()
    }

    fn is_erased(&self, viewer: ViewerNo) -> bool {
        let is_erasure = |event: &Event| matches!(event.record, Record::Erase { .. });
        self.events
            .iter()
            .any(|event| is_erasure(event) && viewer_of(event) == viewer)
    }

    /// Where the entry of a video stands, and what it says.
    fn shown(&self, viewer: ViewerNo, aid: i64) -> Option<([i64; 3], Shown)> {
        let of_video = self
            .beats
            .iter()
            .filter(|kept| kept.viewer == viewer && kept.beat.aid == aid && !kept.is_anonymous);
        let all: Vec<&Kept<'_>> = of_video.collect();
        if self.is_erased(viewer) {
            return None;
        }
        let seasons: BTreeSet<i64> = all.iter().filter_map(|kept| kept.beat.season_id).collect();
        let seasons: Vec<i64> = seasons.into_iter().collect();
        let is_episode = all
            .iter()
            .any(|kept| kept.beat.video_type == Some(VideoType::Episode));
        let deleted = self.deleted(
            viewer,
            &DeletedVideo {
                aid,
                seasons: &seasons,
                is_episode,
            },
        );
        let counted: Vec<&Kept<'_>> = all
            .into_iter()
            .filter(|kept| Some(kept.key) > deleted)
            .collect();
        let kept = newest_part(&counted)?;
        let beat = kept.beat;
        let business = Business::of(beat.video_type);
        let kid = Kid::of(business, aid, beat.season_id);
        let place = Business::ALL.iter().position(|known| *known == business)?;
        let shown = Shown {
            aid,
            cid: beat.cid,
            position: beat.position,
            duration_s: beat.duration_s,
            device: beat.device,
            business,
            season_id: beat.season_id,
            episode_id: beat.episode_id,
            view_at_ms: kept.key.received_at_ms,
        };
        let view_at = kept.key.received_at_ms / 1000;
        Some(([view_at, kid.number, i64::try_from(place).unwrap()], shown))
    }

    /// The beats of each play session, the earliest first.
    fn sessions(&self) -> Vec<Vec<&Kept<'e>>> {
        let mut named: BTreeMap<_, Vec<&Kept<'e>>> = BTreeMap::new();
        let mut sessions = Vec::new();
        for kept in &self.beats {
            let key = (
                kept.viewer,
                kept.beat.aid,
                kept.beat.cid,
                kept.beat.session.as_deref(),
            );
            let known = named.entry(key).or_default();
            let is_apart = known.last().is_some_and(|last| {
                let gap_ms = kept.key.received_at_ms - last.key.received_at_ms;
                key.3.is_none() && gap_ms > 30 * 60_000
            });
            if is_apart {
                sessions.push(std::mem::take(known));
            }
            known.push(kept);
        }
        sessions.extend(named.into_values());
        sessions
    }
}

/// The position of the part whose A is newest, by the two registers of each source. `counted` is in the order of keys.
fn newest_part<'k, 'e>(counted: &[&'k Kept<'e>]) -> Option<&'k Kept<'e>> {
    let is_active = |kept: &&&Kept<'_>| kept.beat.play_type != PlayType::Pause;
    match counted.iter().rfind(is_active) {
        Some(newest) => counted
            .iter()
            .rfind(|kept| kept.beat.cid == newest.beat.cid && kept.source == newest.source),
        None => counted.last(),
    }
    .copied()
}

fn count_session(said: &mut Said, session: &[&Kept<'_>]) {
    let (first, last) = (session[0], session[session.len() - 1]);
    let greatest = |field: fn(&Beat<'static>) -> Option<u32>| {
        let values = session.iter().filter_map(|kept| field(kept.beat));
        values.max().map(i64::from)
    };
    let claim = greatest(|beat| beat.real_played_s).or(greatest(|beat| beat.realtime_s));
    let open_s = (last.key.received_at_ms - first.key.received_at_ms) / 1000;
    let active = session
        .iter()
        .filter(|kept| kept.beat.play_type != PlayType::Pause);
    let quarters: BTreeSet<i64> = active
        .map(|kept| kept.key.received_at_ms / 15_000)
        .collect();
    let quarters_s = 15 * i64::try_from(quarters.len()).unwrap();
    let watched_s = claim.map_or(quarters_s, |claim| claim.min(open_s + 15));
    let (app, Beat { aid, cid, .. }) = (first.app, first.beat);
    let of_day = said.days.entry((app, *aid, first.day)).or_default();
    *of_day = (of_day.0 + 1, of_day.1 + watched_s);
    let furthest: Option<Position> = session.iter().map(|kept| kept.beat.position).max();
    for day in [first.day, -1] {
        let at = |position| (app, *aid, *cid, day, position);
        let reached = &mut said.reached;
        reached.entry(at(furthest.unwrap())).or_default().0 += 1;
        reached.entry(at(last.beat.position)).or_default().1 += 1;
    }
}
