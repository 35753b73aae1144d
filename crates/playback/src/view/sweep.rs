//! Looking at rows anew that a delete, an undo or an erasure covers.

use reportd_db::{DbError, Tx, Value};
use reportd_protocol::playback::meaning::DeleteScope;

use crate::entry::ViewerNo;
use crate::seen::is_season;
use crate::seen::lock::Viewer;
use crate::watch::fold::{Video, WatchRow, write_rows};

/// Rows that are in memory at once.
const PAGE: i64 = 1_000;

/// Adds the videos that deletes cover which came or went; not those that cover all.
pub(super) fn covered_videos(
    tx: &mut Tx<'_>,
    viewers: &[Viewer],
    videos: &mut Vec<Video>,
) -> Result<(), DbError> {
    for viewer in viewers {
        for scope in &viewer.moved.scopes {
            let DeleteScope::Entry(kid) = scope else {
                continue;
            };
            videos.push((viewer.viewer, kid.number));
            if is_season(*kid) {
                videos_of_season(tx, viewer.viewer, kid.number, videos)?;
            }
        }
    }
    Ok(())
}

/// Adds the videos for which reports of a viewer have named a season.
pub(super) fn videos_of_season(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    season: i64,
    videos: &mut Vec<Video>,
) -> Result<(), DbError> {
    let mut after = i64::MIN;
    loop {
        let sql = "SELECT aid FROM playback_season WHERE viewer = $1 AND season = $2 AND aid > $3 \
                   ORDER BY aid LIMIT $4";
        let key = [viewer.cast_signed(), season, after, PAGE].map(Value::Int);
        let page = tx.query(sql, &key)?;
        if page.is_empty() {
            return Ok(());
        }
        for row in page {
            after = row.int(0)?;
            videos.push((viewer, after));
        }
    }
}

/// Looks at all rows of a viewer anew, after a delete of all, the undo of one, or an erasure.
pub(super) fn sweep(tx: &mut Tx<'_>, viewer: &Viewer) -> Result<(), DbError> {
    let moved = &viewer.moved;
    if !moved.is_erased && !moved.scopes.contains(&DeleteScope::All) {
        return Ok(());
    }
    let mut after = Some(i64::MIN);
    while let Some(behind) = after {
        after = each_row(tx, viewer.viewer, behind, |row| {
            if viewer.is_erased {
                row.watch.erase();
            }
            row.cut(&viewer.cuts);
        })?;
    }
    if moved.is_erased {
        let sql = "DELETE FROM playback_season WHERE viewer = $1";
        tx.execute(sql, &[viewer.viewer.cast_signed().into()])?;
    }
    Ok(())
}

/// Changes a page of a viewer's rows behind a video; returns the last video of it, or `None` where there are no more.
pub(super) fn each_row(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    after: i64,
    mut change: impl FnMut(&mut WatchRow),
) -> Result<Option<i64>, DbError> {
    let sql = "SELECT view_at, number, business, state, aid FROM playback_watch WHERE viewer = $1 AND aid > $2 \
               ORDER BY aid LIMIT $3";
    let key = [viewer.cast_signed(), after, PAGE].map(Value::Int);
    let mut rows = Vec::new();
    let mut last = None;
    for row in tx.query(sql, &key)? {
        let aid = row.int(4)?;
        last = Some(aid);
        let mut row = WatchRow::new((viewer, aid), Some(row))?;
        change(&mut row);
        rows.push(row);
    }
    write_rows(tx, &rows)?;
    Ok(last)
}
