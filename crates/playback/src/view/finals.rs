//! Deletes that can no longer be undone: what they cover is dropped, and they are forgotten.

use reportd_db::{DbError, Tx};

use super::sweep::{each_row, videos_of_season};
use crate::entry::ViewerNo;
use crate::seen::lock::{lock_seen, write_seen};
use crate::seen::{Cuts, FINAL_MS, Seen};
use crate::watch::fold::{read_rows, write_rows};

/// Viewers, and pages of one viewer's rows, at which one prune looks: it must not hold the fold up.
const VIEWERS_AT_ONCE: i64 = 200;
const PAGES_AT_ONCE: u32 = 10;

/// How far the deletes of a viewer have been made final.
#[derive(Debug, Clone, Copy)]
struct Place {
    viewer: ViewerNo,
    /// Up to this video.
    after: i64,
    /// Those that arrived before this.
    before_ms: i64,
}

/// Makes deletes final, a share at a time.
#[derive(Debug, Default)]
pub(super) struct Finals {
    /// A viewer with more rows than one share has; forgotten, it is begun anew.
    begun: Option<Place>,
}

impl Finals {
    /// Does a share. All entries that arrived before `horizon_ms` are folded.
    pub(super) fn step(&mut self, tx: &mut Tx<'_>, horizon_ms: i64) -> Result<(), DbError> {
        let before_ms = horizon_ms.saturating_sub(FINAL_MS);
        if let Some(place) = self.begun.take() {
            self.begun = finish(tx, place)?;
            return Ok(());
        }
        let sql =
            "SELECT viewer FROM playback_seen WHERE due >= 0 AND due < $1 ORDER BY due LIMIT $2";
        let page = tx.query(sql, &[before_ms.into(), VIEWERS_AT_ONCE.into()])?;
        // In the order in which folds lock them.
        let viewers: Result<Vec<u64>, DbError> = page.iter().map(|row| row.uint(0)).collect();
        let mut viewers = viewers?;
        viewers.sort_unstable();
        for viewer in viewers {
            let place = Place {
                viewer,
                after: i64::MIN,
                before_ms,
            };
            self.begun = finish(tx, place)?;
            if self.begun.is_some() {
                break;
            }
        }
        Ok(())
    }
}

/// Makes the deletes of a viewer final; where there is more to do than one share it returns how far it came.
fn finish(tx: &mut Tx<'_>, mut place: Place) -> Result<Option<Place>, DbError> {
    let mut seen = lock_seen(tx, place.viewer)?;
    let cuts = seen.final_cuts(place.before_ms);
    let standing = seen.cuts();
    if cuts.covers_all() {
        for _ in 0..PAGES_AT_ONCE {
            let last = each_row(tx, place.viewer, place.after, |row| {
                row.drop_final(&cuts);
                row.cut(&standing);
            })?;
            let Some(last) = last else {
                forget(tx, place, seen)?;
                return Ok(None);
            };
            place.after = last;
        }
        // Whoever compares must know what is being dropped.
        seen.final_before_ms = seen.final_before_ms.max(Some(place.before_ms));
        write_seen(tx, place.viewer, &seen)?;
        return Ok(Some(place));
    }
    drop_covered(tx, place.viewer, &cuts, &standing)?;
    forget(tx, place, seen)?;
    Ok(None)
}

fn drop_covered(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    cuts: &Cuts,
    standing: &Cuts,
) -> Result<(), DbError> {
    let mut videos: Vec<_> = cuts.videos().map(|aid| (viewer, aid)).collect();
    for season in cuts.seasons() {
        videos_of_season(tx, viewer, season, &mut videos)?;
    }
    videos.sort_unstable();
    videos.dedup();
    let mut rows = read_rows(tx, &videos)?;
    for row in &mut rows {
        row.drop_final(cuts);
        row.cut(standing);
    }
    write_rows(tx, &rows)
}

fn forget(tx: &mut Tx<'_>, place: Place, mut seen: Seen) -> Result<(), DbError> {
    seen.forget_final(place.before_ms);
    seen.final_before_ms = seen.final_before_ms.max(Some(place.before_ms));
    write_seen(tx, place.viewer, &seen)
}
