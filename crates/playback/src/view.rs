//! The fold of playback reports. Rows that a fold reads before it writes are locked first, in key order, and all folds
//! take the tables in one order: viewers ([`crate::seen`]), whose lock is that of all their videos, seasons and play
//! sessions; histograms ([`crate::reach`]); then the tables that only add. So no two folds wait for each other in a circle.

mod finals;
mod sweep;
#[cfg(test)]
pub(crate) mod tests;

use reportd_db::{DbError, Tx, Value};
use reportd_journal::{Batch, Difference, StreamNo, View};
use reportd_protocol::playback::meaning::LastBeat;

use self::finals::Finals;
use self::sweep::{covered_videos, sweep};
use crate::compare::compare;
use crate::figures::Figures;
use crate::gather::{Gathered, Told};
use crate::recent::{HANDED_ON_MS, KEPT_MS, Recent, encode_recent};
use crate::schema::RECENT;
use crate::seen::lock::lock_viewers;
use crate::watch::fold::fold_watches;

/// Its name, in positions and metrics.
pub(crate) const VIEW: &str = "playback";

/// The view.
#[derive(Debug)]
pub struct PlaybackView {
    /// All entries that arrived before this are folded, in ms.
    horizon_ms: i64,
    finals: Finals,
}

impl Default for PlaybackView {
    fn default() -> Self {
        Self {
            horizon_ms: i64::MIN,
            finals: Finals::default(),
        }
    }
}

impl PlaybackView {
    pub(crate) fn fold(&mut self, tx: &mut Tx<'_>, gathered: &Gathered) -> Result<(), DbError> {
        let viewers = lock_viewers(tx, &gathered.viewers, self.horizon_ms)?;
        let mut figures = Figures::default();
        for (told, viewer) in gathered.viewers.iter().zip(&viewers) {
            for interval in &viewer.moved.intervals {
                figures.add_viewing(told.app, *interval);
            }
        }
        let mut videos: Vec<_> = gathered.beats.iter().map(Told::video).collect();
        covered_videos(tx, &viewers, &mut videos)?;
        videos.sort_unstable();
        videos.dedup();
        fold_watches(tx, &videos, &gathered.beats, &viewers, &mut figures)?;
        for viewer in &viewers {
            sweep(tx, viewer)?;
        }
        // Last: others wait for the rows of a video that many watch, and should do so for a short while.
        figures.write(tx)
    }
}

/// Hands the newest beat of each viewer on to all nodes, and forgets what is of no use any more.
fn hand_on(
    tx: &mut Tx<'_>,
    (stream, first): (StreamNo, u64),
    beats: &[Told],
) -> Result<(), DbError> {
    let time_ms = |told: &Told| told.key().received_at_ms;
    let Some(newest_ms) = beats.iter().map(time_ms).max() else {
        return Ok(());
    };
    let of_viewers = beats.chunk_by(|a, b| a.viewer == b.viewer);
    let newest = of_viewers.filter_map(|beats| beats.iter().max_by_key(|told| told.key()));
    let recent: Vec<_> = newest
        .filter(|told| newest_ms - time_ms(told) < HANDED_ON_MS)
        .map(recent_of)
        .collect();
    let state = encode_recent(&recent);
    let first = Value::Int(first.cast_signed());
    tx.upsert(
        &RECENT,
        &mut [[stream.into(), first, newest_ms.into(), state[..].into()]],
    )?;
    let sql = "DELETE FROM playback_recent WHERE stream = $1 AND at_ms < $2";
    tx.execute(sql, &[stream.into(), (newest_ms - KEPT_MS).into()])?;
    Ok(())
}

fn recent_of(told: &Told) -> Recent {
    Recent {
        app: told.app,
        viewer: told.viewer,
        aid: told.aid,
        cid: told.cid,
        beat: LastBeat {
            received_at_ms: told.key().received_at_ms,
            play_type: told.play_type,
            position: told.facts.position,
            duration_s: told.facts.duration_s,
        },
        device: told.facts.device,
    }
}

impl View for PlaybackView {
    fn name(&self) -> &'static str {
        VIEW
    }

    fn kind(&self) -> reportd_journal::Kind {
        crate::KIND
    }

    fn apply(&mut self, tx: &mut Tx<'_>, batch: &Batch) -> Result<(), DbError> {
        let gathered = Gathered::of(batch)?;
        self.fold(tx, &gathered)?;
        let first = batch.entries().next().map_or(0, |entry| entry.sequence);
        hand_on(tx, (batch.stream(), first), &gathered.beats)
    }

    fn rolled_back(&mut self) {
        self.finals = Finals::default();
    }

    /// Deletes become final, and what was handed on is forgotten, also that of streams that nobody folds any more.
    fn prune(&mut self, tx: &mut Tx<'_>, horizon_ms: i64) -> Result<(), DbError> {
        self.horizon_ms = self.horizon_ms.max(horizon_ms);
        let sql = "DELETE FROM playback_recent WHERE at_ms < $1";
        tx.execute(sql, &[(horizon_ms - KEPT_MS).into()])?;
        self.finals.step(tx, horizon_ms)
    }

    fn compare(
        &self,
        stored: &mut Tx<'_>,
        folded: &mut Tx<'_>,
        tell: &mut dyn FnMut(Difference),
    ) -> Result<(), DbError> {
        compare(stored, folded, tell)
    }
}
