//! Export: the raw reports of some days, oldest first, however many there are: the pages of the API, turned round.

use reportd_db::Database;
use reportd_journal::{Exported, ExportedBlock, JournalError};
use reportd_platform::AppNo;

use crate::entry::Decoder;
use crate::query::repeats_in;
use crate::raw_report::RawReport;
use crate::settings::MOST_AHEAD_MS;
use crate::view::VIEW;

/// The reports of an app whose `ts` lies on the days `from` to `to` in the app's zone. A report is never accepted more than
/// the greatest `comm.max_ahead` before it happens, also where it is replayed.
#[must_use]
pub fn exported(app: AppNo, from: i64, to: i64) -> Exported {
    Exported {
        kind: crate::KIND,
        view: VIEW,
        app,
        from,
        to,
        most_ahead_ms: MOST_AHEAD_MS,
    }
}

/// Shows the reports of a block that count to `visit`, oldest first.
pub fn visit_reports<E: From<JournalError>>(
    views: &Database,
    found: &ExportedBlock,
    visit: &mut dyn FnMut(&RawReport<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut repeats = None;
    for entry in found.entries() {
        let unreadable = || found.unreadable();
        let decoder = Decoder::new(entry.payload).ok_or_else(unreadable)?;
        if !found.has_day(decoder.head.day()) {
            continue;
        }
        let repeats = match &repeats {
            Some(repeats) => repeats,
            None => repeats.insert(repeats_in(views, found.block()).map_err(JournalError::from)?),
        };
        if repeats.contains(&entry.sequence) {
            continue;
        }
        let mut items = Vec::new();
        decoder
            .items(|_, item| items.push(item))
            .ok_or_else(unreadable)?;
        for item in items {
            visit(&RawReport {
                received_at_ms: entry.received_at_ms,
                ts_ms: decoder.head.ts_ms,
                item,
            })?;
        }
    }
    Ok(())
}
