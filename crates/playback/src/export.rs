//! Export: the reports of some days as they came, oldest first by arrival, however many there are. Deletes and erasures
//! are no reports, and not in it.

mod raw_beat;

use std::collections::HashMap;

use reportd_db::{Column, Database, DbError, Merge, Table, Value};
use reportd_journal::{Exported, ExportedBlock, JournalError};
use reportd_platform::AppNo;

pub use self::raw_beat::RawBeat;
use crate::entry::{BeatRecord, Record, ViewerNo};
use crate::view::VIEW;

/// Whose number it is.
const MID: Table = Table {
    name: "playback_viewer",
    columns: &[
        Column {
            name: "viewer",
            merge: Merge::Key,
        },
        Column {
            name: "mid",
            merge: Merge::Payload,
        },
    ],
};

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
    let mids = mids(state, beats.iter().map(|(_, record)| record.viewer))?;
    for (received_at_ms, record) in &beats {
        let mid = mids.get(&record.viewer).copied();
        visit(&RawBeat::new(*received_at_ms, mid, record))?;
    }
    Ok(())
}

/// The mids of viewers that have one.
fn mids(
    state: &Database,
    viewers: impl Iterator<Item = ViewerNo>,
) -> Result<HashMap<ViewerNo, i64>, DbError> {
    let mut viewers: Vec<ViewerNo> = viewers.collect();
    viewers.sort_unstable();
    viewers.dedup();
    let keys: Vec<[Value<'_>; 1]> = viewers
        .iter()
        .map(|viewer| [viewer.cast_signed().into()])
        .collect();
    let rows = state.read(|tx| tx.find(&MID, &keys))?;
    let known = viewers.into_iter().zip(rows);
    known
        .filter_map(|(viewer, row)| Some(row?.int(0).map(|mid| (viewer, mid))))
        .collect()
}
