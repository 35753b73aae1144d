//! The history of a viewer: each page is one search in the index of places, wherever it starts.

use reportd_db::{DbError, Row, Tx, Value};
use reportd_protocol::playback::meaning::{DeleteScope, Kid, OrderKey};
use reportd_protocol::playback::{
    Business, CursorQuery, EntryPlace, HistoryFilter, ListQuery, PageStart,
};

use super::rows::{business_number, place, unknown};
use crate::entry::ViewerNo;
use crate::seen::standing_deletes;
use crate::watch::{Shown, shown};

/// An entry of the history, with its place.
pub(crate) type Placed = (EntryPlace, Shown);

/// Entries of one second and number that are looked for: episodes of one season, and a video of that number.
const MOST_OF_A_PLACE: i64 = 1_000;

/// Which entries of a history are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HistorySlice {
    pub(crate) start: PageStart,
    pub(crate) filter: HistoryFilter,
    pub(crate) limit: u32,
}

impl From<&CursorQuery> for HistorySlice {
    fn from(query: &CursorQuery) -> Self {
        Self {
            start: query.start,
            filter: query.filter,
            limit: query.page_size,
        }
    }
}

/// A place as three numbers: all entries of a page lie before it.
type Bound = (i64, i64, i64);

/// The place before which a page lies. Numbers of entries are at least 1.
fn bound(start: PageStart) -> Bound {
    match start {
        PageStart::Newest => (i64::MAX, i64::MAX, i64::MAX),
        PageStart::OlderThan(view_at_s) => (view_at_s, -1, -1),
        PageStart::Behind {
            view_at_s,
            number,
            business,
        } => (view_at_s, number, business.map_or(-1, business_number)),
    }
}

/// A page of the history: the greatest places that its start admits, in descending order.
///
/// Entries that were viewed in one second may have one number: episodes of one season, and a video whose aid is the number
/// of the season. A page does not end between them, and is longer where it must: else the next one, which knows the second
/// and the number and may not know the business, would leave some out.
pub(crate) fn history_page(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    slice: &HistorySlice,
) -> Result<Vec<Placed>, DbError> {
    let before = bound(slice.start);
    let limit = i64::from(slice.limit);
    let only = match slice.filter {
        HistoryFilter::Nothing => return Ok(Vec::new()),
        HistoryFilter::All | HistoryFilter::Only(Business::Archive) => None,
        HistoryFilter::Only(business) => Some(business),
    };
    // One more tells whether the page would end between entries of one second and number.
    let mut rows = match only {
        None => rows_before(tx, viewer, before, limit + 1)?,
        Some(business) => rows_of_business(tx, viewer, before, business, limit + 1)?,
    };
    let fits = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = (rows.len() > fits).then(|| rows.pop()).flatten();
    let together = |row: &PlacedState| (row.0.view_at_s, row.0.number);
    let last = rows.last().map(together);
    if let Some(last) = last.filter(|last| next.is_some_and(|next| together(&next) == *last)) {
        rows.retain(|row| together(row) != last);
        let of_place = rows_of_place(tx, viewer, last)?.into_iter();
        // Those of it that lie before the page's start stand on an earlier page.
        rows.extend(of_place.filter(|row| {
            let business = business_number(row.0.business);
            only.is_none_or(|only| only == row.0.business) && (last.0, last.1, business) < before
        }));
    }
    Ok(rows.into_iter().filter_map(entry).collect())
}

/// A page of the history by its number; what lies before it is passed over in the index alone.
pub(crate) fn history_list(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    query: &ListQuery,
) -> Result<Vec<Placed>, DbError> {
    let Some(skip) = query.skip() else {
        return Ok(Vec::new());
    };
    let sql = "SELECT view_at, number, business FROM playback_watch WHERE viewer = $1 AND view_at >= 0 \
               ORDER BY view_at DESC, number DESC, business DESC LIMIT 1 OFFSET $2";
    let Some(first) = tx.query_first(sql, &[number(viewer), skip.into()])? else {
        return Ok(Vec::new());
    };
    let first = place(&first, 0)?;
    // With this entry, so before the next place above it.
    let before = (
        first.view_at_s,
        first.number,
        business_number(first.business) + 1,
    );
    let rows = rows_before(tx, viewer, before, i64::from(query.page_size))?;
    Ok(rows.into_iter().filter_map(entry).collect())
}

/// The newest part of a video, where the viewer's history shows the video.
pub(crate) fn newest_part(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    aid: i64,
) -> Result<Option<Shown>, DbError> {
    let sql = "SELECT state FROM playback_watch WHERE viewer = $1 AND aid = $2 AND view_at >= 0";
    let row = tx.query_first(sql, &[number(viewer), aid.into()])?;
    let state = row.map(|mut row| row.take_bytes(0)).transpose()?;
    Ok(state.and_then(|state| shown(aid, &state)))
}

