//! All that is stored of a viewer, video by video.

use reportd_db::{DbError, Tx};
use reportd_protocol::playback::meaning::PlaySession;

use super::history::number;
use super::rows::unknown;
use crate::entry::ViewerNo;
use crate::plays::Plays;
use crate::watch::{Shown, Slot, Watch, shown};

/// What is stored of a viewer and a video.
#[derive(Debug)]
pub(crate) struct StoredVideo {
    pub(crate) aid: i64,
    /// The entry of the history, where it shows the video.
    pub(crate) shown: Option<Shown>,
    /// On which days the viewer watched.
    pub(crate) days: Vec<i64>,
    /// Play sessions, each with its part.
    pub(crate) plays: Vec<(i64, PlaySession)>,
}

/// Rows of play sessions that are read at once.
const PLAYS_AT_ONCE: i64 = 10_000;

/// The videos of a viewer behind `after`, by aid.
pub(crate) fn stored_videos(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    after: i64,
    limit: i64,
) -> Result<Vec<StoredVideo>, DbError> {
    let sql = "SELECT aid, state FROM playback_watch WHERE viewer = $1 AND aid > $2 ORDER BY aid LIMIT $3";
    let rows = tx.query(sql, &[number(viewer), after.into(), limit.into()])?;
    let mut videos = Vec::with_capacity(rows.len());
    for mut row in rows {
        let (aid, state) = (row.int(0)?, row.take_bytes(1)?);
        let watch = Watch::decode(&state).ok_or_else(|| unknown("state of a video"))?;
        let mut plays = Vec::new();
        if watch.has_more_plays {
            plays = more_plays(tx, viewer, aid, watch.slot.as_ref())?;
        }
        if let Some(slot) = &watch.slot {
            plays.extend(slot.plays.iter().map(|play| (slot.cid, play.clone())));
        }
        plays.sort_by_key(|(_, play)| play.first.key);
        videos.push(StoredVideo {
            aid,
            shown: shown(aid, &state),
            days: watch.days.iter().collect(),
            plays,
        });
    }
    Ok(videos)
}

/// Play sessions that have rows of their own. What stands there of the one in `slot` is of old.
fn more_plays(
    tx: &mut Tx<'_>,
    viewer: ViewerNo,
    aid: i64,
    slot: Option<&Slot>,
) -> Result<Vec<(i64, PlaySession)>, DbError> {
    let sql = "SELECT cid, session, state FROM playback_play WHERE viewer = $1 AND aid = $2 \
               AND (cid, session) > ($3, $4) ORDER BY cid, session LIMIT $5";
    let mut all = Vec::new();
    let mut after = (i64::MIN, i64::MIN);
    loop {
        let (cid, session) = (after.0.into(), after.1.into());
        let values = [
            number(viewer),
            aid.into(),
            cid,
            session,
            PLAYS_AT_ONCE.into(),
        ];
        let rows = tx.query(sql, &values)?;
        let is_last = i64::try_from(rows.len()).is_ok_and(|read| read < PLAYS_AT_ONCE);
        for mut row in rows {
            let (cid, session) = (row.int(0)?, row.int(1)?);
            after = (cid, session);
            if slot.is_some_and(|slot| (slot.cid, slot.session) == after) {
                continue;
            }
            let plays = Plays::decode(&row.take_bytes(2)?, session);
            let plays = plays.ok_or_else(|| unknown("play session"))?;
            all.extend(plays.iter().map(|play| (cid, play.clone())));
        }
        if is_last {
            return Ok(all);
        }
    }
}
