//! Folding what a batch tells of viewers at videos. All rows here belong to viewers whose row in `playback_seen` is locked.

use reportd_db::{DbError, Row, Tx, Value};
use reportd_protocol::playback::meaning::{Newest, tally_changes};

use super::{PlaceColumns, Slot, Watch};
use crate::entry::ViewerNo;
use crate::figures::Figures;
use crate::gather::Told;
use crate::plays::Plays;
use crate::schema::{PLAY, SEASON, WATCH};
use crate::seen::Cuts;
use crate::seen::lock::Viewer;

/// Rows that are in memory at once.
const ROWS_AT_ONCE: usize = 2_000;
/// Play sessions of one name that the row of the video holds; more of them have a row of their own.
const MOST_PLAYS_HERE: usize = 8;

/// A viewer and a video.
pub(crate) type Video = (ViewerNo, i64);

/// A row as it is read, and what it becomes.
pub(crate) struct WatchRow {
    key: Video,
    stored: Option<(PlaceColumns, Vec<u8>)>,
    pub(crate) watch: Watch,
}

/// Rows of other tables that folding a row writes.
#[derive(Default)]
struct Beside {
    seasons: Vec<(ViewerNo, i64, i64)>,
    plays: Vec<(Video, Slot)>,
}

/// Folds beats, and looks anew at the rows that deletes cover which came or went. `videos` are those of both, in order.
pub(crate) fn fold_watches(
    tx: &mut Tx<'_>,
    videos: &[Video],
    mut beats: &[Told],
    viewers: &[Viewer],
    figures: &mut Figures,
) -> Result<(), DbError> {
    for videos in videos.chunks(ROWS_AT_ONCE) {
        let mut rows = read_rows(tx, videos)?;
        let mut told = Vec::with_capacity(rows.len());
        for row in &rows {
            let of_row = beats.partition_point(|told| told.video() <= row.key);
            let (of_row, rest) = beats.split_at(of_row);
            beats = rest;
            told.push(of_row);
        }
        let plays = read_plays(tx, &rows, &told)?;
        let mut plays = plays.into_iter();
        let mut beside = Beside::default();
        for (row, beats) in rows.iter_mut().zip(told) {
            let place = viewers.binary_search_by_key(&row.key.0, |viewer| viewer.viewer);
            let Some(viewer) = place.ok().and_then(|place| viewers.get(place)) else {
                continue;
            };
            fold_plays(row, beats, &mut plays, &mut beside, figures)?;
            fold_days(row, beats, figures);
            if viewer.is_erased {
                row.watch.erase();
            } else {
                fold_registers(row, beats, &mut beside);
            }
            row.cut(&viewer.cuts);
        }
        write_rows(tx, &rows)?;
        beside.write(tx)?;
    }
    Ok(())
}

