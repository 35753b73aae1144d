//! Locking the viewers of a batch, and what becomes of each.

use reportd_db::{DbError, Row, Tx, Value};

use super::{Cuts, Moved, Seen};
use crate::entry::ViewerNo;
use crate::gather::ToldViewer;
use crate::schema::SEEN;

/// A viewer of a batch, whose row is locked and up to date.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) viewer: ViewerNo,
    pub(crate) is_erased: bool,
    pub(crate) cuts: Cuts,
    pub(crate) moved: Moved,
}

/// The row of a viewer as it is and as it was.
struct Taken {
    seen: Seen,
    moved: Moved,
    stored: Vec<u8>,
}

impl Taken {
    fn new(row: Option<Row>, told: &ToldViewer, horizon_ms: i64) -> Result<Self, DbError> {
        let stored = match row {
            Some(row) => state_of(row)?,
            None => Vec::new(),
        };
        let mut seen = decode_seen(&stored)?;
        let moved = seen.take(&told.news, horizon_ms);
        Ok(Self {
            seen,
            moved,
            stored,
        })
    }
}

/// Locks the rows of viewers, which are in order, and writes what is told of them.
///
/// Those that are missing are made with what they are to say. Where another node has made one just now it is locked
/// after all, and read.
pub(crate) fn lock_viewers(
    tx: &mut Tx<'_>,
    told: &[ToldViewer],
    horizon_ms: i64,
) -> Result<Vec<Viewer>, DbError> {
    let key = |told: &ToldViewer| [told.viewer.cast_signed().into()];
    let keys: Vec<[Value<'_>; 1]> = told.iter().map(key).collect();
    let found = tx.find_locked(&SEEN, &keys)?;
    let is_known: Vec<bool> = found.iter().map(Option::is_some).collect();
    let mut taken = Vec::with_capacity(told.len());
    for (told, row) in told.iter().zip(found) {
        taken.push(Taken::new(row, told, horizon_ms)?);
    }
    let states: Vec<(i64, Vec<u8>)> = (taken.iter())
        .map(|taken| (taken.seen.due(), taken.seen.encode()))
        .collect();
    let row = |place: usize| -> [Value<'_>; 3] {
        let (due, state) = &states[place];
        let [viewer] = keys[place];
        [viewer, (*due).into(), state[..].into()]
    };
    let places = 0..told.len();
    let missing: Vec<usize> = places.clone().filter(|&place| !is_known[place]).collect();
    let rows: Vec<_> = missing.iter().map(|&place| row(place)).collect();
    let is_new = tx.insert_new(&SEEN, &rows)?;
    let made_by_others = (missing.iter().zip(is_new))
        .filter(|(_, is_new)| !is_new)
        .map(|(place, _)| *place)
        .collect();
    let changed = places.filter(|&place| is_known[place] && states[place].1 != taken[place].stored);
    let mut rows: Vec<_> = changed.map(row).collect();
    tx.upsert(&SEEN, &mut rows)?;
    lock_again(tx, told, made_by_others, &mut taken, horizon_ms)?;
    let viewers = told.iter().zip(taken);
    let viewers = viewers.map(|(told, taken)| Viewer {
        viewer: told.viewer,
        is_erased: taken.seen.is_erased,
        cuts: taken.seen.cuts(),
        moved: taken.moved,
    });
    Ok(viewers.collect())
}

/// Locks rows that others made meanwhile, and writes what is told of those.
fn lock_again(
    tx: &mut Tx<'_>,
    told: &[ToldViewer],
    places: Vec<usize>,
    taken: &mut [Taken],
    horizon_ms: i64,
) -> Result<(), DbError> {
    for place in places {
        let viewer = told[place].viewer;
        let found = tx.find_locked(&SEEN, &[[viewer.cast_signed().into()]])?;
        let row = found.into_iter().next().flatten();
        taken[place] = Taken::new(row, &told[place], horizon_ms)?;
        write_seen(tx, viewer, &taken[place].seen)?;
    }
    Ok(())
}

/// Writes a row that is locked.
pub(crate) fn write_seen(tx: &mut Tx<'_>, viewer: ViewerNo, seen: &Seen) -> Result<(), DbError> {
    let state = seen.encode();
    let viewer = viewer.cast_signed();
    tx.upsert(
        &SEEN,
        &mut [[viewer.into(), seen.due().into(), state[..].into()]],
    )
}

fn state_of(mut row: Row) -> Result<Vec<u8>, DbError> {
    row.take_bytes(1)
}

/// Locks the row of one viewer, where there is one, and reads it.
pub(crate) fn lock_seen(tx: &mut Tx<'_>, viewer: ViewerNo) -> Result<Seen, DbError> {
    let found = tx.find_locked(&SEEN, &[[viewer.cast_signed().into()]])?;
    match found.into_iter().next().flatten() {
        Some(row) => decode_seen(&state_of(row)?),
        None => Ok(Seen::default()),
    }
}

fn decode_seen(state: &[u8]) -> Result<Seen, DbError> {
    let unreadable = || DbError::Corrupt("a row of playback_seen cannot be read".to_owned());
    Seen::decode(state).ok_or_else(unreadable)
}