/// Whether the history shows something that a delete of `kid` covers.
pub(crate) fn is_shown(tx: &mut Tx<'_>, viewer: ViewerNo, kid: Kid) -> Result<bool, DbError> {
    let bound = [number(viewer), kid.number.into()];
    let of_video = match kid.business {
        Business::Pgc => {
            "SELECT 1 FROM playback_watch WHERE viewer = $1 AND aid = $2 AND view_at >= 0 AND business = 1"
        }
        Business::Archive | Business::Cheese => {
            "SELECT 1 FROM playback_watch WHERE viewer = $1 AND aid = $2 AND view_at >= 0"
        }
    };
    if tx.query_first(of_video, &bound)?.is_some() {
        return Ok(true);
    }
    if kid.business != Business::Pgc {
        return Ok(false);
    }
    // By the videos of the season: so written, SQLite does not begin with all that the history shows.
    let of_season = "SELECT 1 FROM playback_season s CROSS JOIN playback_watch w WHERE s.viewer = $1 AND s.season = $2 \
                     AND w.viewer = s.viewer AND w.aid = s.aid AND w.view_at >= 0 LIMIT 1";
    Ok(tx.query_first(of_season, &bound)?.is_some())
}

/// A delete that can be undone, or was: its id, when, what it takes away, and whether it was undone.
pub(crate) type StandingDelete = (u64, OrderKey, DeleteScope, bool);

/// The deletes of a viewer, the newest first.
pub(crate) fn deletes(tx: &mut Tx<'_>, viewer: ViewerNo) -> Result<Vec<StandingDelete>, DbError> {
    let sql = "SELECT state FROM playback_seen WHERE viewer = $1";
    let Some(mut row) = tx.query_first(sql, &[number(viewer)])? else {
        return Ok(Vec::new());
    };
    let standing = standing_deletes(&row.take_bytes(0)?);
    let mut standing = standing.ok_or_else(|| unknown("set of deletes"))?;
    standing.sort_unstable_by_key(|(_, key, ..)| std::cmp::Reverse(*key));
    Ok(standing)
}

/// A place, and the video and its state that are there.
type PlacedState = (EntryPlace, i64, Vec<u8>);

fn rows_before(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    (view_at_s, of_number, business): Bound,
    limit: i64,
) -> Result<Vec<PlacedState>, DbError> {
    let sql = "SELECT view_at, number, business, aid, state FROM playback_watch \
               WHERE viewer = $1 AND view_at >= 0 AND (view_at, number, business) < ($2, $3, $4) \
               ORDER BY view_at DESC, number DESC, business DESC LIMIT $5";
    let values = [
        number(viewer),
        view_at_s.into(),
        of_number.into(),
        business.into(),
        limit.into(),
    ];
    read(tx.query(sql, &values)?)
}

/// Rows of one business. It stands in the text, so that both stores see that the index of all that is no archive serves.
fn rows_of_business(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    (view_at_s, of_number, before): Bound,
    business: Business,
    limit: i64,
) -> Result<Vec<PlacedState>, DbError> {
    let business = business_number(business);
    // An entry of the very number stands before the bound where its business does.
    let of_number = of_number.saturating_add(i64::from(business < before));
    let sql = format!(
        "SELECT view_at, number, business, aid, state FROM playback_watch \
         WHERE viewer = $1 AND business = {business} AND business <> 0 AND view_at >= 0 AND (view_at, number) < ($2, $3) \
         ORDER BY view_at DESC, number DESC LIMIT $4"
    );
    let values = [
        number(viewer),
        view_at_s.into(),
        of_number.into(),
        limit.into(),
    ];
    read(tx.query(&sql, &values)?)
}

fn rows_of_place(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    (view_at_s, of_number): (i64, i64),
) -> Result<Vec<PlacedState>, DbError> {
    let sql = "SELECT view_at, number, business, aid, state FROM playback_watch \
               WHERE viewer = $1 AND view_at >= 0 AND view_at = $2 AND number = $3 \
               ORDER BY business DESC LIMIT $4";
    let values = [
        number(viewer),
        view_at_s.into(),
        of_number.into(),
        MOST_OF_A_PLACE.into(),
    ];
    read(tx.query(sql, &values)?)
}

fn read(rows: Vec<Row>) -> Result<Vec<PlacedState>, DbError> {
    rows.into_iter()
        .map(|mut row| Ok((place(&row, 0)?, row.int(3)?, row.take_bytes(4)?)))
        .collect()
}

fn entry((place, aid, state): PlacedState) -> Option<Placed> {
    Some((place, shown(aid, &state)?))
}

pub(super) fn number(viewer: ViewerNo) -> Value<'static> {
    Value::Int(viewer.cast_signed())
}
