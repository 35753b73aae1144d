//! What folds have left since it was read last, stream by stream.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use reportd_db::{Database, DbError, Row, Tx};
use reportd_journal::StreamNo;
use reportd_platform::AppNo;
use reportd_protocol::playback::Device;
use reportd_protocol::playback::meaning::VIEWING_WINDOW_MS;

use super::register::NewestBeat;
use crate::catalogue;
use crate::recent::decode_recent;

/// Batches that are read at once.
const AT_ONCE: i64 = 64;

/// How long what the catalogue says of a part is taken for true, in ms.
const CATALOGUE_AGE_MS: i64 = 30_000;

/// A part: app, aid, cid.
type PartKey = (AppNo, i64, i64);

/// How far each stream was read, and how long parts are.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The newest batch that was read, by stream.
    read: BTreeMap<StreamNo, u64>,
    /// Durations of the catalogue, and when they were looked up.
    lengths: HashMap<PartKey, (Option<u32>, i64), foldhash::fast::RandomState>,
    forgot_at_ms: i64,
    read_at: Option<Duration>,
}

impl Tail {
    /// True where it was read less than `interval` ago.
    pub(super) fn is_level(&self, now: Duration, interval: Duration) -> bool {
        self.read_at
            .is_some_and(|read_at| now.saturating_sub(read_at) < interval)
    }

    /// All was read at `now`.
    pub(super) fn read_at(&mut self, now: Duration) {
        self.read_at = Some(now);
    }

    /// The next beats; `None` where all is read. Blocks.
    pub(super) fn read(
        &mut self,
        state: &Database,
        views: &Database,
        now_ms: i64,
    ) -> Result<Option<Vec<NewestBeat>>, DbError> {
        let batches = views.read(|tx| self.next_batches(tx))?;
        if batches.is_empty() {
            return Ok(None);
        }
        let mut beats = Vec::new();
        for (stream, _, bytes) in &batches {
            for recent in decode_recent(bytes) {
                let unreadable = || DbError::Corrupt("newest beats that cannot be read".to_owned());
                let recent = recent.ok_or_else(unreadable)?;
                if now_ms.saturating_sub(recent.beat.received_at_ms) < VIEWING_WINDOW_MS {
                    beats.push(NewestBeat {
                        app: recent.app,
                        viewer: recent.viewer,
                        aid: recent.aid,
                        cid: recent.cid,
                        beat: recent.beat,
                        is_browser: recent.device == Some(Device::WEB),
                        stream: *stream,
                    });
                }
            }
        }
        self.look_up(state, &beats, now_ms)?;
        for beat in &mut beats {
            let listed = self.lengths.get(&(beat.app, beat.aid, beat.cid));
            if let Some((Some(duration_s), _)) = listed {
                beat.beat.duration_s = Some(*duration_s);
            }
        }
        // Only now: what failed is read again.
        let read = batches
            .iter()
            .map(|(stream, sequence, _)| (*stream, *sequence));
        self.read.extend(read);
        Ok(Some(beats))
    }

    /// Batches that were not read yet, of one stream.
    fn next_batches(&self, tx: &mut Tx<'_>) -> Result<Vec<(StreamNo, u64, Vec<u8>)>, DbError> {
        let mut after = -1;
        loop {
            let next =
                "SELECT stream FROM playback_recent WHERE stream > $1 ORDER BY stream LIMIT 1";
            let Some(row) = tx.query_first(next, &[after.into()])? else {
                return Ok(Vec::new());
            };
            after = row.int(0)?;
            let stream = stream_no(&row)?;
            let read = self.read.get(&stream).copied().unwrap_or(0);
            let sql = "SELECT stream, sequence, state FROM playback_recent \
                       WHERE stream = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
            let bound = [after.into(), read.cast_signed().into(), AT_ONCE.into()];
            let rows = tx.query(sql, &bound)?;
            if !rows.is_empty() {
                let batch = |mut row: Row| Ok((stream, row.uint(1)?, row.take_bytes(2)?));
                return rows.into_iter().map(batch).collect();
            }
        }
    }

    /// Looks up in the catalogue how long parts are of which that is not known, or was looked up a while ago.
    fn look_up(
        &mut self,
        state: &Database,
        beats: &[NewestBeat],
        now_ms: i64,
    ) -> Result<(), DbError> {
        if now_ms - self.forgot_at_ms > CATALOGUE_AGE_MS {
            self.forgot_at_ms = now_ms;
            self.lengths.retain(|_, known| is_young(known.1, now_ms));
        }
        let mut unknown: BTreeMap<AppNo, BTreeSet<(i64, i64)>> = BTreeMap::new();
        for beat in beats {
            let key = (beat.app, beat.aid, beat.cid);
            let known = self.lengths.get(&key);
            if !known.is_some_and(|known| is_young(known.1, now_ms)) {
                unknown
                    .entry(beat.app)
                    .or_default()
                    .insert((beat.aid, beat.cid));
            }
        }
        for (app, parts) in unknown {
            let parts: Vec<(i64, i64)> = parts.into_iter().collect();
            let found = state.read(|tx| catalogue::listed(tx, app, &parts))?;
            for ((aid, cid), found) in parts.into_iter().zip(found) {
                self.lengths
                    .insert((app, aid, cid), (found.duration_s, now_ms));
            }
        }
        Ok(())
    }
}

fn is_young(looked_up_at_ms: i64, now_ms: i64) -> bool {
    now_ms - looked_up_at_ms < CATALOGUE_AGE_MS
}

fn stream_no(row: &Row) -> Result<StreamNo, DbError> {
    StreamNo::try_from(row.int(0)?).map_err(|_| DbError::Type {
        column: 0,
        expected: "the number of a stream",
    })
}

/// Asks for batches as a node does that has read none, for a look at the plans.
#[cfg(test)]
pub(crate) fn read_tail(tx: &mut Tx<'_>) -> Result<usize, DbError> {
    Tail::default()
        .next_batches(tx)
        .map(|batches| batches.len())
}