/// Reads rows.
pub(crate) fn read_rows(tx: &mut Tx<'_>, videos: &[Video]) -> Result<Vec<WatchRow>, DbError> {
    let key = |&(viewer, aid): &Video| [viewer.cast_signed().into(), aid.into()];
    let keys: Vec<[Value<'_>; 2]> = videos.iter().map(key).collect();
    let found = tx.find(&WATCH, &keys)?;
    let rows = videos.iter().zip(found);
    rows.map(|(&key, row)| WatchRow::new(key, row)).collect()
}

/// Writes the rows that have changed.
pub(crate) fn write_rows(tx: &mut Tx<'_>, rows: &[WatchRow]) -> Result<(), DbError> {
    let changed = rows.iter().filter_map(|row| {
        let place = row.watch.place(row.key.1);
        let state = row.watch.encode();
        let is_same = match &row.stored {
            Some(stored) => (stored.0, &stored.1) == (place, &state),
            None => row.watch == Watch::default(),
        };
        (!is_same).then_some((row.key, place, state))
    });
    let changed: Vec<_> = changed.collect();
    let mut rows: Vec<[Value<'_>; 6]> = Vec::with_capacity(changed.len());
    for (key, place, state) in &changed {
        rows.push([
            key.0.cast_signed().into(),
            key.1.into(),
            place.0.into(),
            place.1.into(),
            place.2.into(),
            state[..].into(),
        ]);
    }
    tx.upsert(&WATCH, &mut rows)
}

impl WatchRow {
    /// A row as it was found beside its key: the columns of the place, and the state.
    pub(crate) fn new(key: Video, row: Option<Row>) -> Result<Self, DbError> {
        let Some(mut row) = row else {
            let watch = Watch::default();
            let stored = None;
            return Ok(Self { key, stored, watch });
        };
        let (place, state) = ((row.int(0)?, row.int(1)?, row.int(2)?), row.take_bytes(3)?);
        let unreadable = || DbError::Corrupt("a row of playback_watch cannot be read".to_owned());
        let watch = Watch::decode(&state).ok_or_else(unreadable)?;
        let stored = Some((place, state));
        Ok(Self { key, stored, watch })
    }

    /// Applies the deletes that stand.
    pub(crate) fn cut(&mut self, cuts: &Cuts) {
        let newest = cuts.newest_covering(&self.watch.as_deleted(self.key.1));
        self.watch.set_cut(newest);
    }

    /// Drops for good what these deletes cover.
    pub(crate) fn drop_final(&mut self, cuts: &Cuts) {
        if let Some(cut) = cuts.newest_for_good(&self.watch.as_deleted(self.key.1)) {
            self.watch.drop_to(cut);
        }
    }
}

/// Which play sessions of a video stand in `playback_play`, as its row says now.
fn elsewhere(watch: &Watch) -> impl Fn((i64, i64)) -> bool + use<> {
    let here = watch.slot.as_ref().map(|slot| (slot.cid, slot.session));
    let has_more = watch.has_more_plays;
    move |slot| has_more && here != Some(slot)
}

/// Reads the play sessions that beats tell of and the rows of their videos do not hold, in the order of beats.
fn read_plays(
    tx: &mut Tx<'_>,
    rows: &[WatchRow],
    told: &[&[Told]],
) -> Result<Vec<Option<Row>>, DbError> {
    let mut keys: Vec<[Value<'_>; 4]> = Vec::new();
    for (row, beats) in rows.iter().zip(told) {
        let is_elsewhere = elsewhere(&row.watch);
        for beats in beats.chunk_by(|a, b| a.slot() == b.slot()) {
            let (cid, session) = beats[0].slot();
            if is_elsewhere((cid, session)) {
                let (viewer, aid) = row.key;
                let viewer = viewer.cast_signed();
                keys.push([viewer.into(), aid.into(), cid.into(), session.into()]);
            }
        }
    }
    tx.find(&PLAY, &keys)
}

/// Folds play sessions: those that were told of last stay in the row, all others go to rows of their own.
fn fold_plays(
    row: &mut WatchRow,
    beats: &[Told],
    stored: &mut impl Iterator<Item = Option<Row>>,
    beside: &mut Beside,
    figures: &mut Figures,
) -> Result<(), DbError> {
    let is_elsewhere = elsewhere(&row.watch);
    let mut here = row.watch.slot.take();
    // Each with whether a row of its own must be written where it does not stay here.
    let mut slots: Vec<(Slot, bool)> = Vec::new();
    for beats in beats.chunk_by(|a, b| a.slot() == b.slot()) {
        let (told, (cid, session)) = (&beats[0], beats[0].slot());
        let of_here = here.take_if(|slot| (slot.cid, slot.session) == (cid, session));
        let was_here = of_here.is_some();
        let before = if is_elsewhere((cid, session)) {
            read_slot(stored.next().flatten(), session)?
        } else {
            of_here.map_or_else(|| Plays::none(session), |slot| slot.plays)
        };
        let mut plays = before.clone();
        plays.add(beats.iter().map(|told| &told.play));
        let has_changed = plays != before;
        if has_changed {
            let changes = tally_changes(before.iter(), plays.iter());
            figures.move_plays((told.app, told.aid, cid), changes);
        }
        let slot = Slot {
            cid,
            session,
            plays,
        };
        slots.push((slot, has_changed || was_here));
    }
    slots.extend(here.map(|slot| (slot, true)));
    let small = slots
        .iter()
        .enumerate()
        .filter(|(_, (slot, _))| slot.is_small());
    let newest = small.max_by_key(|(_, (slot, _))| slot.plays.newest());
    if let Some((place, _)) = newest {
        row.watch.slot = Some(slots.swap_remove(place).0);
    }
    for (slot, _) in slots.into_iter().filter(|(_, is_written)| *is_written) {
        row.watch.has_more_plays = true;
        beside.plays.push((row.key, slot));
    }
    Ok(())
}

impl Slot {
    /// Whether it may stay in the row of the video.
    fn is_small(&self) -> bool {
        self.plays.iter().nth(MOST_PLAYS_HERE).is_none()
    }
}

fn read_slot(row: Option<Row>, session: i64) -> Result<Plays, DbError> {
    let Some(mut row) = row else {
        return Ok(Plays::none(session));
    };
    let unreadable = || DbError::Corrupt("a row of playback_play cannot be read".to_owned());
    Plays::decode(&row.take_bytes(0)?, session).ok_or_else(unreadable)
}

/// Folds days, and how long parts are.
fn fold_days(row: &mut WatchRow, beats: &[Told], figures: &mut Figures) {
    for told in beats {
        if let Some(new) = row.watch.days.insert(told.day()) {
            figures.add_viewer_day((told.app, told.aid), told.day(), new);
        }
        if let Some(duration_s) = told.facts.duration_s {
            figures.tell_length((told.app, told.aid, told.cid), told.key(), duration_s);
        }
    }
}

/// Folds where the viewer is. Of one without a history nothing is kept.
fn fold_registers(row: &mut WatchRow, beats: &[Told], beside: &mut Beside) {
    for told in beats.iter().filter(|told| !told.is_anonymous) {
        let beat = Newest {
            key: told.key(),
            value: told.facts,
        };
        let watch = &mut row.watch;
        watch.take((told.cid, told.source), told.play_type, beat);
        watch.is_episode |= told.is_episode;
        let season = told.facts.season_id;
        if let Some(season) = season.filter(|season| watch.name_season(*season)) {
            beside.seasons.push((told.viewer, season, told.aid));
        }
    }
}

impl Beside {
    fn write(self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let seasons = self.seasons.iter();
        let mut rows: Vec<[Value<'_>; 3]> = seasons
            .map(|&(viewer, season, aid)| [viewer.cast_signed().into(), season.into(), aid.into()])
            .collect();
        tx.upsert(&SEASON, &mut rows)?;
        let states: Vec<Vec<u8>> = (self.plays.iter())
            .map(|(_, slot)| slot.plays.encode())
            .collect();
        let plays = self.plays.iter().zip(&states);
        let mut rows: Vec<[Value<'_>; 5]> = plays
            .map(|(((viewer, aid), slot), state)| {
                [
                    viewer.cast_signed().into(),
                    (*aid).into(),
                    slot.cid.into(),
                    slot.session.into(),
                    state[..].into(),
                ]
            })
            .collect();
        tx.upsert(&PLAY, &mut rows)
    }
}
