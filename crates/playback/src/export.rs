//! Export: the reports of some days as they came, oldest first by arrival, however many there are. Deletes and erasures
//! are no reports, and not in it.

mod raw_beat;

use reportd_db::{Database, DbError};
use reportd_journal::{Exported, ExportedBlock, JournalError};
use reportd_platform::AppNo;

pub use self::raw_beat::RawBeat;
use crate::entry::{BeatRecord, Record, ViewerNo};
use crate::view::VIEW;
use crate::viewers::mids;

/// The reports of an app that arrived on the days `from` to `to` in the app's zone, as that was when they were accepted.
#[must_use]
pub fn exported(app: AppNo, from: i64, to: i64) -> Exported {
    Exported {
        kind: crate::KIND,
        view: VIEW,
        app,
        from,
        to,
        // A report has no time but that of its arrival; imports lie before it.
        most_ahead_ms: 0,
    }
}

/// Shows the reports of a block to `visit`, oldest first. Who a viewer is stands in the state store alone: a number that
/// is nobody's, because the history was paused or is erased, has no mid.
pub fn visit_beats<E: From<JournalError> + From<DbError>>(
    state: &Database,
    found: &ExportedBlock,
    visit: &mut dyn FnMut(&RawBeat<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut beats: Vec<(i64, BeatRecord<'_>)> = Vec::new();
    for entry in found.entries() {
        let record = Record::decode(entry.payload).ok_or_else(|| found.unreadable())?;
        if let Record::Beat(record) = record
            && found.has_day(record.day)
        {
            beats.push((entry.received_at_ms, record));
        }
    }
    let mut viewers: Vec<ViewerNo> = beats.iter().map(|(_, record)| record.viewer).collect();
    viewers.sort_unstable();
    viewers.dedup();
    let mids = state.read(|tx| mids(tx, &viewers))?;
    for (received_at_ms, record) in &beats {
        let mid = mids.get(&record.viewer).copied();
        visit(&RawBeat::new(*received_at_ms, mid, record))?;
    }
    Ok(())
}
